//! WebSockets.
//!
//! [`connect`] opens one; a [`Connect`] has headers, subprotocols, limits, compression. What goes wrong is an [`Error`],
//! never a panic. A [`WebSocket`] belongs to the VU: kept in a `thread_local!` it outlives the iteration that opened it,
//! and is closed when the VU ends. The host reads it whenever the VU waits, answers pings and holds messages, so that
//! none is lost between two calls.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! # fn talk() -> Result<(), websocket::Error> {
//! let mut socket = websocket::connect(format!("{}/ws/echo", env("TARGET")))?;
//! socket.send("hello")?;
//! let answer = socket.receive(Duration::from_secs(1))?;
//! check!("the answer is what was said" => answer.is_some_and(|message| message.text() == Some("hello")));
//! socket.close()?;
//! # Ok(())
//! # }
//! ```

mod connect;
mod error;
mod message;
mod socket;

pub use connect::{Compression, Connect};
pub use error::{Closed, Error};
pub use message::Message;
pub use socket::{State, WebSocket, receive_any};

/// Opens a socket: a `ws:` or `wss:` URL, or `http:` or `https:` for the same.
///
/// # Errors
///
/// When there is no connection, or the server doesn't agree.
pub fn connect(url: impl Into<String>) -> Result<WebSocket, Error> {
    Connect::new(url).open()
}
