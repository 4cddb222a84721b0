//! UDP, to one peer each.
//!
//! [`connect`] opens a [`UdpSocket`]; a [`Connect`] has a time limit and tags. What goes wrong is an [`Error`], never a
//! panic. A datagram may be lost, which is no error: none comes. A socket belongs to the VU: kept in a `thread_local!` it
//! outlives the iteration that opened it, and is closed when the VU ends.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! # fn ask() -> Result<(), udp::Error> {
//! let mut socket = udp::connect(env("TARGET"))?;
//! socket.send("are you there?")?;
//! let answer = socket.receive(Duration::from_secs(1))?;
//! check!("there is an answer" => answer.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! From what is sent to what comes next is a sample of `udp_round_trip`, as the agent's ring saw them; one that isn't
//! answered has none.

mod connect;
mod socket;

pub use crate::network_error::Error;
pub use connect::Connect;
pub use socket::UdpSocket;

/// Opens a socket to the peer at `HOST:PORT`. Nothing is sent.
///
/// # Errors
///
/// When the address is none, or its name isn't known.
pub fn connect(address: impl Into<String>) -> Result<UdpSocket, Error> {
    Connect::new(address).open()
}
