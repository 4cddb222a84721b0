//! What the interface `connections` of `wit/events.wit` asks of a host, and the events that it tells of.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower};

use crate::types::DeflateOffer;

/// The connections of an event-driven instance, as its handlers reach them: what
/// [`Host::connections`](crate::Host::connections) gives while events are handled.
///
/// A connection is named by its number within the instance. An `Err(String)`
/// of a method traps with that text, but for [`prepare`](Connections::prepare)'s,
/// which is handed to the guest.
pub trait Connections {
    /// Checks and prepares a handshake, and returns its number.
    ///
    /// # Errors
    ///
    /// For the guest: what is invalid, or too many.
    fn prepare(&mut self, options: HandshakeOptions) -> Result<u32, String>;

    /// Gives a prepared handshake up.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn forget(&mut self, handshake: u32) -> Result<(), String>;

    /// Connects; the connection's event `begin` is being handled.
    ///
    /// # Errors
    ///
    /// Traps: numbers that aren't held, another time.
    fn connect(&mut self, connection: u32, handshake: u32) -> Result<(), String>;

    /// Sends a message, text or binary.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held. The inner one is the guest's.
    fn send(&mut self, connection: u32, message: Outgoing<'_>) -> Result<Result<(), SendError>, String>;

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn ping(&mut self, connection: u32) -> Result<(), String>;

    /// Begins to close.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held, a code that can't be sent.
    fn close(&mut self, connection: u32, code: u16, reason: &str) -> Result<(), String>;

    /// Marks the connection's iteration as failed.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn fail(&mut self, connection: u32, message: String) -> Result<(), String>;

    /// Sets or moves a timer.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held, too many timers.
    fn set_timer(&mut self, connection: u32, timer: u32, after_ns: u64) -> Result<(), String>;

    /// Takes a timer back, if it is set.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn cancel_timer(&mut self, connection: u32, timer: u32) -> Result<(), String>;

    /// Who a connection is.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn identity_of(&mut self, connection: u32) -> Result<ConnectionIdentity, String>;
}

/// A message that a handler sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// How to connect: `connections.handshake-options`, as the guest gave it; nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(record)]
pub struct HandshakeOptions {
    /// An absolute URL, `ws:` or `wss:`.
    pub url: String,
    /// Headers in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// Subprotocols to offer, the one most wanted first.
    pub subprotocols: Vec<String>,
    /// Limit in milliseconds until it is open; `None` is the default.
    #[component(name = "timeout-ms")]
    pub timeout_ms: Option<u32>,
    /// What to offer of permessage-deflate.
    pub deflate: Option<DeflateOffer>,
    /// The interned set of tags of the connections' samples; 0 is the empty set.
    pub tags: u32,
}

/// Why something wasn't sent: `connections.send-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum SendError {
    /// The connection isn't open: not yet, or not any more.
    #[component(name = "not-open")]
    NotOpen,
    /// Too much waits for the server to take it.
    #[component(name = "full")]
    Full,
}

/// Who a connection is in the run: `connections.identity`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct ConnectionIdentity {
    /// The VU's number in the whole run, from 1.
    pub vu: u64,
    /// The VU's number within this agent, from 1.
    #[component(name = "vu-in-instance")]
    pub vu_in_instance: u64,
    /// The iteration's number in its scenario in the whole run, from 0.
    pub iteration: u64,
    /// Iterations of this VU in this scenario before this one.
    #[component(name = "iteration-of-vu")]
    pub iteration_of_vu: u64,
}

/// What happened to a connection: `connections.occasion` with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening<'a> {
    /// An iteration begins.
    Begin,
    /// It is open.
    Open {
        /// What the server chose; empty for none.
        subprotocol: &'a str,
    },
    /// A text message. That it is UTF-8 was checked.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// The server answered a ping.
    Pong {
        /// The time since the ping.
        after_ns: u64,
    },
    /// A timer's time has come.
    Timer(u32),
    /// The connection is to end.
    Stop,
    /// Closed by both sides.
    Close {
        /// The server's code.
        code: u16,
        /// Its reason, of at most 123 bytes.
        reason: &'a str,
        /// Whether it began.
        by_server: bool,
    },
    /// It couldn't be opened, or broke.
    Error(&'a str),
}

/// `connections.closure`.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Closure {
    code: u16,
    reason: u16,
    #[component(name = "by-server")]
    by_server: bool,
}

/// `connections.occasion`.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum Occasion {
    #[component(name = "begin")]
    Begin,
    #[component(name = "open")]
    Open(u32),
    #[component(name = "text")]
    Text(u32),
    #[component(name = "binary")]
    Binary(u32),
    #[component(name = "pong")]
    Pong(u64),
    #[component(name = "timer")]
    Timer(u32),
    #[component(name = "stop")]
    Stop,
    #[component(name = "close")]
    Close(Closure),
    #[component(name = "error")]
    Error(u32),
}

/// `connections.event`.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Event {
    connection: u32,
    at: u64,
    what: Occasion,
}

/// `handle(function, events, data)`.
pub(crate) type Handle = ((u32, Arc<Vec<Event>>, Arc<Vec<u8>>), ());

/// Events for one call of [`EventInstance::handle`](crate::EventInstance::handle), with their bytes one behind the
/// other, so that a batch costs the guest two allocations however many events it has.
///
/// Nothing of it is shared but during a call; what was allocated once is used again.
#[derive(Debug, Default)]
pub struct EventBatch {
    pub(crate) events: Arc<Vec<Event>>,
    pub(crate) data: Arc<Vec<u8>>,
}

impl EventBatch {
    /// Adds what happened to a connection at that instant of [`Host::now_ns`](crate::Host::now_ns)'s clock.
    ///
    /// Bytes beyond `u32::MAX` in all can't be told of; callers hand a batch over long before.
    pub fn push(&mut self, connection: u32, at_ns: u64, what: Happening<'_>) {
        let what = match what {
            Happening::Begin => Occasion::Begin,
            Happening::Open { subprotocol } => Occasion::Open(self.add(subprotocol.as_bytes())),
            Happening::Text(text) => Occasion::Text(self.add(text.as_bytes())),
            Happening::Binary(bytes) => Occasion::Binary(self.add(bytes)),
            Happening::Pong { after_ns } => Occasion::Pong(after_ns),
            Happening::Timer(timer) => Occasion::Timer(timer),
            Happening::Stop => Occasion::Stop,
            Happening::Close { code, reason, by_server } => {
                let reason = self.add(reason.as_bytes()) as u16;
                Occasion::Close(Closure { code, reason, by_server })
            }
            Happening::Error(text) => Occasion::Error(self.add(text.as_bytes())),
        };
        Arc::make_mut(&mut self.events).push(Event { connection, at: at_ns, what });
    }

    /// How many events it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many bytes its events have.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.data.len()
    }

    /// Forgets all events. Memory beyond what common batches need is given back.
    pub fn clear(&mut self) {
        forget(&mut self.events, 64);
        forget(&mut self.data, 2 << 10);
    }

    fn add(&mut self, bytes: &[u8]) -> u32 {
        Arc::make_mut(&mut self.data).extend_from_slice(bytes);
        bytes.len() as u32
    }
}

fn forget<T: Clone>(list: &mut Arc<Vec<T>>, kept: usize) {
    match Arc::get_mut(list) {
        Some(list) => {
            list.clear();
            list.shrink_to(kept);
        }
        // A call that was dropped may still hold it.
        None => *list = Arc::default(),
    }
}
