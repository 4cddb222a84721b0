//! The ring driver: sockets in the ring's file table, completions to wakers.

mod accept;
mod buffers;
mod connection;
mod dial;
mod driver;
mod sockets;

pub use accept::Listener;
pub use connection::{Chunk, Connection, SendBytes, SharedBytes};
pub use dial::DialError;
pub use driver::RingError;

pub(crate) use driver::{Driver, missing_operations, probe_ring};
