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
    pub(super) fn of(number: host::Exchange) -> Self {
        Self { number, _request: None }
    }

    pub(super) fn begin(request: RequestHandle, body: Option<&[u8]>) -> Self {
        Self { number: request.start(body), _request: Some(request) }
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
