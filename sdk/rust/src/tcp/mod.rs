//! TCP, for what speaks neither HTTP nor WebSocket.
//!
//! [`connect`] opens a [`TcpSocket`]; a [`Connect`] has TLS, a time limit and tags. What goes wrong is an [`Error`], never
//! a panic. A socket belongs to the VU: kept in a `thread_local!` it outlives the iteration that opened it, and is closed
//! when the VU ends.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! # fn talk() -> Result<(), tcp::Error> {
//! let mut redis = tcp::connect(env("TARGET"))?;
//! redis.send("SET greeting hello\r\n")?;
//! check!("it is kept" => redis.read_line()? == "+OK");
//! redis.send("GET greeting\r\n")?;
//! let length: usize = redis.read_line()?.trim_start_matches('$').parse().unwrap_or(0);
//! check!("it is what was said" => redis.read_exact(length)? == b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! From what is sent to what comes next is a sample of `tcp_round_trip`, as the agent's ring saw them: so there is nothing
//! to be timed by the script where one asks and the other answers.

mod connect;
mod reading;
mod socket;

pub use crate::network_error::Error;
pub use connect::Connect;
pub use socket::TcpSocket;

/// Connects to `HOST:PORT`, within 60 s.
///
/// # Errors
///
/// When the address is none, or there is no connection.
pub fn connect(address: impl Into<String>) -> Result<TcpSocket, Error> {
    Connect::new(address).open()
}
