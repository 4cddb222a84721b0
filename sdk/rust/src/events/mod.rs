//! Event-driven scripts: WebSocket connections in great number.
//!
//! A VU is one connection, and an iteration lasts from the connection's beginning to its end. The script has no loop: it
//! is told what happens to its connections, by the methods of [`Handlers`], which is implemented by whatever the script
//! wants to know of each connection. The attribute `#[handlers]` makes an implementation callable by scenarios, under the
//! name `default` or `#[handlers(name = "…")]`. A crate has handlers or `#[scenario]`s, not both.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! /// A connection that says hello and counts what comes back.
//! struct Greeter {
//!     received: u32,
//! }
//!
//! #[handlers]
//! impl Handlers for Greeter {
//!     fn begin(connection: Connection) -> Self {
//!         connection.connect(format!("{}/ws/echo", env("TARGET")));
//!         Self { received: 0 }
//!     }
//!
//!     fn open(&mut self, connection: Connection, _subprotocol: &str) {
//!         connection.send_text("hello");
//!     }
//!
//!     fn message(&mut self, connection: Connection, message: events::Message<'_>) {
//!         check!("it is an echo" => message == events::Message::Text("hello"));
//!         self.received += 1;
//!         if self.received == 3 {
//!             connection.close();
//!         } else {
//!             connection.set_timer(0, 20);
//!         }
//!     }
//!
//!     fn timer(&mut self, connection: Connection, _timer: u32) {
//!         connection.send_text("hello");
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Handlers may not wait: `sleep` and requests are for `#[setup]` and `#[teardown]`. An instance of the script serves
//! about a thousand connections, one event after another. A panic in a handler ends the instance and with it these
//! connections: what can fail is better told by [`Connection::fail`].

mod connection;
mod dispatch;
mod handshake;

pub use connection::{Connection, Identity, SendError};
pub use dispatch::dispatch;
pub use handshake::Handshake;

/// A message, as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl Message<'_> {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed<'a> {
    /// The server's code (RFC 6455, section 7.4); 1005 when it gave none, 1006 for a connection that was given up before it
    /// was open.
    pub code: u16,
    /// The server's reason.
    pub reason: &'a str,
    /// Whether the server began it.
    pub by_server: bool,
}

/// What a script does when something happens to a connection; the type is what it keeps of each connection.
///
/// Every method is about one connection. `self` is made by [`begin`](Self::begin) and dropped after
/// [`close`](Self::close) or [`error`](Self::error).
pub trait Handlers: Sized + 'static {
    /// An iteration begins: is to call [`Connection::connect`] or [`connect_with`](Connection::connect_with). If it doesn't,
    /// the iteration fails.
    fn begin(connection: Connection) -> Self;

    /// The connection is open. `subprotocol` is what the server chose of those that were offered, or empty.
    fn open(&mut self, connection: Connection, subprotocol: &str) {
        let _ = (connection, subprotocol);
    }

    /// A message arrived.
    fn message(&mut self, connection: Connection, message: Message<'_>) {
        let _ = (connection, message);
    }

    /// The server answered a ping, after this time.
    fn pong(&mut self, connection: Connection, after: std::time::Duration) {
        let _ = (connection, after);
    }

    /// The time of a timer has come; it isn't set any more.
    fn timer(&mut self, connection: Connection, timer: u32) {
        let _ = (connection, timer);
    }

    /// The run wants the connection to end. It is closed with the code 1001 after this, unless this closes it.
    fn stop(&mut self, connection: Connection) {
        let _ = connection;
    }

    /// Both sides have closed the connection. Nothing more happens to it.
    fn close(&mut self, connection: Connection, closed: Closed<'_>) {
        let _ = (connection, closed);
    }

    /// The connection couldn't be opened, or broke; the iteration has failed. Nothing more happens to it.
    fn error(&mut self, connection: Connection, reason: &str) {
        let _ = (connection, reason);
    }
}
