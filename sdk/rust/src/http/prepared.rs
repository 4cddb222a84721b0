//! Requests that the host has already checked and encoded.

use super::body::Content;
use super::handle::RequestHandle;
use super::{Body, Exchange, Part, Response};
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
pub struct Prepared {
    handle: RequestHandle,
    /// Its body, if some of it is a data file's; the host has any other.
    parts: Vec<Part<'static>>,
}

impl Prepared {
    pub(super) fn new(options: &host::RequestOptions, parts: Vec<Part<'static>>) -> Self {
        Self { handle: RequestHandle::new(options), parts }
    }

    /// Begins the only exchange of it.
    pub(super) fn into_exchange(self) -> Exchange {
        Exchange::of(self.handle.start(self.parts), Some(self.handle))
    }

    /// Begins an exchange and returns at once.
    pub fn start(&self) -> Exchange {
        Exchange::of(self.handle.start(self.parts.clone()), None)
    }

    /// Sends it and waits for the whole response.
    pub fn send(&self) -> Response {
        Response::of(match &*self.parts {
            [] => self.handle.send(),
            parts => self.handle.send_content(Content::Parts(parts.to_vec())),
        })
    }

    /// Sends it with this body instead of its own. The content type stays what was prepared.
    pub fn send_body<'a>(&self, body: impl Into<Body<'a>>) -> Response {
        Response::of(self.handle.send_content(body.into().content))
    }
}
