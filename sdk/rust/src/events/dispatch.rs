//! From the host's batches to the handlers.

use super::{Closed, Connection, Handlers, Message};
use crate::event_bindings::throng::script::connections::{Closure, Event, Occasion};
use std::any::Any;
use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    /// What the script keeps of its connections, by their numbers: a `Vec<Option<T>>` of the one type that this instance
    /// is called with.
    static STATES: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Connections that an instance serves, unless its script's connections are few.
const CONNECTIONS_USUAL: usize = 1000;

/// Hands a batch of events to a type's handlers. Public for `#[handlers]` alone.
#[doc(hidden)]
pub fn dispatch<T: Handlers>(events: &[Event], data: &[u8]) {
    let states = STATES.take().and_then(|states| states.downcast::<Vec<Option<T>>>().ok());
    // While handlers run nobody else holds the states: handlers aren't called from handlers.
    let mut states = states.unwrap_or_default();
    let mut data = Data(data);
    for event in events {
        handle(&mut states, event, &mut data);
    }
    STATES.set(Some(states));
}

fn handle<T: Handlers>(states: &mut Vec<Option<T>>, event: &Event, data: &mut Data<'_>) {
    let (connection, place) = (Connection(event.connection), event.connection as usize);
    if let Occasion::Begin = event.what {
        if states.len() <= place {
            // At once for as many as an instance serves: growing step by step would leave every earlier step's memory
            // behind, and what isn't used of this takes none.
            states.reserve(CONNECTIONS_USUAL.saturating_sub(states.len()));
            states.resize_with(place + 1, || None);
        }
        states[place] = Some(T::begin(connection));
        return;
    }
    // Taken in any case, so that the next event's bytes are its own.
    let bytes = data.take(length(event.what));
    let Some(slot) = states.get_mut(place) else { return };
    let Some(state) = slot else { return };
    match event.what {
        Occasion::Begin => {}
        Occasion::Open(_) => state.open(connection, text(bytes)),
        Occasion::Text(_) => state.message(connection, Message::Text(text(bytes))),
        Occasion::Binary(_) => state.message(connection, Message::Binary(bytes)),
        Occasion::Pong(after) => state.pong(connection, Duration::from_nanos(after)),
        Occasion::Timer(timer) => state.timer(connection, timer),
        Occasion::Stop => state.stop(connection),
        Occasion::Close(Closure { code, by_server, .. }) => {
            state.close(connection, Closed { code, reason: text(bytes), by_server });
            *slot = None;
        }
        Occasion::Error(_) => {
            state.error(connection, text(bytes));
            *slot = None;
        }
    }
}

/// How many bytes belong to an event.
fn length(what: Occasion) -> u32 {
    match what {
        Occasion::Open(length) | Occasion::Text(length) | Occasion::Binary(length) | Occasion::Error(length) => length,
        Occasion::Close(closure) => closure.reason.into(),
        Occasion::Begin | Occasion::Pong(_) | Occasion::Timer(_) | Occasion::Stop => 0,
    }
}

/// The host has checked that it is UTF-8.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The bytes of events that are still to come.
struct Data<'a>(&'a [u8]);

impl<'a> Data<'a> {
    fn take(&mut self, length: u32) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at_checked(length as usize).unwrap_or((self.0, &[]));
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    struct Seen(u32);

    impl Seen {
        fn note(&mut self, connection: Connection, what: String) {
            self.0 += 1;
            SEEN.with_borrow_mut(|seen| seen.push(format!("{}.{} {what}", connection.0, self.0)));
        }
    }

    impl Handlers for Seen {
        fn begin(_connection: Connection) -> Self {
            Self(0)
        }

        fn open(&mut self, connection: Connection, subprotocol: &str) {
            self.note(connection, format!("open {subprotocol}"));
        }

        fn message(&mut self, connection: Connection, message: Message<'_>) {
            self.note(connection, format!("{message:?}"));
        }

        fn close(&mut self, connection: Connection, closed: Closed<'_>) {
            self.note(connection, format!("close {} {}", closed.code, closed.reason));
        }

        fn error(&mut self, connection: Connection, reason: &str) {
            self.note(connection, format!("error {reason}"));
        }
    }

    fn event(connection: u32, what: Occasion) -> Event {
        Event { connection, at: 0, what }
    }

    #[test]
    fn each_connection_has_its_own_state_and_each_event_its_own_bytes() {
        let events = [event(2, Occasion::Begin), event(0, Occasion::Begin), event(2, Occasion::Open(4))];
        dispatch::<Seen>(&events, b"chat");
        let closure = Closure { code: 1000, reason: 3, by_server: true };
        let events = [
            event(0, Occasion::Text(2)),
            event(2, Occasion::Binary(0)),
            event(2, Occasion::Close(closure)),
            event(0, Occasion::Error(6)),
            event(0, Occasion::Text(1)),
            event(2, Occasion::Begin),
            event(2, Occasion::Text(1)),
        ];
        dispatch::<Seen>(&events, b"hibyebrokenxy");
        let seen = SEEN.take();
        assert_eq!(
            seen,
            [
                "2.1 open chat",
                r#"0.1 Text("hi")"#,
                "2.2 Binary([])",
                "2.3 close 1000 bye",
                "0.2 error broken",
                r#"2.1 Text("y")"#,
            ]
        );
    }
}
