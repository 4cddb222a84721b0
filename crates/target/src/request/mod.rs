//! Requests from bytes, without IO: RFC 9112.

mod body;
mod head;

pub(crate) use body::BodyDecoder;
pub(crate) use head::{Framing, Head, ends_head, parse_head};

/// Most bytes of a request's line and fields, and again of a chunked body's trailer.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of a request.
pub(crate) const FIELDS_MAX: usize = 100;
/// Most bytes of a request's body: an echo holds all of it.
pub(crate) const BODY_BYTES_MAX: u64 = 16 << 20;
