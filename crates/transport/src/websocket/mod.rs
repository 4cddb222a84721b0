//! WebSocket, RFC 6455 and 7692, without IO: bytes in, events and bytes out.
//!
//! A connection has a [`Reader`] and a [`Writer`], of 24 bytes together while nothing is under way. Both work by [`Rules`],
//! which all connections of an endpoint share. Whole frames are read where they lie; only a frame or message in pieces
//! has memory of its own, and only for so long. By permessage-deflate each direction that keeps its context has a window
//! too ([`Deflate::memory_bytes`]).
//!
//! Whoever drives them answers [`Event::Ping`] and [`Event::Close`] with [`write_control`], and closes after a
//! [`Violation`] with its [`code`](Violation::code). [`handshake`] is the upgrade from HTTP/1.1.

mod close;
mod deflate;
mod frame;
pub mod handshake;
mod mask;
mod reader;
mod rules;
mod violation;
mod writer;

pub use close::{Close, CloseCode};
pub use deflate::Deflate;
pub use frame::{CONTROL_BYTES_MAX, Control, Kind};
pub use reader::{Event, Reader};
pub use rules::{Limits, Role, Rules};
pub use violation::Violation;
pub use writer::{Writer, write_close, write_control, write_frame};

#[cfg(test)]
mod tests;
