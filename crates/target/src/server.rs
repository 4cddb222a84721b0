//! One shard of the server: accepting, and what its connections share.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::poll_fn;
use throng_transport::tls::TlsAcceptor;
use throng_transport::{Clock, Connection, Listener, Nanos, Remote, Shard};

use crate::connection;
use crate::counters::Board;
use crate::date::DateCache;
use crate::routes::Nonces;
use crate::secret::Secret;
use crate::session::{Desk, FILLER};
use crate::silence::Silence;
use crate::websocket;

/// Accepts that wait at once on a shard: so many connections are taken in one turn.
const ACCEPTS: u32 = 16;
/// Pause after an accept that failed, which it does when every socket is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Bytes of one piece of a streamed body.
pub(crate) const BLOCK_BYTES: usize = 128 * 1024;
/// How long a stopping server waits for answers to be taken.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// What all shards share.
#[derive(Debug)]
pub(crate) struct Everyone {
    pub(crate) board: Arc<Board>,
    pub(crate) secret: Arc<Secret>,
    pub(crate) nonces: Arc<Nonces>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) silence: Silence,
    /// Ways to all shards, once they have started.
    pub(crate) remotes: OnceLock<Vec<Remote>>,
    /// When what is still open is cut, once the server stops; 0 before.
    stop_at: AtomicU64,
}

impl Everyone {
    pub(crate) fn new(shards: usize, tls: Option<TlsAcceptor>) -> Self {
        Self {
            board: Arc::new(Board::new(shards)),
            secret: Arc::new(Secret::random()),
            nonces: Arc::default(),
            tls,
            silence: Silence::default(),
            remotes: OnceLock::new(),
            stop_at: AtomicU64::new(0),
        }
    }

    pub(crate) fn stop<'a>(&self, shards: impl Iterator<Item = &'a Remote>) {
        self.stop_at.store(Clock::now().after(STOP_GRACE).0, Ordering::Release);
        self.silence.end();
        for remote in shards {
            remote.run(Shard::wake_owners);
        }
    }
}

/// One shard's part.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) desk: Desk,
    pub(crate) everyone: Arc<Everyone>,
    /// What the shard's WebSockets share.
    pub(crate) sockets: websocket::Board,
    /// A piece of the bodies of `/bytes`.
    pub(crate) block: Rc<[u8]>,
}

impl Server {
    pub(crate) fn new(index: usize, shard: &Shard, everyone: Arc<Everyone>) -> Rc<Self> {
        let desk = Desk {
            board: Arc::clone(&everyone.board),
            secret: Arc::clone(&everyone.secret),
            nonces: Arc::clone(&everyone.nonces),
            shard: index,
            date: DateCache::new(shard.turn_time()),
            issued: Cell::new(0),
        };
        Rc::new(Self { desk, everyone, sockets: websocket::Board::default(), block: vec![FILLER; BLOCK_BYTES].into() })
    }

    /// Until when what is under way may go on, once the server stops.
    pub(crate) fn stop_at(&self) -> Option<Nanos> {
        match self.everyone.stop_at.load(Ordering::Acquire) {
            0 => None,
            instant => Some(Nanos(instant)),
        }
    }

    /// Starts to accept on `listener`.
    pub(crate) fn accept_on(self: &Rc<Self>, shard: &Shard, listener: Listener) {
        let listener = Rc::new(listener);
        for _ in 0..ACCEPTS.min(shard.counts().sockets_max) {
            shard.spawn(Rc::clone(self).accept(shard.clone(), Rc::clone(&listener)));
        }
    }

    async fn accept(self: Rc<Self>, shard: Shard, listener: Rc<Listener>) {
        while self.stop_at().is_none() {
            let accepted = {
                let mut accept = pin!(listener.accept());
                poll_fn(|context| match self.stop_at() {
                    Some(_) => Poll::Ready(None),
                    None => accept.as_mut().poll(context).map(Some),
                })
                .await
            };
            match accepted {
                None => return,
                Some(Ok(connection)) => self.welcome(&shard, connection),
                Some(Err(_)) => shard.sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn welcome(self: &Rc<Self>, shard: &Shard, connection: Connection) {
        let open = Open::new(Rc::clone(self));
        shard.spawn(connection::serve(connection, open));
    }
}

/// A connection that counts as open until this is dropped, however its task ends.
#[derive(Debug)]
pub(crate) struct Open(Rc<Server>);

impl Open {
    fn new(server: Rc<Server>) -> Self {
        server.desk.counters().connection_opened();
        Self(server)
    }
}

impl std::ops::Deref for Open {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.desk.counters().connection_closed();
    }
}
