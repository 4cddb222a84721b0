//! HTTP requests.
//!
//! [`get`] and the other functions send a request in one call; a [`Request`] has headers, tags and limits; a
//! [`Prepared`] one is checked and encoded once and sent many times. Requests without headers and tags of their own
//! are kept prepared behind the scenes, so `http::get(url)` in every iteration costs one call to the host.
//!
//! A request always gives a [`Response`]: when none came, its status is 0 and [`Response::error`] says why. Statuses
//! are plain numbers for that reason. Headers and body stay in the host until the script asks for them.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! let target = env("TARGET");
//! let res = http::post(format!("{target}/echo"), http::json(&json!({ "user": "ann" })));
//! check!(res, "is JSON" => |r| r.header("content-type").is_some_and(|of| of.contains("json")));
//!
//! let res = http::Request::get(format!("{target}/echo?page=7"))
//!     .header("accept", "application/json")
//!     .name("/echo?page=N")
//!     .timeout(Duration::from_secs(2))
//!     .send();
//! if let Some(error) = res.error() {
//!     log::warn!("no answer: {error}");
//! }
//! ```

mod base64;
mod body;
mod cache;
mod exchange;
mod expected;
mod handle;
mod html;
mod jar;
mod method;
mod multipart;
mod prepared;
mod request;
mod response;

pub use body::{Body, Part, form, json};
pub use exchange::{Download, Exchange, batch, wait_any};
pub use expected::{Statuses, set_expected_statuses};
pub(crate) use handle::release_done;
pub use html::{Form, Html, Link};
pub use jar::Jar;
pub use method::Method;
pub use multipart::Multipart;
pub use prepared::Prepared;
pub use request::{Coding, Request};
pub use response::{Error, Response, Timings};

/// Sends `GET url`.
pub fn get(url: impl AsRef<str>) -> Response {
    cache::send(&Method::Get, url.as_ref(), None)
}

/// Sends `HEAD url`.
pub fn head(url: impl AsRef<str>) -> Response {
    cache::send(&Method::Head, url.as_ref(), None)
}

/// Sends `OPTIONS url`.
pub fn options(url: impl AsRef<str>) -> Response {
    cache::send(&Method::Options, url.as_ref(), None)
}

/// Sends `DELETE url`.
pub fn delete(url: impl AsRef<str>) -> Response {
    cache::send(&Method::Delete, url.as_ref(), None)
}

/// Sends `POST url` with a body: bytes, text, a data file, [`json`], [`form`] or [`Multipart`].
pub fn post<'a>(url: impl AsRef<str>, body: impl Into<Body<'a>>) -> Response {
    cache::send(&Method::Post, url.as_ref(), Some(body.into()))
}

/// Sends `PUT url` with a body.
pub fn put<'a>(url: impl AsRef<str>, body: impl Into<Body<'a>>) -> Response {
    cache::send(&Method::Put, url.as_ref(), Some(body.into()))
}

/// Sends `PATCH url` with a body.
pub fn patch<'a>(url: impl AsRef<str>, body: impl Into<Body<'a>>) -> Response {
    cache::send(&Method::Patch, url.as_ref(), Some(body.into()))
}

/// Sends a request of any method without a body; for more, build a [`Request`].
pub fn request(method: impl Into<Method>, url: impl AsRef<str>) -> Response {
    cache::send(&method.into(), url.as_ref(), None)
}
