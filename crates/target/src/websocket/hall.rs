//! WebSockets without a task each, of which there may be a million: one task takes what happens to all of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use futures_lite::future::{or, poll_fn};
use slab::Slab;
use throng_transport::websocket::CloseCode;
use throng_transport::{Clock, Connection, ConnectionSet, Happened, SendBytes, SetEvent, SetKey, Shard};

use super::chat::{After, Chat};
use super::serve::{self, LINGER, UNFLUSHED_BYTES_MAX};
use super::upgrade::Agreement;
use crate::server::{Open, Server};

/// The WebSockets of a shard that need no task of their own: those in plain whose clients take what they are sent.
#[derive(Debug)]
pub(crate) struct Hall {
    set: ConnectionSet,
    talks: RefCell<Slab<Talk>>,
    /// How often all WebSockets had been reset when it was last looked.
    resets: Cell<u64>,
}

#[derive(Debug)]
struct Talk {
    chat: Chat,
    key: SetKey,
    /// Bytes that may still wait for the kernel: those since nothing waited.
    unflushed: u32,
    stands: Stands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Talking,
    /// The last frame waits for the kernel.
    Flushing,
    /// The client is to read it, and to close.
    Lingering,
}

impl Hall {
    pub(crate) fn new(shard: &Shard) -> Self {
        Self { set: ConnectionSet::new(shard), talks: RefCell::default(), resets: Cell::default() }
    }

    /// Takes a connection over, which goes on counting as open; `early` came with the request.
    pub(crate) fn take_in(&self, server: &Rc<Server>, connection: Connection, agreement: &Agreement, early: &[u8]) {
        let chat = Chat::new(agreement, Clock::now(), server.desk.random());
        let place = {
            let mut talks = self.talks.borrow_mut();
            let entry = talks.vacant_entry();
            let place = entry.key();
            // There are fewer connections than tokens.
            let key = self.set.adopt(connection, place as u32);
            entry.insert(Talk { chat, key, unflushed: 0, stands: Stands::Talking });
            place
        };
        server.desk.counters().websocket_opened();
        self.with(server, place, |talk, out| {
            server.desk.counters().websocket_received(early.len());
            talk.chat.feed(early, &server.sockets, server.desk.counters(), out)
        });
    }

    /// Runs `act` on a conversation and says what comes of it.
    fn with(&self, server: &Rc<Server>, place: usize, act: impl FnOnce(&mut Talk, &mut Vec<u8>) -> After) {
        let mut talks = self.talks.borrow_mut();
        let Some(talk) = talks.get_mut(place) else { return };
        let mut out = Vec::new();
        let after = act(talk, &mut out);
        let key = talk.key;
        if !out.is_empty() {
            let counters = server.desk.counters();
            counters.sent(out.len());
            counters.websocket_sent(out.len());
            let waiting = if self.set.is_sending(key) { talk.unflushed } else { 0 };
            talk.unflushed = waiting.saturating_add(u32::try_from(out.len()).unwrap_or(u32::MAX));
            self.set.send(key, SendBytes::Owned(out));
        }
        if talk.stands != Stands::Talking {
            return;
        }
        if after == After::Close {
            talk.stands = Stands::Flushing;
            self.set.wake_at(key, None);
            self.set.notify_flushed(key);
        } else if talk.unflushed as usize > UNFLUSHED_BYTES_MAX && self.set.is_sending(key) {
            // The client lags. A task can wait for it, and not read meanwhile.
            let Some(connection) = self.set.release(key) else { return };
            let Talk { chat, .. } = talks.remove(place);
            self.set.shard().spawn(serve::go_on(connection, Open::of(Rc::clone(server)), chat));
        } else {
            self.set.wake_at(key, talk.chat.due());
        }
    }

    fn happened(&self, server: &Rc<Server>, event: SetEvent<'_>) {
        let SetEvent { key, token, what } = event;
        let place = token as usize;
        match what {
            Happened::Received(chunk) => self.with(server, place, |talk, out| {
                let counters = server.desk.counters();
                chunk.read(|bytes| {
                    counters.received(bytes.len());
                    counters.websocket_received(bytes.len());
                    match talk.stands {
                        Stands::Talking => talk.chat.feed(bytes, &server.sockets, counters, out),
                        Stands::Flushing | Stands::Lingering => After::GoOn,
                    }
                })
            }),
            Happened::Due => {
                let is_over = self.talks.borrow().get(place).is_none_or(|talk| talk.stands == Stands::Lingering);
                if is_over {
                    return self.end(server, place, key);
                }
                self.with(server, place, |talk, out| {
                    talk.chat.act(Clock::now(), &server.sockets, server.desk.counters(), out)
                });
            }
            Happened::Flushed => {
                // The server ends first (RFC 6455 section 7.1.1), and lets the client read the last frame: closing while
                // bytes of its are unread would have the kernel reset the connection.
                if let Some(talk) = self.talks.borrow_mut().get_mut(place) {
                    talk.stands = Stands::Lingering;
                    self.set.end_sending(key);
                    self.set.wake_at(key, Some(Clock::now().after(LINGER)));
                }
            }
            Happened::Ended | Happened::Broken(_) | Happened::Refused(_) => self.end(server, place, key),
            Happened::Opened => {}
        }
    }

    /// The connection is over.
    fn end(&self, server: &Server, place: usize, key: SetKey) {
        self.set.close(key);
        if self.talks.borrow_mut().try_remove(place).is_some() {
            server.desk.counters().websocket_closed();
            server.desk.counters().connection_closed();
        }
    }

    /// Resets all of them, if that is asked for.
    fn reset_if_asked(&self, server: &Server) {
        let resets = server.everyone.resets();
        if self.resets.replace(resets) == resets {
            return;
        }
        let all: Vec<_> = self.talks.borrow().iter().map(|(place, talk)| (place, talk.key)).collect();
        for (place, key) in all {
            self.set.reset(key);
            server.desk.counters().websocket_reset();
            self.end(server, place, key);
        }
    }

    /// Tells all clients that the server goes, and lets them close until it is gone.
    async fn farewell(&self, server: &Rc<Server>) {
        let places: Vec<usize> = self.talks.borrow().iter().map(|(place, _)| place).collect();
        for place in places {
            self.with(server, place, |talk, out| {
                talk.chat.close(CloseCode::GOING_AWAY, Clock::now(), &server.sockets, out);
                After::Close
            });
        }
        let closing = async {
            while !self.talks.borrow().is_empty() {
                let event = self.set.event().await;
                self.happened(server, event);
            }
        };
        let until = server.stop_at().unwrap_or_default();
        or(closing, self.set.shard().sleep_until(until)).await;
        let left: Vec<_> = self.talks.borrow().iter().map(|(place, talk)| (place, talk.key)).collect();
        for (place, key) in left {
            self.end(server, place, key);
        }
    }
}

/// Serves the shard's WebSockets until the server stops.
pub(crate) async fn attend(server: Rc<Server>) {
    let hall = &server.hall;
    loop {
        let event = poll_fn(|context| {
            hall.reset_if_asked(&server);
            match server.stop_at() {
                Some(_) => Poll::Ready(None),
                None => hall.set.poll_event(context).map(Some),
            }
        });
        match event.await {
            Some(event) => hall.happened(&server, event),
            None => break,
        }
    }
    hall.farewell(&server).await;
}
