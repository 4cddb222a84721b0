//! Why a socket isn't open, or is no more.

use crate::bindings::throng::script::websocket as host;
use std::fmt;

/// Why a socket isn't open, or takes and gives nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It was closed in order.
    Closed(Closed),
    /// It couldn't be opened, the connection broke, or the server broke the protocol.
    Failed {
        /// k6's `error_code`: 1000 + status where the server refused with one of 400 or more.
        code: u16,
        /// What happened, for a person.
        message: String,
        /// The status of the server's answer, 0 when none came.
        status: u16,
    },
}

/// What the server's close frame said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its code; 1005 when it gave none.
    pub code: u16,
    /// Its reason; empty when it gave none.
    pub reason: String,
}

impl Error {
    /// k6's `error_code`, or the code of the close frame.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Closed(closed) => closed.code,
            Self::Failed { code, .. } => *code,
        }
    }

    /// The status with which the server refused to open the socket; 0 when that isn't what happened.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Closed(_) => 0,
            Self::Failed { status, .. } => *status,
        }
    }

    /// Whether the socket was closed in order.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(Closed { code, reason }) if reason.is_empty() => write!(formatter, "closed with {code}"),
            Self::Closed(Closed { code, reason }) => write!(formatter, "closed with {code}: {reason}"),
            Self::Failed { code, message, .. } => write!(formatter, "{message} ({code})"),
        }
    }
}

impl std::error::Error for Error {}

pub(super) fn failure(failure: host::Failure) -> Error {
    let host::Failure { code, message, status } = failure;
    Error::Failed { code, message, status }
}

impl From<host::End> for Error {
    fn from(end: host::End) -> Self {
        match end {
            host::End::Closed(host::CloseFrame { code, reason }) => Self::Closed(Closed { code, reason }),
            host::End::Failed(failed) => failure(failed),
        }
    }
}
