//! Responses, and what stands for one when none came.

use super::Html;
use super::handle::ResponseHandle;
use crate::bindings::throng::script::http as host;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

/// What came back. All but the status is with the host until it is asked for; a body is fetched once.
#[derive(Debug)]
pub struct Response {
    status: u16,
    held: ResponseHandle,
    error: OnceCell<Option<Error>>,
    body: OnceCell<Vec<u8>>,
}

/// Why no response came, or one that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: u16,
    message: String,
}

/// The parts of one exchange, as k6 defines them; zero for what didn't happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From wanting a connection to having it.
    pub blocked: Duration,
    /// Resolving the name.
    pub looking_up: Duration,
    /// TCP connect.
    pub connecting: Duration,
    /// TLS handshake.
    pub tls_handshaking: Duration,
    /// Writing the request.
    pub sending: Duration,
    /// From the request's last byte to the response's first.
    pub waiting: Duration,
    /// From the response's first byte to the body's last.
    pub receiving: Duration,
}

impl Response {
    /// From what a send returned: the number below, the status above.
    pub(super) fn of(reply: host::Reply) -> Self {
        let status = (reply >> 32) as u16;
        Self { status, held: ResponseHandle::of(reply), error: OnceCell::new(), body: OnceCell::new() }
    }

    /// The status code, 0 when no response came.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is from 200 to 399, what k6 calls expected.
    pub fn ok(&self) -> bool {
        (200..400).contains(&self.status)
    }

    /// Why no response came, or one that can't be used, since its body can't be decompressed or its redirect not be
    /// followed. None when all went well, whatever the status.
    pub fn error(&self) -> Option<&Error> {
        let ask = || host::failure_of(self.held.number()).map(|of| Error { code: of.code, message: of.message });
        self.error.get_or_init(ask).as_ref()
    }

    /// Where it came from: the URL that was asked for, or the one that redirects led to.
    pub fn url(&self) -> String {
        host::url(self.held.number())
    }

    /// How many redirects were followed.
    pub fn redirects(&self) -> u32 {
        host::redirects(self.held.number())
    }

    /// The body, without transfer encoding, decompressed. Empty when it was discarded or no response came.
    pub fn body(&self) -> &[u8] {
        self.body.get_or_init(|| host::body(self.held.number()))
    }

    /// The body as text; what isn't UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The body read as JSON.
    ///
    /// Fails when it isn't JSON, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.body())
    }

    /// The part of a JSON body that a pointer (RFC 6901) such as `/items/0/id` names; none where there is no such part,
    /// or the body isn't JSON.
    pub fn json_pointer(&self, pointer: &str) -> Option<serde_json::Value> {
        self.json::<serde_json::Value>().ok()?.pointer_mut(pointer).map(serde_json::Value::take)
    }

    /// The body read as a page: links, forms and what a browser would load with it.
    pub fn html(&self) -> Html {
        Html::of(self)
    }

    /// Bytes of the body as received, known without fetching it and when it was discarded.
    pub fn body_size(&self) -> u64 {
        host::body_size(self.held.number())
    }

    /// The first header of this name, in any case. What isn't UTF-8 is replaced.
    pub fn header(&self, name: &str) -> Option<String> {
        host::header(self.held.number(), name)
    }

    /// All headers in the order received.
    pub fn headers(&self) -> Vec<(String, String)> {
        host::headers(self.held.number())
    }

    /// The cookies that this response sets, by name and value; of redirects, those of the last one.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let set_cookies = self.headers().into_iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        set_cookies.filter_map(|(_, value)| name_and_value(&value)).collect()
    }

    /// Sending, waiting and receiving: k6's `http_req_duration`. Without a response, the time until that was known.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(host::duration(self.held.number()))
    }

    /// How long each part took; all zero without a response.
    pub fn timings(&self) -> Timings {
        let timings = host::timings(self.held.number());
        Timings {
            blocked: Duration::from_nanos(timings.blocked),
            looking_up: Duration::from_nanos(timings.looking_up),
            connecting: Duration::from_nanos(timings.connecting),
            tls_handshaking: Duration::from_nanos(timings.tls_handshaking),
            sending: Duration::from_nanos(timings.sending),
            waiting: Duration::from_nanos(timings.waiting),
            receiving: Duration::from_nanos(timings.receiving),
        }
    }
}

/// What stands before the attributes of a `Set-Cookie`.
fn name_and_value(set_cookie: &str) -> Option<(String, String)> {
    let pair = set_cookie.split(';').next()?;
    let (name, value) = pair.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

impl Error {
    /// k6's `error_code`: 1050 for a time-out, 1212 for a refused connection and so on.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_holds_the_status_above_the_number() {
        let of = |reply| {
            let Response { status, held, .. } = Response::of(reply);
            let number = held.number();
            // Dropping it would ask the host, which isn't there.
            std::mem::forget(held);
            (status, number)
        };
        assert_eq!(of(404 << 32 | 7), (404, 7));
        assert_eq!(of(u64::from(u32::MAX)), (0, u32::MAX));
    }

    #[test]
    fn a_cookie_is_what_stands_before_the_attributes() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(name_and_value("a=b=c; Path=/"), pair("a", "b=c"));
        assert_eq!(name_and_value(" a = b "), pair("a", "b"));
        assert_eq!(name_and_value("nothing"), None);
    }
}
