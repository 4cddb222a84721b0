//! How long a response's body is, and whether the connection lives on: RFC 9112 sections 6.3 and 9.3.

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Length(u64),
    Chunked,
    UntilClose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) body: Body,
    pub(super) keep_alive: bool,
    pub(super) notable: Notable,
}

/// Header fields that a user agent acts upon: known without another look at the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notable {
    /// `Set-Cookie`.
    pub set_cookie: bool,
    /// `Location`.
    pub location: bool,
    /// `Content-Encoding`.
    pub content_encoding: bool,
    /// `WWW-Authenticate`.
    pub authenticate: bool,
}

impl Notable {
    /// Whether there is any of them.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// A body whose end can't be told, or a status that isn't one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Not a decimal number.
    #[error("Content-Length isn't a decimal number")]
    InvalidLength,
    /// Beyond 64 bits.
    #[error("Content-Length is beyond 64 bits")]
    LengthTooLarge,
    /// Two lengths.
    #[error("several Content-Lengths that differ")]
    DifferingLengths,
    /// HTTP/1.0 has no such thing: section 6.1 calls its framing faulty.
    #[error("Transfer-Encoding in a response of HTTP/1.0")]
    EncodingInOldVersion,
}

/// Decides by the rules of RFC 9112 section 6.3, in their order.
pub(super) fn framing(response: &httparse::Response<'_, '_>, to_head_request: bool) -> Result<Framing, FramingError> {
    let status = response.code.unwrap_or(0);
    let is_http_1_1 = response.version == Some(1);
    let mut length = Ok(None);
    let mut transfer_encoding: Option<&[u8]> = None;
    let mut close = false;
    let mut keep_alive = false;
    let mut notable = Notable::default();
    for field in &*response.headers {
        // By length first: most fields are none of these.
        match field.name.len() {
            14 if field.name.eq_ignore_ascii_case("content-length") => {
                length = length.and_then(|before| add_length(before, field.value));
            }
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => transfer_encoding = Some(field.value),
            10 if field.name.eq_ignore_ascii_case("connection") => {
                close |= has_token(field.value, "close");
                keep_alive |= has_token(field.value, "keep-alive");
            }
            10 if field.name.eq_ignore_ascii_case("set-cookie") => notable.set_cookie = true,
            8 if field.name.eq_ignore_ascii_case("location") => notable.location = true,
            16 if field.name.eq_ignore_ascii_case("content-encoding") => notable.content_encoding = true,
            16 if field.name.eq_ignore_ascii_case("www-authenticate") => notable.authenticate = true,
            _ => {}
        }
    }
    let persistent = !close && (is_http_1_1 || keep_alive) && status != 101;
    let no_body = to_head_request || (100..200).contains(&status) || status == 204 || status == 304;
    let (body, persistent) = match (transfer_encoding, length) {
        // Whatever the fields say, and however wrong they are.
        _ if no_body => (Body::Length(0), persistent),
        (Some(_), _) if !is_http_1_1 => return Err(FramingError::EncodingInOldVersion),
        // Both: the encoding counts, and the connection ends, since somebody between may see it otherwise.
        (Some(encoding), length) if ends_chunked(encoding) => (Body::Chunked, persistent && length == Ok(None)),
        // The end can't be told from the encoding.
        (Some(_), _) => (Body::UntilClose, false),
        (None, length) => match length? {
            Some(length) => (Body::Length(length), persistent),
            None => (Body::UntilClose, false),
        },
    };
    Ok(Framing { body, keep_alive: persistent, notable })
}

/// RFC 9110 section 8.6: a repeated value, by list or by field, is fine if it is the same.
fn add_length(mut length: Option<u64>, value: &[u8]) -> Result<Option<u64>, FramingError> {
    for part in value.split(|byte| *byte == b',') {
        let digits = part.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(FramingError::InvalidLength);
        }
        let number =
            digits.iter().try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        let number = number.ok_or(FramingError::LengthTooLarge)?;
        if length.replace(number).is_some_and(|before| before != number) {
            return Err(FramingError::DifferingLengths);
        }
    }
    Ok(length)
}

fn has_token(value: &[u8], token: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn ends_chunked(value: &[u8]) -> bool {
    let last = value.rsplit(|byte| *byte == b',').next().unwrap_or(value);
    last.trim_ascii().eq_ignore_ascii_case(b"chunked")
}
