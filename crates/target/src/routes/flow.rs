//! Answers whose bodies come piece by piece.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Reply, Request, inspect};
use crate::refusal::Refusal;
use crate::secret::hex;
use crate::session::Next;
use crate::task::number;

/// Longest delay and longest duration of `/drip`, in seconds, and its most bytes.
const DRIP_SECONDS_MAX: f64 = 3600.0;
const DRIP_BYTES_MAX: u64 = 16 << 20;
/// Shortest time between two of its pieces.
const DRIP_PAUSE: Duration = Duration::from_millis(1);
/// Most chunks and lines.
const PIECES_MAX: u64 = 1_000_000;
/// Bytes written before it is looked whether the client takes them.
const BATCH_BYTES: usize = 16 * 1024;
/// What `/reset` announces, and what it sends.
const CUT_LENGTH: u64 = 1000;
const CUT_BYTES: usize = 100;

/// A body that is being made.
#[derive(Debug)]
pub(crate) struct Flow {
    source: Source,
    /// The body's length, if it is told; else it is sent in chunks.
    pub(crate) length: Option<u64>,
    /// Whether the client knows chunks. To others the connection's end is the body's.
    pub(crate) is_chunked: bool,
}

#[derive(Debug)]
enum Source {
    Drip {
        bytes: u64,
        steps: u64,
        step: u64,
        duration: Duration,
    },
    Lines {
        line: Line,
        next: u64,
        count: u64,
    },
    /// A body and its trailer.
    Trailed(Vec<u8>, String),
    /// Less than was announced.
    Cut,
    /// All that was to come has come.
    Ended,
}

#[derive(Debug)]
enum Line {
    Plain,
    Json(Map<String, Value>),
}

impl Line {
    fn write(&mut self, index: u64) -> String {
        match self {
            Self::Plain => format!("chunk {index}\n"),
            Self::Json(value) => {
                value.insert("id".into(), index.into());
                // Too large to be cloned for every line, so it is lent.
                let value = Value::Object(std::mem::take(value));
                let text = format!("{value}\n");
                if let Value::Object(value) = value {
                    *self = Self::Json(value);
                }
                text
            }
        }
    }
}

impl Flow {
    fn new(source: Source, length: Option<u64>, request: &Request) -> Self {
        Self { source, length, is_chunked: length.is_none() && request.is_http_1_1 }
    }

    /// Appends the next bytes and says what is to happen then; none when the body is complete.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> Option<Next> {
        match &mut self.source {
            Source::Drip { bytes, steps, step, duration } => {
                let due = |step: u64| (u128::from(*bytes) * u128::from(step) / u128::from(*steps)) as u64;
                let piece = due(*step + 1) - due(*step);
                out.resize(out.len() + piece as usize, b'*');
                *step += 1;
                let since = duration.mul_f64(*step as f64 / *steps as f64);
                let (first, last) = (*step == 1, *step == *steps);
                if last {
                    self.source = Source::Ended;
                }
                Some(Next::Pace { since, first })
            }
            Source::Lines { line, next, count } => {
                while *next < *count && out.len() < BATCH_BYTES {
                    let text = line.write(*next);
                    push(out, text.as_bytes(), self.is_chunked);
                    *next += 1;
                }
                if *next == *count {
                    self.source = Source::Ended;
                    end(out, "", self.is_chunked);
                }
                Some(Next::Again)
            }
            Source::Trailed(body, trailer) => {
                body.chunks(16).for_each(|piece| push(out, piece, self.is_chunked));
                end(out, trailer, self.is_chunked);
                self.source = Source::Ended;
                Some(Next::Again)
            }
            Source::Cut => {
                out.resize(out.len() + CUT_BYTES, b'*');
                self.source = Source::Ended;
                Some(Next::Reset)
            }
            Source::Ended => None,
        }
    }
}

fn push(out: &mut Vec<u8>, data: &[u8], is_chunked: bool) {
    if is_chunked {
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    }
    out.extend_from_slice(data);
    if is_chunked {
        out.extend_from_slice(b"\r\n");
    }
}

/// The last chunk and the trailer.
fn end(out: &mut Vec<u8>, trailer: &str, is_chunked: bool) {
    if is_chunked {
        out.extend_from_slice(b"0\r\n");
        out.extend_from_slice(trailer.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The time before a drip's answer; none for a query that will be refused.
pub(crate) fn delay(query: &str) -> Option<Duration> {
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "delay")?;
    seconds(&value).ok().filter(|delay| !delay.is_zero())
}

fn seconds(text: &str) -> Result<Duration, Refusal> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse()
        .ok()
        .filter(|seconds| plain && *seconds <= DRIP_SECONDS_MAX)
        .map(Duration::from_secs_f64)
        .ok_or(Refusal::BadParameter("duration and delay are seconds, at most 3600"))
}

pub(crate) fn drip(request: &Request) -> Result<Reply, Refusal> {
    let seconds_of = |name| request.argument(name).map(|text| seconds(&text)).transpose();
    seconds_of("delay")?;
    let duration = seconds_of("duration")?.unwrap_or(Duration::from_secs(2));
    let status = request.argument("code").map_or(Ok(200), |code| crate::task::status(&code))?;
    let bytes = request.argument("numbytes").map_or(Some(10), |text| number(&text));
    let bytes = bytes
        .filter(|bytes| (1..=DRIP_BYTES_MAX).contains(bytes))
        .ok_or(Refusal::BadParameter("numbytes is from 1 to 16777216"))?;
    if matches!(status, 204 | 205 | 304) {
        return Err(Refusal::BadParameter("an answer of that status has no body to drip"));
    }
    let pauses = (duration.as_nanos() / DRIP_PAUSE.as_nanos()) as u64;
    let source = Source::Drip { bytes, steps: bytes.min(pauses).max(1), step: 0, duration };
    Ok(Reply::flow(status, "application/octet-stream", Flow::new(source, Some(bytes), request)))
}

pub(crate) fn chunked(request: &Request) -> Result<Reply, Refusal> {
    lines(request, Line::Plain, "text/plain; charset=utf-8")
}

pub(crate) fn stream(request: &Request) -> Result<Reply, Refusal> {
    let Value::Object(line) = json!({
        "id": 0,
        "url": inspect::url(request),
        "args": inspect::arguments(request.arguments()),
        "headers": inspect::header_map(request),
        "origin": request.origin(),
    }) else {
        unreachable!("the value is an object");
    };
    lines(request, Line::Json(line), "application/json")
}

fn lines(request: &Request, line: Line, content_type: &'static str) -> Result<Reply, Refusal> {
    let count = number(request.parameter()).filter(|count| *count <= PIECES_MAX);
    let count = count.ok_or(Refusal::BadParameter("the number is at most 1000000"))?;
    Ok(Reply::flow(200, content_type, Flow::new(Source::Lines { line, next: 0, count }, None, request)))
}

pub(crate) fn trailers(request: &Request) -> Reply {
    let body = b"What follows the last chunk is the trailer.\n".to_vec();
    let trailer = format!("X-Checksum: {}\r\n", hex(&Sha256::digest(&body)));
    let flow = Flow::new(Source::Trailed(body, trailer), None, request);
    Reply::flow(200, "text/plain; charset=utf-8", flow).with("Trailer", "X-Checksum")
}

pub(crate) fn cut() -> Reply {
    let flow = Flow { source: Source::Cut, length: Some(CUT_LENGTH), is_chunked: false };
    Reply { ends: true, ..Reply::flow(200, "application/octet-stream", flow) }
}
