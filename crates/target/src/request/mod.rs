//! Requests from bytes, without IO: RFC 9112.

mod body;
mod head;
mod multipart;
mod parameters;

pub(crate) use body::BodyDecoder;
pub(crate) use head::{Framing, Head, ends_head, parse_head};
pub(crate) use multipart::{Multipart, PartEvent, PartHead};
pub(crate) use parameters::parameters;

/// Most bytes of a request's line and fields, and again of a chunked body's trailer.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of a request.
pub(crate) const FIELDS_MAX: usize = 100;
/// Most bytes of a request's body, but for `/upload`, which holds none of it: an echo holds all.
pub(crate) const BODY_BYTES_MAX: u64 = 16 << 20;
