//! The head of a response, status line and fields, and why one can't be read: RFC 9112 sections 2 to 5.

use std::mem::MaybeUninit;

/// Most header fields of a response, and most trailer fields.
pub(super) const FIELDS_MAX: usize = 128;

/// So many bytes tell what protocol an answer is in.
pub(super) const TELLING_BYTES: usize = 5;

/// What is wrong with a head or a trailer. The texts hold nothing that the server sent, since they become tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// An empty line in place of the status line.
    #[error("the response begins with an empty line")]
    EmptyLine,
    /// A TLS record.
    #[error("the answer isn't HTTP but TLS; is the server's scheme https?")]
    Tls,
    /// HTTP/2 or 3, or a frame of HTTP/2.
    #[error("the answer is in another version of HTTP than 1.0 and 1.1")]
    Version,
    /// Something else.
    #[error("the answer isn't HTTP: it doesn't begin with HTTP/1.1 or HTTP/1.0")]
    NotHttp,
    /// Not three digits.
    #[error("the status code isn't three digits")]
    StatusCode,
    /// Below 100.
    #[error("the status code {0:03} is below 100")]
    StatusRange(u16),
    /// A control character.
    #[error("the reason phrase contains a control character")]
    Reason,
    /// A line without a colon.
    #[error("header line without a colon")]
    NoColon,
    /// A colon in the first place.
    #[error("header line without a name")]
    NoName,
    /// White space in front of the first field, which belongs to none.
    #[error("white space before the first header")]
    LeadingSpace,
    /// White space in front of the colon.
    #[error("white space between a header's name and its colon")]
    SpaceBeforeColon,
    /// What no token contains.
    #[error("header name with the invalid byte 0x{0:02x}")]
    Name(u8),
    /// A control character.
    #[error("header value with the control character 0x{0:02x}")]
    Value(u8),
    /// CR without LF.
    #[error("CR without LF in the head")]
    BareCr,
    /// More fields than are kept.
    #[error("more than {FIELDS_MAX} header fields")]
    TooManyFields,
}

/// A field as it lies in the bytes that were parsed.
pub(super) type Fields<'headers, 'bytes> = &'headers mut [MaybeUninit<httparse::Header<'bytes>>];

/// A response whose parts aren't known yet.
pub(super) const fn unparsed<'headers, 'bytes>() -> httparse::Response<'headers, 'bytes> {
    httparse::Response { version: None, code: None, reason: None, headers: &mut [] }
}

/// The length of the head, none while it is incomplete.
///
/// # Errors
/// When it is malformed, or has a folded field; [`second_look`] tells.
pub(super) fn parse_head<'headers, 'bytes>(
    response: &mut httparse::Response<'headers, 'bytes>,
    bytes: &'bytes [u8],
    fields: Fields<'headers, 'bytes>,
) -> Result<Option<usize>, httparse::Error> {
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(response, bytes, fields)? {
        httparse::Status::Complete(length) => Ok(Some(length)),
        httparse::Status::Partial => Ok(None),
    }
}

/// What to make of a head that [`parse_head`] refused: its length, if it only has folded fields; none while it is
/// incomplete. `last` says that no more bytes come.
///
/// # Errors
/// When more is wrong with it. Only complete lines are judged, so that the cause is the same however the bytes come.
pub(super) fn second_look(bytes: &[u8], mut error: httparse::Error, last: bool) -> Result<Option<usize>, HeadError> {
    if error == httparse::Error::HeaderName {
        error = match parse_folded(bytes) {
            Ok(length) => return Ok(length),
            Err(error) => error,
        };
    }
    let is_final = last
        || match bytes.iter().rposition(|byte| *byte == b'\n') {
            _ if error == httparse::Error::Version => bytes.len() >= TELLING_BYTES,
            Some(end) => parse_folded(&bytes[..=end]).is_err(),
            None => false,
        };
    if is_final { Err(why(bytes, error)) } else { Ok(None) }
}

fn parse_folded(bytes: &[u8]) -> Result<Option<usize>, httparse::Error> {
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    match config.parse_response_with_uninit_headers(&mut unparsed(), bytes, &mut fields)? {
        httparse::Status::Complete(length) => Ok(Some(length)),
        httparse::Status::Partial => Ok(None),
    }
}

/// Each fold of a field's value replaced by one space (RFC 9112 section 5.2).
pub(super) fn unfolded(bytes: &[u8]) -> Vec<u8> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if out.is_empty() || !line.first().is_some_and(is_blank) {
            out.extend_from_slice(line);
            continue;
        }
        out.pop_if(|byte| *byte == b'\n');
        out.pop_if(|byte| *byte == b'\r');
        while out.pop_if(|byte| is_blank(byte)).is_some() {}
        out.push(b' ');
        out.extend(line.iter().skip_while(|byte| is_blank(byte)));
    }
    out
}

/// The fields of a trailer section, without the empty line behind it.
///
/// # Errors
/// When it is malformed.
pub(super) fn trailer_fields(bytes: &[u8], mut each: impl FnMut(&str, &[u8]) -> bool) -> Result<(), HeadError> {
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(b"\r\n");
    if matches!(whole.first(), Some(b' ' | b'\t')) {
        return Err(HeadError::LeadingSpace);
    }
    let whole = unfolded(&whole);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    match httparse::parse_headers(&whole, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => {
            fields.iter().all(|field| each(field.name, field.value));
            Ok(())
        }
        // It ends with an empty line, so that it can't be incomplete.
        Ok(httparse::Status::Partial) => Err(HeadError::BareCr),
        Err(error) => Err(why_fields(&whole, error)),
    }
}

/// The cause in words that a person finds in the bytes. Only for what was refused: slow.
fn why(bytes: &[u8], error: httparse::Error) -> HeadError {
    let begins = |prefix: &[u8]| bytes.starts_with(prefix);
    let (line, fields) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => bytes.split_at(end + 1),
        None => (bytes, &[][..]),
    };
    match error {
        _ if matches!(bytes.first(), Some(b'\r' | b'\n')) => HeadError::EmptyLine,
        // An alert or a handshake, of any version.
        httparse::Error::Version if begins(&[0x15, 3]) || begins(&[0x16, 3]) => HeadError::Tls,
        // A frame of settings opens each side of HTTP/2.
        httparse::Error::Version if begins(b"HTTP/") || bytes.get(3..5) == Some(&[4, 0]) => HeadError::Version,
        httparse::Error::Version => HeadError::NotHttp,
        httparse::Error::Status => {
            let code = line.get(9..).unwrap_or_default();
            let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let ended = matches!(code.get(3), None | Some(b' ' | b'\r' | b'\n'));
            if digits == 3 && ended { HeadError::Reason } else { HeadError::StatusCode }
        }
        error => why_fields(fields, error),
    }
}

fn why_fields(fields: &[u8], error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyFields,
        httparse::Error::NewLine => HeadError::BareCr,
        httparse::Error::HeaderName => {
            let found = fields.split(|byte| *byte == b'\n').enumerate().find_map(|(number, line)| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                // A folded line has no name.
                let is_fold = number > 0 && matches!(line.first(), Some(b' ' | b'\t'));
                if is_fold || line.is_empty() { None } else { why_name(line) }
            });
            found.unwrap_or(HeadError::NoColon)
        }
        _ => {
            let mut lines = fields.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let control =
                lines.find_map(|line| line.iter().copied().find(|byte| byte.is_ascii_control() && *byte != b'\t'));
            match control {
                Some(b'\r') | None => HeadError::BareCr,
                Some(byte) => HeadError::Value(byte),
            }
        }
    }
}

/// What is wrong with the name in this line, if something is.
fn why_name(line: &[u8]) -> Option<HeadError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Some(HeadError::LeadingSpace);
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Some(HeadError::NoColon) };
    let name = &line[..colon];
    if name.is_empty() {
        return Some(HeadError::NoName);
    }
    let trimmed = name.trim_ascii_end();
    match trimmed.iter().copied().find(|byte| !is_token_byte(*byte)) {
        Some(byte) => Some(HeadError::Name(byte)),
        None if trimmed.len() < name.len() => Some(HeadError::SpaceBeforeColon),
        None => None,
    }
}

/// RFC 9110 section 5.6.2.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
