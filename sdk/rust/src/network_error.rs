//! Why TCP and UDP sockets don't do what they are asked to.

use crate::bindings::throng::script::http::Failure;
use std::fmt;
use std::io;

/// k6's error codes of what isn't any of the others, and of time limits.
pub(crate) const CODE_OTHER: u16 = 1000;
pub(crate) const CODE_TIMEOUT: u16 = 1050;

/// Why a TCP or UDP socket can't be opened, or hasn't done what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: u16,
    message: String,
}

impl Error {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// k6's `error_code`: 1101 for a name that isn't known, 1110 and 1111 for one that is blocked, 1212 for a refusal,
    /// 1220 for a reset, 1214 without a source port left, 1050 and 1211 for a time limit, 1020 for an invalid address.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// What happened, for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether a time limit was reached.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.code, CODE_TIMEOUT | 1211)
    }

    /// Whether nobody listens there.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.code == 1212
    }

    /// Whether the peer has broken the connection off.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.code == 1220
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Error {}

impl From<Failure> for Error {
    fn from(Failure { code, message }: Failure) -> Self {
        Self { code, message }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.code {
            CODE_TIMEOUT | 1211 => io::ErrorKind::TimedOut,
            1212 => io::ErrorKind::ConnectionRefused,
            1220 => io::ErrorKind::ConnectionReset,
            1201 => io::ErrorKind::BrokenPipe,
            1020 => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_kinds_that_std_gives_them() {
        for (code, kind) in [(1050, io::ErrorKind::TimedOut), (1212, io::ErrorKind::ConnectionRefused)] {
            let error = io::Error::from(Error::new(code, "so"));
            assert_eq!((error.kind(), error.to_string()), (kind, format!("so ({code})")));
        }
        assert!(Error::new(1211, "").is_timeout() && !Error::new(1212, "").is_timeout());
    }
}
