//! From bytes to a response, without IO: RFC 9112 sections 4 to 7.

use std::mem::MaybeUninit;

use super::chunked::{ChunkError, ChunkLine, Next};
use super::framing::{Body, Framing, FramingError, Notable, framing};
use super::head::{
    FIELDS_MAX, Fields, HeadError, TELLING_BYTES, parse_head, second_look, trailer_fields, unfolded, unparsed,
};

/// Of a body whose length is known: more is allocated only when it arrives, however much was announced.
const RESERVED_BYTES_MAX: usize = 1 << 20;

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

/// What a parser keeps of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// All of it.
    All,
    /// What hasn't been taken, if the response is a success (2xx); else all of it.
    UntilTaken,
}

/// How a response broke the protocol or a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The status line or a header field is malformed.
    #[error("malformed response: {0}")]
    Head(#[from] HeadError),
    /// The head is longer than allowed.
    #[error("the response's head is longer than {0} bytes")]
    HeadTooLong(usize),
    /// Too many 1xx responses.
    #[error("more than {0} interim (1xx) responses")]
    TooManyInterim(u32),
    /// The length of the body can't be told.
    #[error("malformed response: {0}")]
    Framing(#[from] FramingError),
    /// A chunked body is malformed.
    #[error("malformed response: {0}")]
    Chunk(#[from] ChunkError),
    /// The body is longer than is kept.
    #[error("the body is longer than {0} bytes; discard it, or ask for less")]
    BodyTooLong(usize),
    /// The connection ended before the response began.
    #[error("the server closed the connection without an answer")]
    Unanswered,
    /// The connection ended within the response.
    #[error("the connection ended within the response's {0}")]
    Truncated(&'static str),
}

/// The parts of a response, in memory that is re-used from one response to the next.
#[derive(Debug, Default)]
pub struct ResponseBuffer {
    head: Vec<u8>,
    body: Vec<u8>,
    trailer: Vec<u8>,
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

    /// Hands over what there is of the body, and forgets it.
    pub(super) fn take_body(&mut self, to: impl FnOnce(&[u8])) {
        to(&self.body);
        self.body.clear();
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
        let mut response = unparsed();
        if parse_head(&mut response, &self.head, &mut fields).is_ok() {
            response.headers.iter().all(|field| each(field.name, field.value));
        }
    }

    /// [`fields`](Self::fields) of the trailer behind a chunked body.
    pub fn trailer_fields(&self, each: impl FnMut(&str, &[u8]) -> bool) {
        // It was checked when it arrived.
        let _ = trailer_fields(&self.trailer, each);
    }

    /// Empties it and keeps its memory, up to a few KiB.
    pub fn clear(&mut self) {
        const KEPT_BYTES: usize = 16 * 1024;
        for part in [&mut self.head, &mut self.body, &mut self.trailer] {
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
    ChunkLine(ChunkLine),
    ChunkData(u64),
    Complete,
}

/// Parses one response.
#[derive(Debug)]
pub struct ResponseParser {
    state: State,
    limits: Limits,
    to_head_request: bool,
    keep: Keep,
    keep_alive: bool,
    interim: u32,
    continued: bool,
}

impl ResponseParser {
    /// A parser for the answer to a request; `to_head_request` if that is a HEAD, whose answer has no body.
    #[must_use]
    pub fn new(to_head_request: bool, keep: Keep, limits: Limits) -> Self {
        Self { state: State::Head, limits, to_head_request, keep, keep_alive: false, interim: 0, continued: false }
    }

    /// Whether the connection may carry another request after this, as far as the response says.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether a 100 (Continue) has come.
    #[must_use]
    pub fn continued(&self) -> bool {
        self.continued
    }

    /// Whether the head of the final response has come.
    #[must_use]
    pub fn is_past_head(&self) -> bool {
        self.state != State::Head
    }

    /// Whether the body is taken while it arrives.
    pub(super) fn is_taken(&self) -> bool {
        self.keep == Keep::UntilTaken && self.is_past_head()
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
                State::ChunkLine(line) => self.feed_chunk_line(line, rest[0], into).map(|()| 1)?,
                State::Head => self.feed_head(rest, into)?,
                _ => self.feed_data(rest, into)?,
            };
        }
        Ok(Fed { consumed, complete: self.state == State::Complete })
    }

    /// The peer has closed: completes a response whose body ends there.
    ///
    /// # Errors
    /// When the response isn't complete.
    pub fn end(&mut self, into: &ResponseBuffer) -> Result<(), ParseError> {
        let within = match self.state {
            State::UntilClose | State::Complete => {
                self.state = State::Complete;
                return Ok(());
            }
            State::Head if into.head.is_empty() && self.interim == 0 => return Err(ParseError::Unanswered),
            State::Head => {
                let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
                look(&mut unparsed(), &into.head, &mut fields, true)?;
                "head"
            }
            State::Length(_) => "body",
            State::ChunkLine(ChunkLine::TrailerLine | ChunkLine::Trailer | ChunkLine::EndLf) => "trailer",
            State::ChunkLine(_) | State::ChunkData(_) => "chunked body",
        };
        Err(ParseError::Truncated(within))
    }

    /// Usually the whole head comes at once, and is parsed where it lies. One that comes in pieces is parsed when a
    /// piece may have ended it, so that a server which drips bytes costs little.
    fn feed_head(&mut self, bytes: &[u8], into: &mut ResponseBuffer) -> Result<usize, ParseError> {
        let limit = self.limits.head_bytes;
        let before = into.head.len();
        let bytes = &bytes[..bytes.len().min(limit - before)];
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut response = unparsed();
        if before > 0 {
            into.head.extend_from_slice(bytes);
        }
        let so_far = if before > 0 { &into.head[..] } else { bytes };
        let full = so_far.len() >= limit;
        let tells = (..TELLING_BYTES).contains(&before) && so_far.len() >= TELLING_BYTES;
        let seen = if before == 0 || tells || full || ends_head(&so_far[before.saturating_sub(3)..]) {
            look(&mut response, so_far, &mut fields, full)?
        } else {
            Seen::Incomplete
        };
        let (length, status, framing) = match seen {
            Seen::Incomplete if full => return Err(ParseError::HeadTooLong(limit)),
            Seen::Incomplete => {
                if before == 0 {
                    into.head.extend_from_slice(bytes);
                }
                return Ok(bytes.len());
            }
            Seen::Folded(length) => {
                let unfolded = unfolded(&so_far[..length]);
                let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
                let mut response = unparsed();
                let parsed = parse_head(&mut response, &unfolded, &mut fields);
                parsed.map_err(|error| second_look(&unfolded, error, true).err().unwrap_or(HeadError::BareCr))?;
                let judged = (length, response.code.unwrap_or(0), framing(&response, self.to_head_request)?);
                into.head = unfolded;
                judged
            }
            Seen::Complete(length) => {
                let judged = (length, response.code.unwrap_or(0), framing(&response, self.to_head_request)?);
                if before == 0 {
                    into.head.extend_from_slice(&bytes[..length]);
                } else {
                    into.head.truncate(length);
                }
                judged
            }
        };
        self.begin_body(status, framing, into)?;
        Ok(length - before)
    }

    fn begin_body(&mut self, status: u16, framing: Framing, into: &mut ResponseBuffer) -> Result<(), ParseError> {
        if status < 100 {
            return Err(HeadError::StatusRange(status).into());
        }
        // 101 ends HTTP on this connection and is an answer; other 1xx precede one.
        if (100..200).contains(&status) && status != 101 {
            self.interim += 1;
            self.continued |= status == 100;
            if self.interim > self.limits.interim_responses {
                return Err(ParseError::TooManyInterim(self.limits.interim_responses));
            }
            into.head.clear();
            return Ok(());
        }
        into.status = status;
        into.notable = framing.notable;
        self.keep_alive = framing.keep_alive;
        match self.keep {
            // What is taken as it arrives needs no limit.
            Keep::UntilTaken if (200..300).contains(&status) => self.limits.body_bytes = usize::MAX,
            Keep::UntilTaken => self.keep = Keep::All,
            Keep::Nothing | Keep::All => {}
        }
        self.state = match framing.body {
            Body::Length(0) => State::Complete,
            Body::Length(length) => {
                if self.keep != Keep::Nothing {
                    if length > self.limits.body_bytes as u64 {
                        return Err(ParseError::BodyTooLong(self.limits.body_bytes));
                    }
                    if self.keep == Keep::All {
                        into.body.reserve_exact(RESERVED_BYTES_MAX.min(length as usize));
                    }
                }
                State::Length(length)
            }
            Body::Chunked => State::ChunkLine(ChunkLine::START),
            Body::UntilClose => State::UntilClose,
        };
        Ok(())
    }

    fn feed_data(&mut self, bytes: &[u8], into: &mut ResponseBuffer) -> Result<usize, ParseError> {
        let (left, after) = match self.state {
            State::Length(left) => (left, State::Complete),
            State::ChunkData(left) => (left, State::ChunkLine(ChunkLine::DataCr)),
            _ => (u64::MAX, State::UntilClose),
        };
        let taken = left.min(bytes.len() as u64);
        let data = &bytes[..taken as usize];
        if self.keep != Keep::Nothing {
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

    fn feed_chunk_line(&mut self, line: ChunkLine, byte: u8, into: &mut ResponseBuffer) -> Result<(), ParseError> {
        self.state = match line.step(byte, self.limits.chunk_line_bytes)? {
            Next::Line(line) => State::ChunkLine(line),
            Next::Data(size) => {
                let left = self.limits.body_bytes - into.body.len();
                if self.keep != Keep::Nothing && size > left as u64 {
                    return Err(ParseError::BodyTooLong(self.limits.body_bytes));
                }
                State::ChunkData(size)
            }
            Next::TrailerByte(line) => {
                if into.trailer.len() >= self.limits.head_bytes {
                    return Err(ChunkError::TrailerTooLong(self.limits.head_bytes).into());
                }
                into.trailer.push(byte);
                State::ChunkLine(line)
            }
            Next::End => {
                if !into.trailer.is_empty() {
                    trailer_fields(&into.trailer, |_, _| true).map_err(ChunkError::Trailer)?;
                }
                State::Complete
            }
        };
        Ok(())
    }
}

/// How far a head has come.
enum Seen {
    Incomplete,
    /// Its length.
    Complete(usize),
    /// The length of one with folded fields, which has to be unfolded before it is parsed.
    Folded(usize),
}

fn look<'headers, 'bytes>(
    response: &mut httparse::Response<'headers, 'bytes>,
    bytes: &'bytes [u8],
    fields: Fields<'headers, 'bytes>,
    last: bool,
) -> Result<Seen, HeadError> {
    // The parser would skip empty lines, which RFC 9112 section 2.2 lets only servers do.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(HeadError::EmptyLine);
    }
    let (length, seen): (_, fn(usize) -> Seen) = match parse_head(response, bytes, fields) {
        Ok(length) => (length, Seen::Complete),
        Err(error) => (second_look(bytes, error, last)?, Seen::Folded),
    };
    Ok(length.map_or(Seen::Incomplete, seen))
}

/// Whether the end of a head lies in these bytes: an empty line.
fn ends_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

#[cfg(test)]
mod tests;
