//! The ring driver: sockets in the rings' file tables, completions to wakers.

mod accept;
mod buffers;
mod connection;
mod datagrams;
mod dial;
mod driver;
mod keepalive;
mod operations;
mod sends;
mod set;
mod sets;
mod sockets;
mod table;
mod wheel;

pub use accept::Listener;
pub use connection::{Chunk, Connection, SendBytes, SharedBytes};
pub use datagrams::{DATAGRAM_BYTES_MAX, Datagram, DatagramSocket};
pub use dial::DialError;
pub(crate) use keepalive::can_probe;
pub use set::{ConnectionSet, Happened, SetEvent, SetKey};
pub use table::RingError;

pub(crate) use driver::Driver;
pub(crate) use table::{missing_operations, probe_ring, table_shift};
