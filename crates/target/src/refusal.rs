//! Requests that aren't answered as they wish, and what is said instead.

use crate::ROUTES;
use crate::request::{BODY_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX};

/// Most bytes that `/decompress` decodes.
pub(crate) const DECODED_BYTES_MAX: u64 = 64 << 20;

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
    #[error("nothing is here; there are {}", list())]
    NotFound,
    #[error("this path takes only {0}")]
    MethodNotAllowed(&'static str),
    #[error("{0}")]
    BadParameter(&'static str),
    #[error("this path is a WebSocket: it takes an upgrade to version 13 by HTTP/1.1")]
    UpgradeRequired,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("the content codings known here are gzip, deflate, br and zstd, at most four on each other")]
    UnknownContentCoding,
    #[error("the decoded body is longer than {DECODED_BYTES_MAX} bytes")]
    DecodedTooLarge,
}

impl Refusal {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::BadParameter(_) => 400,
            Self::Forbidden(_) => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::BodyTooLarge | Self::DecodedTooLarge => 413,
            Self::UnknownContentCoding => 415,
            Self::UpgradeRequired => 426,
            Self::HeadTooLarge => 431,
            Self::UnknownCoding => 501,
            Self::UnknownVersion => 505,
        }
    }
}

/// The patterns of all routes.
fn list() -> String {
    ROUTES.iter().map(|(pattern, ..)| *pattern).collect::<Vec<_>>().join(", ")
}
