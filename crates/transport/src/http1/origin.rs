//! Where requests go: a host and port, and the addresses behind them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::resolve::{ResolveError, resolve};
use crate::shard::Shard;
use crate::time::{Clock, Nanos};
use crate::tls::{ServerIdentity, TlsClient, TlsError};

/// How long a name's addresses are used before they are looked up again; k6's default `ttl`.
const ADDRESSES_TTL: Duration = Duration::from_secs(300);

/// A scheme, host and port, and the addresses behind them; shared by all requests of a shard that go there.
#[derive(Debug)]
pub struct Origin {
    host: String,
    port: u16,
    addresses: RefCell<Vec<SocketAddr>>,
    looked_up_at: Cell<Option<Nanos>>,
    next: Cell<usize>,
    look_up: LookUp,
    tls: Option<ServerIdentity>,
}

/// The look-up under way: one for all who want it, since each is a thread.
#[derive(Debug, Default)]
struct LookUp {
    under_way: Cell<bool>,
    /// How many have ended.
    ended: Cell<u64>,
    /// How the last one failed.
    failure: RefCell<Option<ResolveError>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Origin {
    /// An origin that hasn't been looked up yet.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            addresses: RefCell::default(),
            looked_up_at: Cell::new(None),
            next: Cell::new(0),
            look_up: LookUp::default(),
            tls: None,
        }
    }

    /// An origin that is spoken to by TLS, as `client` does; it keeps the sessions that may be resumed.
    ///
    /// # Errors
    /// When no certificate could be for that host, or the system has no authorities to verify by.
    pub fn with_tls(host: &str, port: u16, client: &TlsClient) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(client.server(host)?), ..Self::new(host, port) })
    }

    /// How to speak TLS to it; none if it is plain.
    pub(super) fn tls(&self) -> Option<&ServerIdentity> {
        self.tls.as_ref()
    }

    /// The next of its addresses, in turn.
    pub(super) async fn address(&self, shard: &Shard) -> Result<SocketAddr, ResolveError> {
        while !self.is_fresh() {
            self.refresh(shard).await?;
        }
        let addresses = self.addresses.borrow();
        let next = self.next.get();
        self.next.set(next.wrapping_add(1));
        Ok(addresses[next % addresses.len()])
    }

    fn is_fresh(&self) -> bool {
        self.looked_up_at.get().is_some_and(|at| Clock::now() < at.after(ADDRESSES_TTL))
    }

    /// Looks the name up, or waits for whoever does and takes the same answer. Ends without one only if that one gave
    /// up.
    async fn refresh(&self, shard: &Shard) -> Result<(), ResolveError> {
        if self.look_up.under_way.replace(true) {
            let before = self.look_up.ended.get();
            self.look_up.wait().await;
            let answered = self.look_up.ended.get() > before;
            return match &*self.look_up.failure.borrow() {
                Some(failure) if answered => Err(failure.clone()),
                _ => Ok(()),
            };
        }
        let _turn = Turn(&self.look_up);
        let answer = resolve(shard, &self.host, self.port).await;
        self.look_up.ended.set(self.look_up.ended.get() + 1);
        self.look_up.failure.replace(answer.as_ref().err().cloned());
        self.addresses.replace(answer?);
        self.looked_up_at.set(Some(Clock::now()));
        Ok(())
    }
}

impl LookUp {
    async fn wait(&self) {
        poll_fn(|context| {
            if !self.under_way.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Whoever looks up. When it is done, or given up, the others go on: one of them may look up next.
struct Turn<'a>(&'a LookUp);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(false);
        for waker in self.0.waiting.take() {
            waker.wake();
        }
    }
}
