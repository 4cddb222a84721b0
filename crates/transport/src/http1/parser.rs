//! From bytes to a response, without IO: RFC 9112 sections 4 to 7.

use std::mem::MaybeUninit;

use super::framing::{Body, Framing, FramingError, Notable, framing};

/// Most header fields of a response.
const FIELDS_MAX: usize = 128;

/// What a response may cost. A server that exceeds one of these gets a [`ParseError`], never our memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the status line and the header fields, and again of the trailer fields.
    pub head_bytes: usize,
    /// Interim (1xx) responses before the final one.
    pub interim_responses: u32,
    /// Bytes of a body that is kept. A body that is only counted has no limit.
    pub body_bytes: usize,
    /// Bytes of one chunk's size line.
    pub chunk_line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 64 * 1024, interim_responses: 16, body_bytes: 64 << 20, chunk_line_bytes: 4096 }
    }
}

/// How a response broke the protocol or a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The status line or a header field is malformed.
    #[error("malformed response head: {0}")]
    Head(httparse::Error),
    /// The head or the trailer is longer than allowed.
    #[error("the response's head is longer than {0} bytes")]
    HeadTooLong(usize),
    /// Too many 1xx responses.
    #[error("more than {0} interim (1xx) responses")]
    TooManyInterim(u32),
    /// The length of the body can't be told.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// A chunk's size line is malformed.
    #[error("malformed chunk size")]
    ChunkSize,
    /// A chunk's size line is longer than allowed.
    #[error("a chunk's size line is longer than {0} bytes")]
    ChunkLineTooLong(usize),
    /// A chunk's data isn't followed by CR LF.
    #[error("a chunk's data isn't followed by CR LF")]
    ChunkEnd,
    /// The body is longer than is kept.
    #[error("the body is longer than {0} bytes; discard it, or ask for less")]
    BodyTooLong(usize),
    /// The connection ended within the response.
    #[error("the connection ended within the response's {0}")]
    Truncated(&'static str),
}

/// The parts of a response, in memory that is re-used from one response to the next.
#[derive(Debug, Default)]
pub struct ResponseBuffer {
    head: Vec<u8>,
    body: Vec<u8>,
    status: u16,
    notable: Notable,
    body_bytes: u64,
}

impl ResponseBuffer {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Which of the fields that matter to a user agent there are.
    #[must_use]
    pub fn notable(&self) -> Notable {
        self.notable
    }

    /// Puts another body in place, such as the decompressed one. The count of bytes stays what was received.
    pub fn replace_body(&mut self, body: Vec<u8>) {
        self.body = body;
    }

    /// The body after transfer decoding; empty when it was only counted.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Bytes of the body, kept or not.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Calls `each` with every header field in the order received, until it returns false.
    pub fn fields(&self, mut each: impl FnMut(&str, &[u8]) -> bool) {
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut []);
        if parse_head(&mut response, &self.head, &mut fields).is_ok() {
            for field in &*response.headers {
                if !each(field.name, field.value) {
                    return;
                }
            }
        }
    }

    /// Empties it and keeps its memory, up to a few KiB.
    pub fn clear(&mut self) {
        const KEPT_BYTES: usize = 16 * 1024;
        for part in [&mut self.head, &mut self.body] {
            part.clear();
            part.shrink_to(KEPT_BYTES);
        }
        self.status = 0;
        self.notable = Notable::default();
        self.body_bytes = 0;
    }
}

/// What became of the bytes given to [`ResponseParser::feed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many bytes belong to this response.
    pub consumed: usize,
    /// Whether the response is complete.
    pub complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    UntilClose,
    ChunkSize { digits: u8, size: u64, line: usize, extension: bool },
    ChunkSizeLf { size: u64 },
    ChunkData(u64),
    ChunkDataCr,
    ChunkDataLf,
    Trailer { bytes: usize, line: usize },
    Complete,
}

const CHUNK_START: State = State::ChunkSize { digits: 0, size: 0, line: 0, extension: false };

/// Parses one response.
#[derive(Debug)]
pub struct ResponseParser {
    state: State,
    limits: Limits,
    to_head_request: bool,
    keep_body: bool,
    keep_alive: bool,
    interim: u32,
}

impl ResponseParser {
    /// A parser for the answer to a request; `to_head_request` if that is a HEAD, whose answer has no body.
    #[must_use]
    pub fn new(to_head_request: bool, keep_body: bool, limits: Limits) -> Self {
        Self { state: State::Head, limits, to_head_request, keep_body, keep_alive: false, interim: 0 }
    }

    /// Whether the connection may carry another request after this, as far as the response says.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Takes the next bytes. After `complete` nothing more may be fed.
    ///
    /// # Errors
    /// When the response is malformed or too large; the connection can't be used any more then.
    pub fn feed(&mut self, bytes: &[u8], into: &mut ResponseBuffer) -> Result<Fed, ParseError> {
        let mut consumed = 0;
        while consumed < bytes.len() && self.state != State::Complete {
            let rest = &bytes[consumed..];
            consumed += match self.state {
                State::Head => self.feed_head(rest, into)?,
                State::Length(_) | State::UntilClose | State::ChunkData(_) => self.feed_data(rest, into)?,
                _ => self.feed_chunk_line(rest[0]).map(|()| 1)?,
            };
        }
        Ok(Fed { consumed, complete: self.state == State::Complete })
    }

    /// The peer has closed: completes a response whose body ends there.
    ///
    /// # Errors
    /// When the response isn't complete.
    pub fn end(&mut self) -> Result<(), ParseError> {
        match self.state {
            State::UntilClose | State::Complete => {
                self.state = State::Complete;
                Ok(())
            }
            State::Head => Err(ParseError::Truncated("head")),
            _ => Err(ParseError::Truncated("body")),
        }
    }

    fn feed_head(&mut self, bytes: &[u8], into: &mut ResponseBuffer) -> Result<usize, ParseError> {
        let before = into.head.len();
        // Usually the whole head comes at once, and is parsed where it lies. One that comes in pieces is parsed when a
        // piece may have ended it, so that a server which drips bytes costs little.
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let parsed = if before == 0 {
            let parsed = parse_head(&mut response, bytes, &mut fields)?;
            into.head.extend_from_slice(&bytes[..parsed.unwrap_or(bytes.len())]);
            parsed
        } else {
            into.head.extend_from_slice(bytes);
            if ends_head(&into.head[before.saturating_sub(3)..]) {
                parse_head(&mut response, &into.head, &mut fields)?
            } else {
                None
            }
        };
        let too_long = ParseError::HeadTooLong(self.limits.head_bytes);
        let Some(length) = parsed else {
            return if into.head.len() > self.limits.head_bytes { Err(too_long) } else { Ok(bytes.len()) };
        };
        if length > self.limits.head_bytes {
            return Err(too_long);
        }
        let status = response.code.unwrap_or(0);
        let framing = framing(&response, self.to_head_request)?;
        into.head.truncate(length);
        self.begin_body(status, framing, into)?;
        Ok(length - before)
    }

    fn begin_body(&mut self, status: u16, framing: Framing, into: &mut ResponseBuffer) -> Result<(), ParseError> {
        // 101 ends HTTP on this connection and is an answer; other 1xx precede one.
        if (100..200).contains(&status) && status != 101 {
            self.interim += 1;
            if self.interim > self.limits.interim_responses {
                return Err(ParseError::TooManyInterim(self.limits.interim_responses));
            }
            into.head.clear();
            return Ok(());
        }
        into.status = status;
        into.notable = framing.notable;
        self.keep_alive = framing.keep_alive;
        self.state = match framing.body {
            Body::Length(0) => State::Complete,
            Body::Length(length) => {
                if self.keep_body {
                    if length > self.limits.body_bytes as u64 {
                        return Err(ParseError::BodyTooLong(self.limits.body_bytes));
                    }
                    into.body.reserve_exact(length as usize);
                }
                State::Length(length)
            }
            Body::Chunked => CHUNK_START,
            Body::UntilClose => State::UntilClose,
        };
        Ok(())
    }

    fn feed_data(&mut self, bytes: &[u8], into: &mut ResponseBuffer) -> Result<usize, ParseError> {
        let (left, after) = match self.state {
            State::Length(left) => (left, State::Complete),
            State::ChunkData(left) => (left, State::ChunkDataCr),
            _ => (u64::MAX, State::UntilClose),
        };
        let taken = left.min(bytes.len() as u64);
        let data = &bytes[..taken as usize];
        if self.keep_body {
            if into.body.len() + data.len() > self.limits.body_bytes {
                return Err(ParseError::BodyTooLong(self.limits.body_bytes));
            }
            into.body.extend_from_slice(data);
        }
        into.body_bytes += taken;
        self.state = match self.state {
            _ if taken == left => after,
            State::Length(left) => State::Length(left - taken),
            State::ChunkData(left) => State::ChunkData(left - taken),
            state => state,
        };
        Ok(data.len())
    }

    /// RFC 9112 section 7.1: a size in hexadecimal, extensions that are skipped, CR LF, the data, CR LF; after the
    /// chunk of size 0 trailer fields, skipped too, and an empty line.
    fn feed_chunk_line(&mut self, byte: u8) -> Result<(), ParseError> {
        self.state = match (self.state, byte) {
            (State::ChunkSize { digits, size, .. }, b'\r') if digits > 0 => State::ChunkSizeLf { size },
            (State::ChunkSize { digits, size, line, extension }, byte) => {
                if line >= self.limits.chunk_line_bytes {
                    return Err(ParseError::ChunkLineTooLong(self.limits.chunk_line_bytes));
                }
                let line = line + 1;
                match (byte as char).to_digit(16) {
                    Some(digit) if !extension && digits < 16 => {
                        State::ChunkSize { digits: digits + 1, size: size << 4 | u64::from(digit), line, extension }
                    }
                    _ if digits > 0 && byte != b'\n' && (extension || matches!(byte, b';' | b' ' | b'\t')) => {
                        State::ChunkSize { digits, size, line, extension: true }
                    }
                    _ => return Err(ParseError::ChunkSize),
                }
            }
            (State::ChunkSizeLf { size: 0 }, b'\n') => State::Trailer { bytes: 0, line: 0 },
            (State::ChunkSizeLf { size }, b'\n') => State::ChunkData(size),
            (State::ChunkSizeLf { .. }, _) => return Err(ParseError::ChunkSize),
            (State::ChunkDataCr, b'\r') => State::ChunkDataLf,
            (State::ChunkDataLf, b'\n') => CHUNK_START,
            (State::ChunkDataCr | State::ChunkDataLf, _) => return Err(ParseError::ChunkEnd),
            (State::Trailer { line: 0, .. }, b'\n') => State::Complete,
            (State::Trailer { bytes, .. }, _) if bytes >= self.limits.head_bytes => {
                return Err(ParseError::HeadTooLong(self.limits.head_bytes));
            }
            (State::Trailer { bytes, .. }, b'\n') => State::Trailer { bytes: bytes + 1, line: 0 },
            // The CR of the empty line must not count as its content.
            (State::Trailer { bytes, line: 0 }, b'\r') => State::Trailer { bytes: bytes + 1, line: 0 },
            (State::Trailer { bytes, line }, _) => State::Trailer { bytes: bytes + 1, line: line + 1 },
            (state, _) => state,
        };
        Ok(())
    }
}

/// Whether the end of a head lies in these bytes: an empty line.
fn ends_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// The length of the head, none while it is incomplete.
fn parse_head<'headers, 'bytes>(
    response: &mut httparse::Response<'headers, 'bytes>,
    bytes: &'bytes [u8],
    fields: &'headers mut [MaybeUninit<httparse::Header<'bytes>>],
) -> Result<Option<usize>, ParseError> {
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    match config.parse_response_with_uninit_headers(response, bytes, fields) {
        Ok(httparse::Status::Complete(length)) => Ok(Some(length)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(ParseError::Head(error)),
    }
}

#[cfg(test)]
mod tests;
