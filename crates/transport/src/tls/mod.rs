//! TLS 1.2 and 1.3 by rustls, over connections of the ring.
//!
//! [`TlsOptions`] says how, [`TlsClient`] checks it and gives origins their configuration, [`TlsAcceptor`] is the
//! server's side. `Session` is one connection's state without IO: records are decrypted where they were received, and
//! a record in pieces is put together in memory that is given up when it is complete. [`Stream`](crate::Stream) joins
//! it to a connection.

mod acceptor;
mod client;
mod error;
mod key_log;
mod options;
mod resumption;
mod roots;
mod session;
mod verify;

pub use acceptor::TlsAcceptor;
pub use client::TlsClient;
pub use error::TlsError;
pub use options::{ClientIdentity, TlsConfigError, TlsMistake, TlsOptions, TlsVersion};
pub use roots::RootsError;

pub(crate) use client::ServerIdentity;
pub(crate) use session::Session;

/// What a handshake came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// The version that both sides speak.
    pub version: TlsVersion,
    /// Whether an earlier session went on, so that no certificate was needed.
    pub resumed: bool,
}
