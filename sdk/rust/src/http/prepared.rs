//! Requests that the host has already checked and encoded.

use super::handle::RequestHandle;
use super::{Body, Exchange, Response};
use crate::bindings::throng::script::http as host;

/// A request to be sent many times, at the cost of one call each. Made by [`Request::prepare`](super::Request::prepare).
///
/// ```no_run
/// use std::sync::LazyLock;
/// use throng::prelude::*;
///
/// static HOME: LazyLock<http::Prepared> = LazyLock::new(|| {
///     http::Request::get(env("TARGET")).header("accept", "text/html").name("home").prepare()
/// });
///
/// #[scenario]
/// fn default() {
///     let res = HOME.send();
///     check!(res, "it answers" => |r| r.ok());
/// }
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Prepared(RequestHandle);

impl Prepared {
    pub(super) fn new(options: &host::RequestOptions) -> Self {
        Self(RequestHandle::new(options))
    }

    pub(super) fn into_handle(self) -> RequestHandle {
        self.0
    }

    /// Begins an exchange and returns at once.
    pub fn start(&self) -> Exchange {
        Exchange::of(self.0.start(None))
    }

    /// Sends it and waits for the whole response.
    pub fn send(&self) -> Response {
        Response::of(self.0.send())
    }

    /// Sends it with this body instead of its own. The content type stays what was prepared.
    pub fn send_body<'a>(&self, body: impl Into<Body<'a>>) -> Response {
        Response::of(self.0.send_body(&body.into()))
    }
}
