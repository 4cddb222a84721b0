//! Requests that aren't answered as they wish, and what is said instead.

use crate::request::{BODY_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX};

/// Why a request is refused. The text is the body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Not HTTP, or not as it should be.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    #[error("the request's head is longer than {HEAD_BYTES_MAX} bytes, or has more than {FIELDS_MAX} fields")]
    HeadTooLarge,
    #[error("the request's body is longer than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    #[error("only the transfer coding `chunked` is known here")]
    UnknownCoding,
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here")]
    UnknownVersion,
    #[error(
        "nothing is here; there are /, /echo, /delay/{{ms}}, /status/{{code}}, /bytes/{{n}}, /stall/{{ms}}, /stats and \
         /stats/reset"
    )]
    NotFound,
    #[error("this path takes only {0}")]
    MethodNotAllowed(&'static str),
    #[error("{0}")]
    BadParameter(&'static str),
}

impl Refusal {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::BadParameter(_) => 400,
            Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::BodyTooLarge => 413,
            Self::HeadTooLarge => 431,
            Self::UnknownCoding => 501,
            Self::UnknownVersion => 505,
        }
    }
}
