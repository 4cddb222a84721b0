//! Requests of scripts: prepared once, sent with all that a user agent does, recorded.
//!
//! A [`Journey`] is one request of a script on its way: as many exchanges as its redirects and challenges take, each
//! recorded as a request of its own. It owns what it needs, so that it can be polled from the shard's stack and go on
//! beside others of the same VU.

mod debug;
mod journey;
mod origins;
mod prepared;
mod received;
mod samples;
mod session;

pub(crate) use journey::Journey;
pub(crate) use origins::Origins;
pub(crate) use prepared::{Prepared, PreparedRequests};
pub(crate) use received::{Received, fields};
pub(crate) use session::Session;

/// k6's error codes: what has none of its own, an invalid URL, what hasn't come in time, a body that can't be decompressed.
pub(crate) const CODE_OTHER: u16 = 1000;
pub(crate) const CODE_URL: u16 = 1020;
pub(crate) const CODE_TIMEOUT: u16 = 1050;
const CODE_DECOMPRESS: u16 = 1701;

#[cfg(test)]
mod tests {
    use super::Journey;

    /// The allocator serves blocks up to 1,032 bytes from the thread's own cache, and there is one of these a request.
    const SMALL: usize = 1000;

    #[test]
    fn a_journeys_future_is_small() {
        fn size_of_output<T, F>(_: impl Fn(T) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size_of_output(Journey::run);
        assert!(bytes <= SMALL, "{bytes} bytes");
    }
}
