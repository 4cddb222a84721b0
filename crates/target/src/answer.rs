//! Writing answers.

use crate::date::DATE_BYTES;

/// What all answers to one request have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// The request was HEAD: the answer has no body.
    pub(crate) is_head: bool,
    pub(crate) is_http_1_1: bool,
    pub(crate) keep_alive: bool,
}

/// The fields of an answer beside those that every one has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) allow: Option<&'a str>,
    /// Further ones, each begun with CR LF.
    pub(crate) more: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) const fn of_type(content_type: &'a [u8]) -> Self {
        Self { content_type: Some(content_type), allow: None, more: &[] }
    }
}

pub(crate) const TEXT: Fields<'static> = Fields::of_type(b"text/plain; charset=utf-8");
pub(crate) const JSON: Fields<'static> = Fields::of_type(b"application/json");
pub(crate) const BINARY: Fields<'static> = Fields::of_type(b"application/octet-stream");

/// An answer with its body.
pub(crate) fn write(
    out: &mut Vec<u8>,
    status: u16,
    fields: Fields<'_>,
    body: &[u8],
    manner: Manner,
    date: [u8; DATE_BYTES],
) {
    // RFC 9110 sections 8.6 and 15: these have no body; 204 may not even give a length, and 304's would be that of an
    // answer which isn't known.
    let bare = matches!(status, 204 | 304);
    let body = if bare || status == 205 { &[] } else { body };
    let fields = if body.is_empty() { Fields { content_type: None, ..fields } } else { fields };
    write_head(out, status, fields, (!bare).then_some(body.len() as u64), manner, date);
    if !manner.is_head {
        out.extend_from_slice(body);
    }
}

/// The head of an answer whose body, of `length` bytes, follows from elsewhere.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    fields: Fields<'_>,
    length: Option<u64>,
    manner: Manner,
    date: [u8; DATE_BYTES],
) {
    out.reserve(256);
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, status.into());
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\nServer: throng\r\nDate: ");
    out.extend_from_slice(&date);
    if let Some(content_type) = fields.content_type {
        out.extend_from_slice(b"\r\nContent-Type: ");
        out.extend_from_slice(content_type);
    }
    if let Some(allow) = fields.allow {
        out.extend_from_slice(b"\r\nAllow: ");
        out.extend_from_slice(allow.as_bytes());
    }
    out.extend_from_slice(fields.more);
    if let Some(length) = length {
        out.extend_from_slice(b"\r\nContent-Length: ");
        push_decimal(out, length);
    }
    match manner {
        Manner { keep_alive: false, .. } => out.extend_from_slice(b"\r\nConnection: close"),
        Manner { is_http_1_1: false, .. } => out.extend_from_slice(b"\r\nConnection: keep-alive"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// Formatting through `fmt` would cost more than all the rest of a head.
fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// RFC 9110's phrase, or one for its class.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => match status / 100 {
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_fmt_would() {
        for number in [0, 7, 10, 99, 100, 1_073_741_824, u64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
