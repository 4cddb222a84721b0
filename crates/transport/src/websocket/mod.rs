//! WebSocket, RFC 6455 and 7692. All but [`open`] does no IO: bytes in, events and bytes out.
//!
//! A connection has a [`Reader`] and a [`Writer`], of 24 bytes together while nothing is under way. Both work by [`Rules`],
//! which all connections of an endpoint share. Whole frames are read where they lie; only a frame or message in pieces
//! has memory of its own, and only for so long. By permessage-deflate each direction that keeps its context has a window
//! too ([`Deflate::memory_bytes`]).
//!
//! Whoever drives them answers [`Event::Ping`] and [`Event::Close`] with [`write_control`], and closes after a
//! [`Violation`] with its [`code`](Violation::code). [`Upgrade`] asks a server for it, and [`handshake`] has what either
//! side says of it in HTTP/1.1.

mod close;
mod deflate;
mod frame;
pub mod handshake;
mod mask;
mod open;
mod reader;
mod rules;
mod upgrade;
mod violation;
mod writer;

pub use close::{Close, CloseCode};
pub use deflate::Deflate;
pub use frame::{CONTROL_BYTES_MAX, Control, Kind};
pub use open::{OpenError, OpenNumbers, Opened, open, open_as};
pub use reader::{Event, Reader};
pub use rules::{Limits, Role, Rules};
pub use upgrade::{Opening, Progress, Upgrade, UpgradeError};
pub use violation::Violation;
#[cfg(test)]
use writer::write_frame;
pub use writer::{Writer, write_close, write_control};

#[cfg(test)]
mod tests;
