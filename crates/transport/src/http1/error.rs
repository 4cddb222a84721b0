//! Why a request got no response, with k6's error codes.

use std::io;
use std::time::Duration;

use super::parser::ParseError;
use crate::names::NameError;
use crate::ring::DialError;
use crate::stream::StreamError;
use crate::tls::TlsError;

/// An exchange that failed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The host has no address that may be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No connection in time.
    #[error("no connection within {0:?}")]
    DialTimeout(Duration),
    /// A connection, but no TLS handshake in time.
    #[error("no TLS handshake within {0:?}: the peer took the connection, and then didn't answer in time")]
    HandshakeTimeout(Duration),
    /// No complete response in time.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    /// The connection broke.
    #[error("{}", describe(.0))]
    Broken(#[source] io::Error),
    /// TLS failed, in the handshake or later.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The response is malformed, too large or cut short.
    #[error(transparent)]
    Response(#[from] ParseError),
}

impl ExchangeError {
    /// k6's `error_code`. 1214 to 1217 are our own: no source port left, no socket left, no such source
    /// address any more, a connection whose peer has stopped answering.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Name(error) => error.code(),
            Self::Dial(DialError::Source(crate::source::SourceError::Exhausted { .. })) => 1214,
            Self::Dial(DialError::TableFull { .. }) => 1215,
            Self::Dial(DialError::Bind { .. }) => 1216,
            Self::Dial(error) => match error.errno() {
                Some(libc::ECONNREFUSED) => 1212,
                Some(libc::ETIMEDOUT) => 1211,
                Some(libc::ECONNRESET) => 1220,
                Some(_) => 1213,
                None => 1210,
            },
            Self::DialTimeout(_) | Self::HandshakeTimeout(_) => 1211,
            Self::Timeout(_) => 1050,
            Self::Broken(error) => match error.raw_os_error() {
                Some(libc::ECONNRESET) => 1220,
                Some(libc::EPIPE) => 1201,
                Some(libc::ETIMEDOUT | libc::EHOSTUNREACH | libc::ENETUNREACH) => 1217,
                Some(_) => 1202,
                None => 1200,
            },
            Self::Tls(error) => error.code(),
            Self::Response(_) => 1000,
        }
    }
}

impl From<StreamError> for ExchangeError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Broken(error) => Self::Broken(error),
            StreamError::Tls(error) => Self::Tls(error),
        }
    }
}

fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ECONNRESET) => "connection reset by peer".into(),
        Some(libc::EPIPE) => "broken pipe: the peer has closed the connection".into(),
        Some(libc::ETIMEDOUT | libc::EHOSTUNREACH | libc::ENETUNREACH) => {
            format!("the peer's machine has stopped answering: {error}")
        }
        _ => format!("the connection broke: {error}"),
    }
}
