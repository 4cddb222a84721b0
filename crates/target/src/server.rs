//! One shard of the server: accepting, and what its connections share.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use throng_transport::tls::TlsAcceptor;
use throng_transport::{Clock, Listener, Nanos, Remote, Shard};

use crate::counters::Board;
use crate::date::DateCache;
use crate::lobby::{self, Lobby};
use crate::routes::Nonces;
use crate::secret::Secret;
use crate::session::{Desk, FILLER};
use crate::silence::Silence;
use crate::websocket::{self, Hall};

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
    /// How often all WebSockets were reset.
    resets: AtomicU64,
    /// When what is still open is cut, once the server stops; 0 before.
    stop_at: AtomicU64,
}

impl Everyone {
    pub(crate) fn new(shards: usize, tls: Option<TlsAcceptor>) -> Self {
        Self {
            // One more for the thread of datagrams.
            board: Arc::new(Board::new(shards + 1)),
            secret: Arc::new(Secret::random()),
            nonces: Arc::default(),
            tls,
            silence: Silence::default(),
            remotes: OnceLock::new(),
            resets: AtomicU64::new(0),
            stop_at: AtomicU64::new(0),
        }
    }

    /// Has every shard reset the WebSockets that it has.
    pub(crate) fn reset_websockets(&self) {
        self.resets.fetch_add(1, Ordering::AcqRel);
        for remote in self.remotes.get().into_iter().flatten() {
            remote.run(Shard::wake_owners);
        }
    }

    /// How often that was asked for: whoever finds another number than when its WebSocket was opened resets it.
    pub(crate) fn resets(&self) -> u64 {
        self.resets.load(Ordering::Acquire)
    }

    /// Whether the server is to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop_at.load(Ordering::Acquire) != 0
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
    /// Connections on which nothing is said.
    pub(crate) lobby: Lobby,
    /// WebSockets without a task each.
    pub(crate) hall: Hall,
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
        Rc::new(Self {
            desk,
            everyone,
            sockets: websocket::Board::default(),
            lobby: Lobby::new(shard),
            hall: Hall::new(shard),
            block: vec![FILLER; BLOCK_BYTES].into(),
        })
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
        shard.spawn(lobby::attend(Rc::clone(self), shard.clone(), listener));
        shard.spawn(websocket::attend(Rc::clone(self)));
    }
}

/// A connection that counts as open until this is dropped, however its task ends.
#[derive(Debug)]
pub(crate) struct Open {
    server: Rc<Server>,
    goes_on: bool,
}

impl Open {
    /// Of a connection that is counted already.
    pub(crate) fn of(server: Rc<Server>) -> Self {
        Self { server, goes_on: false }
    }

    /// Whose connection it is.
    pub(crate) fn server(&self) -> &Rc<Server> {
        &self.server
    }

    /// The connection goes on without its task.
    pub(crate) fn rest(mut self) {
        self.goes_on = true;
    }
}

impl std::ops::Deref for Open {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.goes_on {
            self.server.desk.counters().connection_closed();
        }
    }
}
