//! Connections on which nothing is said: they wait without a task each, of which there may be a million.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::poll_fn;
use throng_transport::{Connection, ConnectionSet, Happened, Listener, SetEvent, SetKey, Shard, Sleep};

use crate::connection;
use crate::server::{Open, Server};

/// Accepts that wait at once on a shard: so many connections are taken in one turn.
const ACCEPTS: u32 = 16;
/// Pause after an accept that failed, which it does when every socket is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// A client that has said nothing for so long has no task any more until it speaks again.
pub(crate) const IDLE_AFTER: Duration = Duration::from_secs(2);

/// What a slot of the set is used for.
const ACCEPTING: u32 = 0;
const IDLE: u32 = 1;

/// The connections of a shard that wait for their client to speak.
#[derive(Debug)]
pub(crate) struct Lobby {
    set: ConnectionSet,
    idle: Cell<u64>,
}

/// What the lobby's task has to do next.
enum Turn<'a> {
    Event(SetEvent<'a>),
    /// Try to accept again.
    Accept,
    Stop,
}

impl Lobby {
    pub(crate) fn new(shard: &Shard) -> Self {
        Self { set: ConnectionSet::new(shard), idle: Cell::new(0) }
    }

    /// Keeps a connection, which goes on counting as open, until its client speaks.
    pub(crate) fn take_in(&self, connection: Connection) {
        let _key = self.set.adopt(connection, IDLE);
        self.idle.set(self.idle.get() + 1);
    }

    fn left(&self) {
        self.idle.set(self.idle.get() - 1);
    }
}

/// Accepts on `listener` and waits for clients to speak, until the server stops.
pub(crate) async fn attend(server: Rc<Server>, shard: Shard, listener: Listener) {
    let Lobby { set, idle } = &server.lobby;
    let accepts_max = ACCEPTS.min(shard.counts().sockets_max);
    let (mut accepts, mut pause) = (0, None::<Sleep>);
    loop {
        while accepts < accepts_max && pause.is_none() {
            match set.accept(&listener, ACCEPTING) {
                Ok(_) => accepts += 1,
                Err(_) => pause = Some(shard.sleep(ACCEPT_PAUSE)),
            }
        }
        match next(&server, &mut pause).await {
            Turn::Event(SetEvent { key, token: ACCEPTING, what }) => {
                accepts -= 1;
                match what {
                    Happened::Opened => welcome(&server, &shard, key),
                    _ => {
                        set.close(key);
                        pause = Some(shard.sleep(ACCEPT_PAUSE));
                    }
                }
            }
            Turn::Event(SetEvent { key, what, .. }) => {
                server.lobby.left();
                match what {
                    Happened::Received(chunk) => {
                        chunk.put_back();
                        serve(&server, &shard, key);
                    }
                    // It may still read what it was sent.
                    Happened::Ended if set.is_sending(key) => serve(&server, &shard, key),
                    _ => {
                        set.close(key);
                        server.desk.counters().connection_closed();
                    }
                }
            }
            Turn::Accept => {}
            Turn::Stop => break,
        }
    }
    for _ in 0..idle.take() {
        server.desk.counters().connection_closed();
    }
    set.close_all();
}

async fn next<'a>(server: &'a Server, pause: &mut Option<Sleep>) -> Turn<'a> {
    poll_fn(|context| {
        if server.stop_at().is_some() {
            return Poll::Ready(Turn::Stop);
        }
        if let Poll::Ready(event) = server.lobby.set.poll_event(context) {
            return Poll::Ready(Turn::Event(event));
        }
        if pause.as_mut().is_some_and(|pause| Pin::new(pause).poll(context).is_ready()) {
            *pause = None;
            return Poll::Ready(Turn::Accept);
        }
        Poll::Pending
    })
    .await
}

/// A client has connected. By TLS it has to speak at once.
fn welcome(server: &Rc<Server>, shard: &Shard, key: SetKey) {
    server.desk.counters().connection_opened();
    if server.everyone.tls.is_some() {
        serve(server, shard, key);
    } else {
        server.lobby.set.set_token(key, IDLE);
        server.lobby.idle.set(server.lobby.idle.get() + 1);
    }
}

fn serve(server: &Rc<Server>, shard: &Shard, key: SetKey) {
    let open = Open::of(Rc::clone(server));
    if let Some(connection) = server.lobby.set.release(key) {
        shard.spawn(connection::serve(connection, open));
    }
}
