//! A request, encoded once.

use std::rc::Rc;

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

/// A request that may be sent many times.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) origin: Rc<Origin>,
    head: Rc<[u8]>,
    /// Head and prepared body, without a copy per send.
    whole: Rc<[u8]>,
    has_length: bool,
    /// Whether there is a prepared body, an empty one perhaps, and its bytes at the end of `whole`.
    body: bool,
    body_bytes: usize,
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
        let whole = finish(&bytes, has_length, body, expects_body(head.method));
        Ok(Self {
            origin,
            head: bytes.into(),
            whole: whole.into(),
            has_length,
            body: body.is_some(),
            body_bytes: body.map_or(0, <[u8]>::len),
            expects_body: expects_body(head.method),
            to_head: head.method == "HEAD",
            idempotent: matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"),
            close: head.close,
        })
    }

    /// Bytes to send, with what one send adds to them.
    pub(super) fn bytes(&self, payload: &Payload) -> SendBytes {
        let Payload { header_lines, body } = payload;
        if header_lines.is_empty() && body.is_none() {
            return SendBytes::Shared(Rc::clone(&self.whole));
        }
        let (body, expects_body) = match body {
            Some(body) => (Some(&**body), true),
            None => (self.body(), self.expects_body),
        };
        let mut head = Vec::with_capacity(self.head.len() + header_lines.len());
        head.extend_from_slice(&self.head);
        head.extend_from_slice(header_lines);
        SendBytes::Owned(finish(&head, self.has_length, body, expects_body))
    }

    /// The prepared body.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body.then(|| &self.whole[self.whole.len() - self.body_bytes..])
    }

    /// Where it goes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

fn finish(head: &[u8], has_length: bool, body: Option<&[u8]>, expects_body: bool) -> Vec<u8> {
    let content = body.unwrap_or_default();
    let mut bytes = Vec::with_capacity(head.len() + content.len() + 32);
    bytes.extend_from_slice(head);
    if !has_length && (body.is_some() || expects_body) {
        push_header(&mut bytes, "Content-Length", &content.len().to_string());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(content);
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
    use super::*;

    fn encode(method: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<String, RequestError> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let origin = Rc::new(Origin::new("host", 80));
        let head =
            RequestHead { method, target: "/a?b", host: "host", user_agent: "throng", headers: &headers, close: false };
        let request = Request::encode(origin, &head, body)?;
        Ok(String::from_utf8_lossy(&request.bytes(&Payload::default())).into_owned())
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
            let payload = Payload { header_lines: header_lines.to_vec(), body: body.map(<[u8]>::to_vec) };
            String::from_utf8(request.bytes(&payload).to_vec()).unwrap()
        };
        let cookie = b"Cookie: a=b\r\n";
        let start = "POST / HTTP/1.1\r\nHost: h\r\n";
        assert_eq!(text(cookie, None), format!("{start}Cookie: a=b\r\nContent-Length: 3\r\n\r\nold"));
        assert_eq!(text(b"", Some(b"newer")), format!("{start}Content-Length: 5\r\n\r\nnewer"));
    }

    #[test]
    fn what_could_smuggle_a_header_is_refused() {
        assert_eq!(encode("GE T", &[], None), Err(RequestError::Method("GE T".into())));
        assert_eq!(encode("GET", &[("a b", "c")], None), Err(RequestError::HeaderName("a b".into())));
        assert_eq!(encode("GET", &[("a", "b\r\nc: d")], None), Err(RequestError::HeaderValue("a".into())));
    }
}
