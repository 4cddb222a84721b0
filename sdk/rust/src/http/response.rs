//! Responses, and what stands for one when none came.

use super::handle::ResponseHandle;
use crate::bindings::throng::script::http as host;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

/// What came back. Headers and body are with the host until they are asked for; a body is fetched once.
#[derive(Debug)]
pub struct Response {
    status: u16,
    body_size: u64,
    duration_ns: u64,
    received: Result<ResponseHandle, Error>,
    body: OnceCell<Vec<u8>>,
}

/// Why no response came.
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
    pub(super) fn of(reply: Result<host::Reply, host::Failure>) -> Self {
        let (status, body_size, duration_ns, received) = match reply {
            Ok(reply) => (reply.status, reply.body_size, reply.duration, Ok(ResponseHandle::of(&reply))),
            Err(failure) => {
                let error = Error { code: failure.code, message: failure.message };
                (0, 0, failure.duration, Err(error))
            }
        };
        Self { status, body_size, duration_ns, received, body: OnceCell::new() }
    }

    /// The status code, 0 when no response came.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is from 200 to 399, what k6 calls expected.
    pub fn ok(&self) -> bool {
        (200..400).contains(&self.status)
    }

    /// Why no response came; none when one did, whatever its status.
    pub fn error(&self) -> Option<&Error> {
        self.received.as_ref().err()
    }

    /// The body, without transfer encoding. Empty when it was discarded or no response came.
    pub fn body(&self) -> &[u8] {
        self.body.get_or_init(|| self.received.as_ref().map(|held| host::body(held.number())).unwrap_or_default())
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

    /// Bytes of the body, known without fetching it and when it was discarded.
    pub fn body_size(&self) -> u64 {
        self.body_size
    }

    /// The first header of this name, in any case. What isn't UTF-8 is replaced.
    pub fn header(&self, name: &str) -> Option<String> {
        host::header(self.received.as_ref().ok()?.number(), name)
    }

    /// All headers in the order received.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.received.as_ref().map(|held| host::headers(held.number())).unwrap_or_default()
    }

    /// Sending, waiting and receiving: k6's `http_req_duration`. Without a response, the time until that was known.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_ns)
    }

    /// How long each part took; all zero without a response.
    pub fn timings(&self) -> Timings {
        let Ok(received) = &self.received else { return Timings::default() };
        let timings = host::timings(received.number());
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
    fn a_request_without_a_response_has_status_0_and_a_reason() {
        let failure = host::Failure { code: 1212, message: "connection refused".to_owned(), duration: 7 };
        let response = Response::of(Err(failure));
        assert_eq!((response.status(), response.ok(), response.body_size()), (0, false, 0));
        assert_eq!(response.duration(), Duration::from_nanos(7));
        assert_eq!(response.error().map(ToString::to_string).as_deref(), Some("connection refused (1212)"));
        assert_eq!((response.body(), response.header("x"), response.headers()), (b"".as_slice(), None, vec![]));
        assert_eq!(response.timings(), Timings::default());
    }
}
