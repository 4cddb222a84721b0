//! From a host's name to its addresses.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::shard::Shard;

/// A name that could not be resolved.
#[derive(Clone, Debug, thiserror::Error)]
#[error("lookup of {host} failed: {message}")]
pub struct ResolveError {
    /// The name.
    pub host: String,
    /// What the resolver said.
    pub message: String,
}

/// All addresses of `host`, which may be an address itself. Names are looked up by the system's resolver on a thread
/// of its own, since that call blocks.
///
/// # Errors
/// When the name has no address.
pub async fn resolve(shard: &Shard, host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failure = |message: String| ResolveError { host: host.to_owned(), message };
    let addresses = look_up(shard, host.to_owned(), port).await.map_err(|error| failure(error.to_string()))?;
    if addresses.is_empty() {
        return Err(failure("it has no address".into()));
    }
    Ok(addresses)
}

type Answer = io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct Pending {
    answer: Cell<Option<Answer>>,
    waker: RefCell<Option<Waker>>,
}

thread_local! {
    /// Questions under way on this shard, by number: the answer comes from another thread and can't carry an `Rc`.
    static QUESTIONS: RefCell<slab::Slab<Rc<Pending>>> = const { RefCell::new(slab::Slab::new()) };
}

async fn look_up(shard: &Shard, host: String, port: u16) -> Answer {
    shard.count_look_up();
    let pending = Rc::new(Pending::default());
    let number = QUESTIONS.with_borrow_mut(|questions| questions.insert(Rc::clone(&pending)));
    let remote = shard.remote();
    std::thread::Builder::new().name("throng-resolve".into()).spawn(move || {
        let answer = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        remote.run(move |_| {
            let pending = QUESTIONS.with_borrow_mut(|questions| questions.remove(number));
            pending.answer.set(Some(answer));
            if let Some(waker) = pending.waker.take() {
                waker.wake();
            }
        });
    })?;
    poll_fn(|context| match pending.answer.take() {
        Some(answer) => Poll::Ready(answer),
        None => {
            pending.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        }
    })
    .await
}
