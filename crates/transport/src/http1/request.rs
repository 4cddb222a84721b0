//! A request, encoded once.

use std::borrow::Cow;
use std::rc::Rc;

use super::body::{Body, Piece, lay_out};
use super::client::Payload;
use super::head::is_token_byte;
use super::origin::Origin;
use crate::ring::SendBytes;

/// Why a request can't be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a token (RFC 9110 section 5.6.2).
    #[error("invalid method {0:?}")]
    Method(String),
    /// Not a token.
    #[error("invalid header name {0:?}")]
    HeaderName(String),
    /// A control character, which could begin another header.
    #[error("invalid value of header {0:?}: it contains a control character")]
    HeaderValue(String),
}

/// Everything before the body.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query as they go on the wire.
    pub target: &'a str,
    /// What `Host` says unless the headers say otherwise.
    pub host: &'a str,
    /// What `User-Agent` says unless the headers say otherwise.
    pub user_agent: &'a str,
    /// Headers in their order.
    pub headers: &'a [(String, String)],
    /// Whether to ask the server to close the connection afterwards.
    pub close: bool,
}

/// Memory that is taken for a body along with its head; a longer one makes it grow.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// The bytes of one request, in the order they are sent.
pub(super) struct Outgoing {
    pub(super) first: SendBytes,
    pub(super) rest: Vec<SendBytes>,
    /// Whether the rest, which is the body, waits for the server's 100 (Continue).
    pub(super) waits: bool,
}

/// A request that may be sent many times.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) origin: Rc<Origin>,
    head: Rc<[u8]>,
    /// Head and prepared body, without a copy per send; `rest` are those parts of the body that are shared, and what is
    /// behind the first of them.
    whole: Rc<[u8]>,
    rest: Vec<SendBytes>,
    has_length: bool,
    /// Whether there is a prepared body, an empty one perhaps, and how many of its bytes are at the end of `whole`.
    body: bool,
    body_bytes: usize,
    /// Whether the body waits for the server's 100 (Continue).
    expects_continue: bool,
    expects_body: bool,
    pub(super) to_head: bool,
    pub(super) idempotent: bool,
    pub(super) close: bool,
}

impl Request {
    /// Encodes a request for `origin`.
    ///
    /// # Errors
    /// When the method or a header can't be sent.
    pub fn encode(origin: Rc<Origin>, head: &RequestHead<'_>, body: Option<&[u8]>) -> Result<Self, RequestError> {
        Self::of_pieces(origin, head, body.map(|bytes| (bytes.len(), [Piece::Copied(bytes)].into_iter())))
    }

    /// [`encode`](Self::encode) with a body in parts.
    ///
    /// # Errors
    /// When the method or a header can't be sent.
    pub fn encode_parts(origin: Rc<Origin>, head: &RequestHead<'_>, body: &Body) -> Result<Self, RequestError> {
        Self::of_pieces(origin, head, Some((body.len(), body.pieces())))
    }

    fn of_pieces<'a>(
        origin: Rc<Origin>,
        head: &RequestHead<'_>,
        body: Option<(usize, impl Iterator<Item = Piece<'a>>)>,
    ) -> Result<Self, RequestError> {
        if !is_token(head.method) {
            return Err(RequestError::Method(head.method.to_owned()));
        }
        let mut bytes = Vec::with_capacity(256);
        for part in [head.method, " ", head.target, " HTTP/1.1\r\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
        let given = |name: &str| head.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
        if !given("host") {
            push_header(&mut bytes, "Host", head.host);
        }
        if !given("user-agent") && !head.user_agent.is_empty() {
            push_header(&mut bytes, "User-Agent", head.user_agent);
        }
        for (name, value) in head.headers {
            if !is_token(name) {
                return Err(RequestError::HeaderName(name.clone()));
            }
            if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
                return Err(RequestError::HeaderValue(name.clone()));
            }
            push_header(&mut bytes, name, value);
        }
        if head.close && !given("connection") {
            push_header(&mut bytes, "Connection", "close");
        }
        let has_length = given("content-length") || given("transfer-encoding");
        let expects_continue = head.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("expect") && value.trim().eq_ignore_ascii_case("100-continue")
        });
        let length = body.as_ref().map(|(length, _)| *length);
        let whole = finish(&bytes, has_length, length, expects_body(head.method));
        let head_bytes = whole.len();
        let (whole, rest) = match body {
            Some((_, pieces)) => {
                let (whole, rest) = lay_out(whole, pieces);
                let shared =
                    |bytes| if let SendBytes::Owned(bytes) = bytes { SendBytes::Shared(bytes.into()) } else { bytes };
                (whole, rest.into_iter().map(shared).collect())
            }
            None => (whole, Vec::new()),
        };
        Ok(Self {
            origin,
            head: bytes.into(),
            body: length.is_some(),
            body_bytes: whole.len() - head_bytes,
            whole: whole.into(),
            rest,
            has_length,
            expects_continue,
            expects_body: expects_body(head.method),
            to_head: head.method == "HEAD",
            idempotent: matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"),
            close: head.close,
        })
    }

    /// What to send, with what one send adds to it.
    pub(super) fn outgoing(&self, payload: &Payload) -> Outgoing {
        let Payload { header_lines, body } = payload;
        let waits = |rest: &[SendBytes]| self.expects_continue && !rest.is_empty();
        if header_lines.is_empty() && body.is_none() && !self.expects_continue {
            return Outgoing {
                first: SendBytes::Shared(Rc::clone(&self.whole)),
                rest: self.rest.clone(),
                waits: false,
            };
        }
        let mut head = self.head(payload);
        // A body that waits begins with a buffer of its own.
        let mut start = if self.expects_continue { Vec::new() } else { std::mem::take(&mut head) };
        let mut rest = match body {
            Some(body) => {
                let (laid, rest) = lay_out(start, body.pieces());
                start = laid;
                rest
            }
            None => {
                start.extend_from_slice(self.prepared_start());
                self.rest.clone()
            }
        };
        if !self.expects_continue {
            return Outgoing { first: SendBytes::Owned(start), rest, waits: false };
        }
        if !start.is_empty() {
            rest.insert(0, SendBytes::Owned(start));
        }
        Outgoing { first: SendBytes::Owned(head), waits: waits(&rest), rest }
    }

    /// The head as it is sent with what one send adds to it, the empty line included.
    #[must_use]
    pub fn head(&self, payload: &Payload) -> Vec<u8> {
        let (length, expects_body) = match &payload.body {
            Some(body) => (Some(body.len()), true),
            None => (self.body.then(|| self.prepared_bytes()), self.expects_body),
        };
        let mut head = Vec::with_capacity(self.head.len() + payload.header_lines.len());
        head.extend_from_slice(&self.head);
        head.extend_from_slice(&payload.header_lines);
        finish(&head, self.has_length, length, expects_body)
    }

    fn prepared_start(&self) -> &[u8] {
        &self.whole[self.whole.len() - self.body_bytes..]
    }

    fn prepared_bytes(&self) -> usize {
        self.body_bytes + self.rest.iter().map(|bytes| bytes.len()).sum::<usize>()
    }

    /// The prepared body, copied if it isn't in one piece.
    #[must_use]
    pub fn body(&self) -> Option<Cow<'_, [u8]>> {
        let start = self.prepared_start();
        self.body.then(|| match &*self.rest {
            [] => Cow::Borrowed(start),
            rest => {
                Cow::Owned([start].into_iter().chain(rest.iter().map(|bytes| &**bytes)).collect::<Vec<_>>().concat())
            }
        })
    }

    /// Where it goes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The head with what is said of the body's length, and the empty line.
fn finish(head: &[u8], has_length: bool, length: Option<usize>, expects_body: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(head.len() + length.unwrap_or(0).min(COPIED_BYTES_MAX) + 32);
    bytes.extend_from_slice(head);
    if !has_length && (length.is_some() || expects_body) {
        push_header(&mut bytes, "Content-Length", &length.unwrap_or(0).to_string());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// RFC 9110 section 8.6: a method that defines a body says its length even when there is none.
fn expects_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

fn push_header(bytes: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        bytes.extend_from_slice(part.as_bytes());
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::body::BodyPart;
    use super::*;
    use crate::ring::SharedBytes;

    fn text(request: &Request, payload: &Payload) -> String {
        let Outgoing { first, rest, .. } = request.outgoing(payload);
        let bytes: Vec<u8> = [first].iter().chain(&rest).flat_map(|bytes| bytes.to_vec()).collect();
        String::from_utf8(bytes).unwrap()
    }

    fn encode(method: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<String, RequestError> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let origin = Rc::new(Origin::new("host", 80));
        let head =
            RequestHead { method, target: "/a?b", host: "host", user_agent: "throng", headers: &headers, close: false };
        let request = Request::encode(origin, &head, body)?;
        Ok(text(&request, &Payload::default()))
    }

    #[test]
    fn a_get_says_host_and_user_agent_and_no_length() {
        let text = encode("GET", &[], None).unwrap();
        assert_eq!(text, "GET /a?b HTTP/1.1\r\nHost: host\r\nUser-Agent: throng\r\n\r\n");
    }

    #[test]
    fn given_headers_replace_the_usual_ones() {
        let text = encode("GET", &[("host", "x"), ("User-agent", "y")], None).unwrap();
        assert_eq!(text, "GET /a?b HTTP/1.1\r\nhost: x\r\nUser-agent: y\r\n\r\n");
    }

    #[test]
    fn bodies_have_their_length_and_an_empty_post_says_zero() {
        assert!(encode("POST", &[], None).unwrap().ends_with("Content-Length: 0\r\n\r\n"));
        assert!(encode("POST", &[], Some(b"abc")).unwrap().ends_with("Content-Length: 3\r\n\r\nabc"));
        assert!(!encode("DELETE", &[], None).unwrap().contains("Content-Length"));
    }

    #[test]
    fn a_send_adds_header_lines_and_replaces_the_body() {
        let head = RequestHead { method: "POST", target: "/", host: "h", user_agent: "", headers: &[], close: false };
        let request = Request::encode(Rc::new(Origin::new("h", 80)), &head, Some(b"old")).unwrap();
        let text = |header_lines: &[u8], body: Option<&[u8]>| {
            let body = body.map(|bytes| Body::from(bytes.to_vec()));
            text(&request, &Payload { header_lines: header_lines.to_vec(), body })
        };
        let cookie = b"Cookie: a=b\r\n";
        let start = "POST / HTTP/1.1\r\nHost: h\r\n";
        assert_eq!(text(cookie, None), format!("{start}Cookie: a=b\r\nContent-Length: 3\r\n\r\nold"));
        assert_eq!(text(b"", Some(b"newer")), format!("{start}Content-Length: 5\r\n\r\nnewer"));
    }

    fn shared(text: &str, times: usize) -> BodyPart {
        let bytes = format!("-{}-", text.repeat(times)).into_bytes();
        let range = 1..bytes.len() - 1;
        BodyPart::Shared(SharedBytes::new(Arc::new(bytes), range).unwrap())
    }

    #[test]
    fn parts_are_one_body_and_large_shared_ones_are_not_copied() {
        let owned = |text: &str| BodyPart::Owned(text.into());
        let head = RequestHead { method: "PUT", target: "/", host: "h", user_agent: "", headers: &[], close: false };
        let origin = Rc::new(Origin::new("h", 80));
        let large = "0123456789".repeat(2000);
        let body =
            Body::new(vec![owned("a"), shared("b", 3), shared(&large, 1), owned("c"), owned("d"), shared("e", 1)]);
        let whole = format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 20007\r\n\r\nabbb{large}cde");
        let prepared = Request::encode_parts(Rc::clone(&origin), &head, &body).unwrap();
        let plain = Request::encode(origin, &head, None).unwrap();
        let payload = Payload { header_lines: vec![], body: Some(body.clone()) };
        for (request, payload) in [(&prepared, &Payload::default()), (&plain, &payload)] {
            assert_eq!(text(request, payload), whole);
            let Outgoing { rest, waits, .. } = request.outgoing(payload);
            assert!(matches!(&rest[..], [SendBytes::Range(_), tail] if **tail == b"cde"[..]), "{rest:?}");
            assert!(!waits);
        }
        assert_eq!(prepared.body().unwrap(), body.contiguous());
        assert!(SharedBytes::new(Arc::new(vec![0; 3]), 1..4).is_none());
    }

    #[test]
    fn a_body_that_is_to_wait_is_apart_from_its_head() {
        let headers = [("Expect".to_owned(), "100-Continue".to_owned())];
        let head =
            RequestHead { method: "PUT", target: "/", host: "h", user_agent: "", headers: &headers, close: false };
        let request = Request::encode(Rc::new(Origin::new("h", 80)), &head, Some(b"body")).unwrap();
        let whole = "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n";
        for body in [None, Some(Body::from(b"body".to_vec()))] {
            let Outgoing { first, rest, waits } = request.outgoing(&Payload { header_lines: vec![], body });
            assert_eq!((&*first, waits, rest.len(), &*rest[0]), (whole.as_bytes(), true, 1, &b"body"[..]));
        }
        // Nothing to wait with.
        let request = Request::encode(Rc::new(Origin::new("h", 80)), &head, None).unwrap();
        assert!(!request.outgoing(&Payload::default()).waits);
    }

    #[test]
    fn what_could_smuggle_a_header_is_refused() {
        assert_eq!(encode("GE T", &[], None), Err(RequestError::Method("GE T".into())));
        assert_eq!(encode("GET", &[("a b", "c")], None), Err(RequestError::HeaderName("a b".into())));
        assert_eq!(encode("GET", &[("a", "b\r\nc: d")], None), Err(RequestError::HeaderValue("a".into())));
    }
}
