//! One connection's conversation, without IO: bytes in, answers out, and what to do next.

use std::sync::Arc;
use std::time::Duration;

use crate::answer::{self, Fields, Manner};
use crate::counters::{Board, Counters};
use crate::date::DateCache;
use crate::echo;
use crate::refusal::Refusal;
use crate::request::{BodyDecoder, Framing, HEAD_BYTES_MAX, ends_head, parse_head};
use crate::route::{Route, Task};

/// Longest body of `/bytes/{n}` that is written with its head; longer ones are streamed.
const INLINE_BYTES_MAX: u64 = 4096;
/// What bodies of `/bytes/{n}` consist of.
pub(crate) const FILLER: u8 = b'x';

/// What one shard's sessions share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) board: Arc<Board>,
    pub(crate) shard: usize,
    pub(crate) date: DateCache,
}

impl Desk {
    pub(crate) fn counters(&self) -> &Counters {
        self.board.shard(self.shard)
    }
}

/// What the connection's task does before it feeds again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Receive more.
    Receive,
    /// Let this time pass.
    Wait(Duration),
    /// Have the whole server be silent for this time.
    Silence(Duration),
    /// Send so many bytes of [`FILLER`].
    Stream(u64),
    /// End the connection, in order.
    Close,
}

/// The state of a conversation: small, since a server holds one for every connection.
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: State,
    /// Bytes of an incomplete head that were looked at already.
    scanned: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Body(Box<(Exchange, BodyDecoder)>),
    /// The answer is due at the next feed.
    Due(Box<Exchange>),
    Closing,
}

/// A request as far as its answer needs it.
#[derive(Debug)]
struct Exchange {
    route: Route,
    task: Task,
    manner: Manner,
    body: Vec<u8>,
}

impl Exchange {
    fn take_body(&mut self, decoder: &mut BodyDecoder, bytes: &[u8]) -> Result<usize, Refusal> {
        let keep = matches!(self.task, Task::Return(_) | Task::Describe(_));
        decoder.feed(bytes, |data| {
            if keep {
                self.body.extend_from_slice(data);
            }
        })
    }
}

impl Session {
    /// Takes the bytes received and not consumed so far, appends answers to `out`, and says how many bytes it consumed
    /// and what is next. What it left comes again with the next feed.
    pub(crate) fn feed(&mut self, input: &[u8], desk: &Desk, out: &mut Vec<u8>) -> (usize, Next) {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let next = match std::mem::take(&mut self.state) {
                State::Closing => {
                    self.state = State::Closing;
                    Some(Next::Close)
                }
                State::Due(exchange) => self.answer(*exchange, desk, out),
                State::Head | State::Body(_) if rest.is_empty() => Some(Next::Receive),
                State::Head => self.head(rest, desk, out, &mut consumed),
                State::Body(pending) => {
                    let (exchange, decoder) = *pending;
                    self.body(exchange, decoder, rest, desk, out, &mut consumed)
                }
            };
            if let Some(next) = next {
                return (consumed, next);
            }
        }
    }

    fn head(&mut self, rest: &[u8], desk: &Desk, out: &mut Vec<u8>, consumed: &mut usize) -> Option<Next> {
        // A head that comes in pieces is parsed when a piece may have ended it, so that dripping costs little.
        let scanned = self.scanned as usize;
        if scanned > 0 && rest.len() < HEAD_BYTES_MAX && !ends_head(&rest[scanned.saturating_sub(3)..]) {
            self.scanned = rest.len() as u32;
            return Some(Next::Receive);
        }
        let parsed = parse_head(rest, |head, fields, length| {
            let (route, parameter) = Route::of(head.path);
            let task = match route {
                Route::Echo => echo::task(head, fields),
                _ => Task::of(route, head.method, parameter),
            };
            let manner =
                Manner { is_head: head.method == "HEAD", is_http_1_1: head.is_http_1_1, keep_alive: head.keep_alive };
            let exchange = Exchange { route, task, manner, body: Vec::new() };
            (exchange, head.framing, head.expects_continue, length)
        });
        match parsed {
            Ok(None) => {
                self.scanned = rest.len() as u32;
                Some(Next::Receive)
            }
            Ok(Some((exchange, framing, expects_continue, length))) => {
                self.scanned = 0;
                *consumed += length;
                let rest = &rest[length..];
                if expects_continue && rest.is_empty() && framing != Framing::Length(0) {
                    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
                    desk.counters().sent(interim.len());
                    out.extend_from_slice(interim);
                }
                self.body(exchange, BodyDecoder::new(framing), rest, desk, out, consumed)
            }
            Err(refusal) => {
                self.refuse(&refusal, desk, out);
                None
            }
        }
    }

    fn body(
        &mut self,
        mut exchange: Exchange,
        mut decoder: BodyDecoder,
        rest: &[u8],
        desk: &Desk,
        out: &mut Vec<u8>,
        consumed: &mut usize,
    ) -> Option<Next> {
        match exchange.take_body(&mut decoder, rest) {
            Ok(taken) => *consumed += taken,
            Err(refusal) => {
                self.refuse(&refusal, desk, out);
                return None;
            }
        }
        if decoder.is_complete() {
            return self.answer(exchange, desk, out);
        }
        self.state = State::Body(Box::new((exchange, decoder)));
        Some(Next::Receive)
    }

    /// A request that broke the protocol: where the next one begins can't be known, so the connection ends.
    fn refuse(&mut self, refusal: &Refusal, desk: &Desk, out: &mut Vec<u8>) {
        let before = out.len();
        let manner = Manner { is_head: false, is_http_1_1: true, keep_alive: false };
        let text = format!("{refusal}\n");
        answer::write(out, refusal.status(), answer::TEXT, text.as_bytes(), manner, desk.date.text());
        desk.counters().bad_request(refusal.status());
        desk.counters().sent(out.len() - before);
        self.state = State::Closing;
    }

    fn answer(&mut self, mut exchange: Exchange, desk: &Desk, out: &mut Vec<u8>) -> Option<Next> {
        let wait = match exchange.task {
            Task::Delay(duration) => Some(Next::Wait(duration)),
            Task::Stall(duration) => Some(Next::Silence(duration)),
            _ => None,
        };
        if wait.is_some() {
            exchange.task = Task::Greet;
            self.state = State::Due(Box::new(exchange));
            return wait;
        }
        if !exchange.manner.keep_alive {
            self.state = State::Closing;
        }
        let before = out.len();
        let (status, stream) = write(&mut exchange, desk, out);
        desk.counters().answered(exchange.route, status);
        desk.counters().sent(out.len() - before);
        stream.map(Next::Stream)
    }
}

/// Writes the answer, or its head if the body is to be streamed; returns the status, and the length of such a body.
fn write(exchange: &mut Exchange, desk: &Desk, out: &mut Vec<u8>) -> (u16, Option<u64>) {
    let Exchange { manner, body, .. } = exchange;
    let (manner, date) = (*manner, desk.date.text());
    let mut put = |status, fields, body: &[u8]| {
        answer::write(out, status, fields, body, manner, date);
        (status, None)
    };
    match std::mem::replace(&mut exchange.task, Task::Greet) {
        Task::Greet | Task::Delay(_) | Task::Stall(_) => put(200, answer::TEXT, b"ok\n"),
        Task::Describe(description) => put(200, answer::JSON, &echo::describe(*description, body)),
        Task::Return(content_type) => put(200, Fields { content_type: content_type.as_deref(), allow: None }, body),
        Task::Status(status) => put(status, answer::TEXT, format!("{status} {}\n", answer::reason(status)).as_bytes()),
        Task::Bytes(bytes) if bytes <= INLINE_BYTES_MAX => {
            put(200, answer::BINARY, &[FILLER; INLINE_BYTES_MAX as usize][..bytes as usize])
        }
        Task::Bytes(bytes) => {
            answer::write_head(out, 200, answer::BINARY, Some(bytes), manner, date);
            (200, (!manner.is_head).then_some(bytes))
        }
        // The request that asks isn't counted yet: it finds what went before it.
        Task::Stats => put(200, answer::JSON, format!("{:#}\n", desk.board.to_json()).as_bytes()),
        Task::Reset => {
            desk.board.reset();
            put(200, answer::TEXT, b"ok\n")
        }
        Task::Refuse(refusal) => {
            let allow = match refusal {
                Refusal::MethodNotAllowed(methods) => Some(methods),
                _ => None,
            };
            put(refusal.status(), Fields { allow, ..answer::TEXT }, format!("{refusal}\n").as_bytes())
        }
    }
}

#[cfg(test)]
mod tests;
