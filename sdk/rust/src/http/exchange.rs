//! Several requests of a VU at a time.

use super::handle::RequestHandle;
use super::{Request, Response};
use crate::bindings::throng::script::http as host;
use std::time::Duration;

/// A request under way, from [`Request::start`]. Dropping it cuts it; the end of the iteration does too.
#[derive(Debug)]
pub struct Exchange {
    number: host::Exchange,
    /// Held until the end, so that the host needn't prepare it again for each.
    _request: Option<RequestHandle>,
}

impl Exchange {
    pub(super) fn of(number: host::Exchange, request: Option<RequestHandle>) -> Self {
        Self { number, _request: request }
    }

    /// Waits for the whole response.
    pub fn finish(self) -> Response {
        let response = Response::of(host::finish(self.number));
        // The host has let go of it already.
        let mut finished = self;
        finished.number = 0;
        response
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.number != 0 {
            host::cancel(self.number);
        }
    }
}

/// A response whose body is taken while it arrives, from [`Request::download`]: however long it is, it takes no more
/// memory than what the script keeps of it.
///
/// It gives the body piece by piece, as it comes: not decompressed. Where nobody takes the pieces the server has to wait.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # let target = "http://localhost";
/// let mut download = http::Request::get(format!("{target}/bytes/1000000000")).download();
/// let lines: usize = download.by_ref().map(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count()).sum();
/// let res = download.finish();
/// check!(res, "it arrived" => |r| r.status() == 200 && r.body_size() == 1_000_000_000);
/// ```
#[derive(Debug)]
#[must_use = "a body is read by iterating over it"]
pub struct Download(Exchange);

impl Download {
    pub(super) fn of(exchange: Exchange) -> Self {
        Self(exchange)
    }

    /// Waits for the end, and drops what is left of the body. The response has no body then, but its size.
    pub fn finish(self) -> Response {
        self.0.finish()
    }
}

impl Iterator for Download {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        host::read(self.0.number)
    }
}

/// Sends all of these and waits for all responses, which come in the order of the requests. The options `batch` (20) and
/// `batchPerHost` (6) say how many go on at a time.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # let target = "http://localhost";
/// let assets = ["style.css", "app.js", "logo.png"];
/// let responses = http::batch(assets.map(|asset| http::Request::get(format!("{target}/{asset}"))));
/// for res in &responses {
///     check!(res, "asset is there" => |r| r.status() == 200);
/// }
/// ```
#[track_caller]
pub fn batch(requests: impl IntoIterator<Item = Request>) -> Vec<Response> {
    let exchanges: Vec<_> = requests.into_iter().map(Request::start).collect();
    exchanges.into_iter().map(Exchange::finish).collect()
}

/// Waits until one of these has ended and returns its place; none when that takes longer than `limit`, or there are
/// none.
pub fn wait_any<'a>(
    exchanges: impl IntoIterator<Item = &'a Exchange>,
    limit: impl Into<Option<Duration>>,
) -> Option<usize> {
    let numbers: Vec<_> = exchanges.into_iter().map(|exchange| exchange.number).collect();
    let limit = limit.into().map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
    host::wait_any(&numbers, limit).map(|place| place as usize)
}
