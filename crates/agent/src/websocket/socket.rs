//! One socket of a VU.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use throng_transport::http1::{ExchangeError, ResponseBuffer};
use throng_transport::websocket::{
    Close, CloseCode, Control, Event, Kind, Opened, Reader, Rules, Violation, Writer, write_close, write_control,
};
use throng_transport::{Clock, Nanos, Received, SendBytes, Stream, StreamError, Traffic};
use throng_vu::{CloseFrame, SocketEnd, SocketFailure, SocketMessage, SocketState};

use super::CLOSE_WAIT;
use super::recording::Records;
use crate::host::Random;
use crate::http::{CODE_OTHER, CODE_TIMEOUT};

/// Messages, and bytes of them, that a socket holds for its VU; then it isn't read from.
const INBOX_MESSAGES_MAX: usize = 256;
const INBOX_BYTES_MAX: usize = 16 << 20;
/// Bytes that may be queued without looking whether the server takes them.
const UNFLUSHED_BYTES_MAX: usize = 256 << 10;
/// Pings that wait for their answers; further ones aren't timed.
const PINGS_MAX: usize = 64;
/// How long it may take to end the connection then, which is its part (RFC 6455 section 7.1.1).
const LINGER: Duration = Duration::from_secs(1);

/// How a socket stands.
enum State {
    Open,
    /// A close frame was sent; until when the server's is waited for.
    Closing(Nanos),
    /// It is over but for the connection's end, which is waited for until then.
    Lingering(SocketEnd, Nanos),
    Over(SocketEnd),
}

/// A socket that was opened.
pub(crate) struct Socket {
    /// None when the connection has ended.
    stream: Option<Stream>,
    rules: Rc<Rules>,
    reader: Reader,
    writer: Writer,
    state: State,
    inbox: VecDeque<SocketMessage>,
    inbox_bytes: usize,
    unflushed: usize,
    /// When the message was sent whose answer is awaited.
    awaited: Option<Nanos>,
    /// Pings of the script's that aren't answered yet.
    pings: VecDeque<(Vec<u8>, Nanos)>,
    subprotocol: Option<String>,
    is_compressed: bool,
    response: Box<ResponseBuffer>,
    /// Frames that came with the server's answer.
    early: Vec<u8>,
    records: Records,
}

/// What one receive came to, beside messages.
#[derive(Default)]
struct Heard {
    messages: u64,
    pongs: Vec<Vec<u8>>,
    close: Option<CloseFrame>,
    violation: Option<Violation>,
    /// Answers.
    out: Vec<u8>,
}

impl Socket {
    pub(super) fn new(opened: Opened, records: Records, rules: Rc<Rules>) -> Self {
        let Opened { stream, agreed, response, early } = opened;
        let (reader, writer) = match agreed.deflate {
            Some(deflate) => (Reader::deflate(deflate), Writer::deflate(deflate)),
            None => (Reader::plain(), Writer::plain()),
        };
        Self {
            stream: Some(stream),
            rules,
            reader,
            writer,
            state: State::Open,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            unflushed: 0,
            awaited: None,
            pings: VecDeque::new(),
            subprotocol: agreed.subprotocol,
            is_compressed: agreed.deflate.is_some(),
            response,
            early,
            records,
        }
    }

    pub(crate) fn state(&self) -> SocketState {
        match self.state {
            State::Open => SocketState::Open,
            State::Closing(_) => SocketState::Closing,
            State::Lingering(..) | State::Over(_) => SocketState::Closed,
        }
    }

    /// How the socket ended, once it has.
    pub(crate) fn end(&self) -> Option<&SocketEnd> {
        match &self.state {
            State::Lingering(end, _) | State::Over(end) => Some(end),
            State::Open | State::Closing(_) => None,
        }
    }

    /// Whether nothing is left to be done for it.
    pub(crate) fn is_gone(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether a `receive` needn't wait.
    pub(crate) fn is_ready(&self) -> bool {
        !self.inbox.is_empty() || self.end().is_some()
    }

    pub(crate) fn subprotocol(&self) -> Option<String> {
        self.subprotocol.clone()
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        self.response.fields(|name, value| {
            headers.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
            true
        });
        headers
    }

    /// The next message; none if there is none yet.
    pub(crate) fn take(&mut self) -> Result<Option<SocketMessage>, SocketEnd> {
        match self.inbox.pop_front() {
            Some(message) => {
                self.inbox_bytes -= bytes_of(&message);
                if self.inbox.is_empty() && self.inbox.capacity() > INBOX_MESSAGES_MAX {
                    self.inbox = VecDeque::new();
                }
                Ok(Some(message))
            }
            None => self.end().map_or(Ok(None), |end| Err(end.clone())),
        }
    }

    /// Whether it isn't read from, since its VU doesn't take what has come.
    pub(crate) fn is_full(&self) -> bool {
        self.inbox.len() >= INBOX_MESSAGES_MAX || self.inbox_bytes >= INBOX_BYTES_MAX
    }

    /// Sends a message. Says whether the server lags far behind.
    pub(crate) fn send(&mut self, message: &SocketMessage, random: &mut Random) -> Result<bool, SocketEnd> {
        self.check_open()?;
        let (kind, payload) = match message {
            SocketMessage::Text(text) => (Kind::Text, text.as_bytes()),
            SocketMessage::Binary(bytes) => (Kind::Binary, &bytes[..]),
        };
        let mut out = Vec::new();
        self.writer.write(&self.rules, kind, payload, random.next() as u32, &mut out);
        self.awaited.get_or_insert_with(Clock::now);
        self.records.sent();
        self.put(out);
        Ok(self.unflushed > UNFLUSHED_BYTES_MAX)
    }

    /// Sends a ping.
    pub(crate) fn ping(&mut self, payload: Vec<u8>, random: &mut Random) -> Result<(), SocketEnd> {
        self.check_open()?;
        let mut out = Vec::new();
        write_control(&self.rules, Control::Ping, &payload, random.next() as u32, &mut out);
        if self.pings.len() < PINGS_MAX {
            self.pings.push_back((payload, Clock::now()));
        }
        self.put(out);
        Ok(())
    }

    /// Sends a close frame, unless one was sent.
    pub(crate) fn close(&mut self, close: Option<Close<'_>>, random: &mut Random) {
        if !matches!(self.state, State::Open) {
            return;
        }
        let mut out = Vec::new();
        write_close(&self.rules, close, random.next() as u32, &mut out);
        self.put(out);
        let until = Clock::now().after(CLOSE_WAIT);
        self.state = State::Closing(until);
        self.wake_at(until);
    }

    fn check_open(&self) -> Result<(), SocketEnd> {
        match &self.state {
            State::Open => Ok(()),
            State::Closing(_) => {
                let message = "the script has closed this socket: nothing can be sent any more".to_owned();
                Err(SocketEnd::Failed(SocketFailure { code: CODE_OTHER, message, status: 0 }))
            }
            State::Lingering(end, _) | State::Over(end) => Err(end.clone()),
        }
    }

    fn wake_at(&self, until: Nanos) {
        if let Some(stream) = &self.stream {
            stream.connection().wake_at(Some(until));
        }
    }

    fn put(&mut self, out: Vec<u8>) {
        let Some(stream) = &mut self.stream else { return };
        match stream.send(SendBytes::Owned(out)) {
            Ok(bytes) => {
                self.unflushed += bytes;
                self.records.scene().count(Traffic { sent: bytes as u64, received: 0 });
            }
            Err(error) => self.broken(error),
        }
    }

    /// Whether the server has caught up, or never will.
    pub(crate) fn poll_flush(&mut self, context: &Context<'_>) -> Poll<()> {
        let Some(stream) = &self.stream else { return Poll::Ready(()) };
        let polled = stream.connection().poll_flush(context);
        if polled.is_ready() {
            self.unflushed = 0;
        }
        polled.map(drop)
    }

    /// Takes what has arrived, answers, and notices what is over.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, scratch: &mut Vec<u8>, random: &mut Random) {
        if !self.early.is_empty() {
            let (early, mut heard) = (std::mem::take(&mut self.early), Heard::default());
            self.hear(&early, scratch, random, &mut heard);
            self.heed(heard, Clock::now());
        }
        while let Some(mut stream) = self.stream.take() {
            // Once the script has closed it, the server's close frame is wanted, whatever comes before it.
            if self.is_full() && matches!(self.state, State::Open) {
                self.stream = Some(stream);
                return;
            }
            let (mut heard, mut traffic) = (Heard::default(), Traffic::default());
            let received =
                stream.poll_receive(context, &mut traffic, |bytes| self.hear(bytes, scratch, random, &mut heard));
            let now = stream.connection().shard().turn_time();
            self.stream = Some(stream);
            self.records.scene().count(traffic);
            match received {
                Poll::Ready(Ok(Received::Bytes { at })) => self.heed(heard, at),
                Poll::Ready(Ok(Received::Ended { .. })) => self.cut_off(),
                Poll::Ready(Err(error)) => {
                    self.heed(heard, now);
                    self.broken(error);
                }
                Poll::Pending => {
                    self.expire(now);
                    return;
                }
            }
        }
    }

    /// Reads bytes that arrived.
    fn hear(&mut self, bytes: &[u8], scratch: &mut Vec<u8>, random: &mut Random, heard: &mut Heard) {
        let Self { reader, rules, inbox, inbox_bytes, state, .. } = self;
        let Heard { messages, pongs, close, out, violation } = heard;
        if matches!(state, State::Lingering(..) | State::Over(_)) || violation.is_some() {
            return;
        }
        let is_open = matches!(state, State::Open);
        let result = reader.read(rules, bytes, scratch, |event| match event {
            Event::Message { kind, payload } => {
                *messages += 1;
                // What nobody takes any more is counted alone.
                if !is_open && (inbox.len() >= INBOX_MESSAGES_MAX || *inbox_bytes >= INBOX_BYTES_MAX) {
                    return;
                }
                *inbox_bytes += payload.len();
                inbox.push_back(match kind {
                    // It was checked by the reader.
                    Kind::Text => SocketMessage::Text(String::from_utf8(payload.into_owned()).unwrap_or_default()),
                    Kind::Binary => SocketMessage::Binary(payload.into_owned()),
                });
            }
            Event::Ping(payload) => {
                if is_open {
                    write_control(rules, Control::Pong, payload, random.next() as u32, out);
                }
            }
            Event::Pong(payload) => pongs.push(payload.to_vec()),
            Event::Close(frame) => {
                if is_open {
                    let answer = frame.map(|frame| Close { reason: "", ..frame });
                    write_close(rules, answer, random.next() as u32, out);
                }
                // RFC 6455 section 7.1.5: 1005 says that there was no code.
                let code = frame.map_or(1005, |frame| frame.code.get());
                *close = Some(CloseFrame { code, reason: frame.map_or("", |frame| frame.reason).to_owned() });
            }
        });
        if let Err(broken) = result {
            if is_open {
                let text = broken.to_string();
                let close = Close { code: broken.code(), reason: &text };
                write_close(rules, Some(close), random.next() as u32, out);
            }
            *violation = Some(broken);
        }
    }

    /// Records and does what bytes came to that were taken from the ring at `at`.
    fn heed(&mut self, heard: Heard, at: Nanos) {
        let Heard { messages, pongs, close, violation, out } = heard;
        if messages > 0 {
            self.records.received(messages);
            if let Some(sent) = self.awaited.take() {
                self.records.round_trip(at.since(sent));
            }
        }
        for pong in pongs {
            // An answer may stand for several pings: RFC 6455 section 5.5.3.
            if let Some(place) = self.pings.iter().position(|(payload, _)| *payload == pong) {
                let sent = self.pings[place].1;
                self.pings.drain(..=place);
                self.records.ping(at.since(sent));
            }
        }
        if !out.is_empty() {
            self.put(out);
        }
        if let Some(frame) = close {
            self.linger(SocketEnd::Closed(frame));
        } else if let Some(violation) = violation {
            let message = format!("the server broke the protocol: {violation}");
            self.linger(SocketEnd::Failed(SocketFailure { code: CODE_OTHER, message, status: 0 }));
        }
    }

    fn linger(&mut self, end: SocketEnd) {
        if self.end().is_some() {
            return;
        }
        self.record(&end);
        let until = Clock::now().after(LINGER);
        self.state = State::Lingering(end, until);
        self.wake_at(until);
    }

    fn over(&mut self, end: SocketEnd) {
        if self.end().is_none() {
            self.record(&end);
        }
        self.stream = None;
        self.state = match std::mem::replace(&mut self.state, State::Open) {
            State::Lingering(earlier, _) | State::Over(earlier) => State::Over(earlier),
            State::Open | State::Closing(_) => State::Over(end),
        };
    }

    /// Records that it has ended, and how.
    fn record(&mut self, end: &SocketEnd) {
        if let SocketEnd::Failed(failure) = end {
            self.records.broke(failure.code, &failure.message);
        }
        self.records.ended();
    }

    /// The server has ended the connection.
    fn cut_off(&mut self) {
        let message = "the server ended the connection without a close frame".to_owned();
        self.over(SocketEnd::Failed(SocketFailure { code: CODE_OTHER, message, status: 0 }));
    }

    fn broken(&mut self, error: StreamError) {
        let error = ExchangeError::from(error);
        self.over(SocketEnd::Failed(SocketFailure { code: error.code(), message: error.to_string(), status: 0 }));
    }

    /// Gives up what the server has had its time for.
    fn expire(&mut self, now: Nanos) {
        match self.state {
            State::Closing(until) | State::Lingering(_, until) if until <= now => {
                let message = format!("no close frame from the server within {CLOSE_WAIT:?}");
                self.over(SocketEnd::Failed(SocketFailure { code: CODE_TIMEOUT, message, status: 0 }));
            }
            _ => {}
        }
    }
}

/// The VU ends: RFC 6455 section 7.4.1.
pub(super) const GOING_AWAY: Close<'static> = Close { code: CloseCode::GOING_AWAY, reason: "" };

fn bytes_of(message: &SocketMessage) -> usize {
    match message {
        SocketMessage::Text(text) => text.len(),
        SocketMessage::Binary(bytes) => bytes.len(),
    }
}
