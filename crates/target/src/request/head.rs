//! The request line and the header fields: RFC 9112 sections 2 to 6.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use super::{FIELDS_MAX, HEAD_BYTES_MAX};
use crate::refusal::Refusal;

/// How the body's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// A request's head, where it lies in the bytes received.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    /// The path, always with its slash, and the query without the question mark.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) framing: Framing,
    /// The client speaks HTTP/1.1.
    pub(crate) is_http_1_1: bool,
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
}

/// What the fields say about the message itself.
#[derive(Default)]
struct Meaning<'a> {
    hosts: usize,
    length: Option<u64>,
    transfer_encoding: Option<&'a [u8]>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

/// Whether these bytes contain an empty line, as every head's end does.
pub(crate) fn ends_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// Parses a head at the start of `bytes` and gives it, with its fields and its length in bytes, to `then`; none while it
/// isn't complete.
///
/// The head is lent rather than returned, since the table of its fields is too large to be moved for every request.
///
/// # Errors
/// When it is malformed or too large.
pub(crate) fn parse_head<T>(
    bytes: &[u8],
    then: impl FnOnce(&Head<'_>, &[Header<'_>], usize) -> T,
) -> Result<Option<T>, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(_) | Err(Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(Error::Version) => return Err(Refusal::UnknownVersion),
        Err(Error::Token) => return Err(Refusal::Malformed("the request line isn't METHOD TARGET VERSION")),
        Err(Error::NewLine) => return Err(Refusal::Malformed("a line doesn't end in CR LF")),
        Err(Error::HeaderName) => return Err(Refusal::Malformed("a header field's name is invalid")),
        Err(Error::HeaderValue) => return Err(Refusal::Malformed("a header field's value is invalid")),
        Err(Error::Status) => return Err(Refusal::Malformed("not a request")),
    };
    let meaning = meaning(request.headers)?;
    let is_http_1_1 = request.version == Some(1);
    if meaning.hosts > 1 || (meaning.hosts == 0 && is_http_1_1) {
        return Err(Refusal::Malformed("exactly one Host field is needed"));
    }
    let (path, query) = split_target(request.path.unwrap_or(""))?;
    let head = Head {
        method: request.method.unwrap_or(""),
        path,
        query,
        framing: framing(&meaning, is_http_1_1)?,
        is_http_1_1,
        keep_alive: !meaning.close && (is_http_1_1 || meaning.keep_alive),
        expects_continue: meaning.expects_continue && is_http_1_1,
    };
    Ok(Some(then(&head, request.headers, length)))
}

fn meaning<'a>(fields: &[Header<'a>]) -> Result<Meaning<'a>, Refusal> {
    let mut meaning = Meaning::default();
    for field in fields {
        // By length first: most fields are none of these.
        match field.name.len() {
            4 if field.name.eq_ignore_ascii_case("host") => meaning.hosts += 1,
            6 if field.name.eq_ignore_ascii_case("expect") => {
                meaning.expects_continue = has_token(field.value, "100-continue");
            }
            10 if field.name.eq_ignore_ascii_case("connection") => {
                meaning.close |= has_token(field.value, "close");
                meaning.keep_alive |= has_token(field.value, "keep-alive");
            }
            14 if field.name.eq_ignore_ascii_case("content-length") => {
                let several = Refusal::Malformed("several Content-Length fields");
                set_once(&mut meaning.length, decimal(field.value)?, several)?;
            }
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => {
                set_once(&mut meaning.transfer_encoding, field.value, Refusal::UnknownCoding)?;
            }
            _ => {}
        }
    }
    Ok(meaning)
}

fn set_once<T>(place: &mut Option<T>, value: T, otherwise: Refusal) -> Result<(), Refusal> {
    if place.replace(value).is_some() { Err(otherwise) } else { Ok(()) }
}

/// RFC 9112 section 6.3, with everything refused that could hide a second request from somebody between.
fn framing(meaning: &Meaning<'_>, is_http_1_1: bool) -> Result<Framing, Refusal> {
    match (meaning.transfer_encoding, meaning.length) {
        (Some(_), Some(_)) => Err(Refusal::Malformed("both Transfer-Encoding and Content-Length")),
        (Some(_), None) if !is_http_1_1 => Err(Refusal::Malformed("HTTP/1.0 has no Transfer-Encoding")),
        (Some(coding), None) if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (Some(_), None) => Err(Refusal::UnknownCoding),
        (None, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

fn decimal(value: &[u8]) -> Result<u64, Refusal> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed("Content-Length isn't a number"));
    }
    // A number beyond 64 bits is a body too large too.
    Ok(digits.iter().fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

/// RFC 9112 section 3.2: a path, or a whole URL as to a proxy.
fn split_target(target: &str) -> Result<(&str, &str), Refusal> {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        _ => target,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path {
        "" => Ok(("/", query)),
        _ if path.starts_with('/') || target == "*" => Ok((path, query)),
        _ => Err(Refusal::Malformed("the target isn't a path")),
    }
}

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (String, String, String, Framing, bool, usize);

    fn parse(text: &str) -> Result<Option<Seen>, Refusal> {
        parse_head(text.as_bytes(), |head, _, length| {
            (head.method.into(), head.path.into(), head.query.into(), head.framing, head.keep_alive, length)
        })
    }

    fn refused(text: &str) -> u16 {
        parse(text).expect_err(text).status()
    }

    #[test]
    fn a_head_is_known_only_once_it_is_whole() {
        let text = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), Ok(None), "{end}");
        }
        let whole = ("GET".into(), "/a".into(), "b=c".into(), Framing::Length(0), true, text.len());
        assert_eq!(parse(&format!("{text}GET")), Ok(Some(whole)));
    }

    #[test]
    fn targets_may_be_paths_or_urls() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("/a/b?c?d", "/a/b", "c?d"),
            ("http://h:1/a?b", "/a", "b"),
            ("http://h", "/", ""),
            ("http://h?q", "/", "q"),
            ("/a://b", "/a://b", ""),
        ] {
            let seen = parse(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).unwrap().unwrap();
            assert_eq!((seen.1.as_str(), seen.2.as_str()), (path, query), "{target}");
        }
        assert_eq!(refused("GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        for (text, keep) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
        ] {
            assert_eq!(parse(text).unwrap().unwrap().4, keep, "{text}");
        }
    }

    #[test]
    fn bodies_whose_end_is_doubtful_are_refused() {
        let with = |fields: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n");
        assert_eq!(parse(&with("Content-Length: 07")).unwrap().unwrap().3, Framing::Length(7));
        let endless = parse(&with("Content-Length: 99999999999999999999999")).unwrap().unwrap().3;
        assert_eq!(endless, Framing::Length(u64::MAX));
        assert_eq!(parse(&with("Transfer-Encoding: Chunked")).unwrap().unwrap().3, Framing::Chunked);
        for (fields, status) in [
            ("Content-Length: +7", 400),
            ("Content-Length: ", 400),
            ("Content-Length: 1, 1", 400),
            ("Content-Length: 1\r\nContent-Length: 1", 400),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked", 400),
            ("Transfer-Encoding: gzip, chunked", 501),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
            ("Host: h", 400),
        ] {
            assert_eq!(refused(&with(fields)), status, "{fields}");
        }
        assert_eq!(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), 400);
    }

    #[test]
    fn heads_that_are_no_http_or_too_large_are_refused() {
        assert_eq!(refused("\x16\x03\x01\x02\x00\x01\x00\x01"), 400);
        assert_eq!(refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
        assert_eq!(refused("GET / HTTP/1.1\r\nHo st: h\r\n\r\n"), 400);
        assert_eq!(refused(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_BYTES_MAX))), 431);
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX))), 431);
    }
}
