//! What happens to sockets, as events.

use std::rc::Rc;

use throng_output::Sample;
use throng_stats::{MetricId, Recorder, builtin};
use throng_transport::http1::ExchangeError;
use throng_transport::tls::TlsError;
use throng_transport::websocket::{self, Close, CloseCode, Control, Kind, Violation};
use throng_transport::{Chunk, Happened, Nanos, SetEvent, Traffic};
use throng_vu::{EventBatch, Happening};

use super::member::{Member, Phase};
use super::{Flock, FlockState, Flocks, LINGERING};
use crate::http::{CODE_OTHER, CODE_TIMEOUT};
use crate::websocket::{CLOSE_WAIT, SocketSeries, broken_tags};

/// Things that happened to sockets, taken before events are handled.
const TAKEN_MAX: usize = 4096;
/// What is said of a server that just ends a connection.
const UNCLOSED: &str = "the server ended the connection without closing it";

/// Bytes of a connection.
pub(super) enum Arrived<'a> {
    /// As they came from the socket.
    Chunk(Chunk<'a>),
    /// What came with the handshake's last bytes, decrypted if they were by TLS.
    Frames(&'a [u8]),
}

/// How what has arrived ends a connection.
enum Ending {
    Closed {
        code: u16,
        reason: String,
    },
    Wrong(Violation),
    /// By TLS: it failed, or the server sends nothing more.
    Tls(Option<TlsError>),
}

/// What bytes of one connection come to.
struct Hearing<'a> {
    connection: u32,
    at: Nanos,
    batch: &'a mut EventBatch,
    recorder: &'a mut Recorder,
    series: &'a SocketSeries,
    sent_at: &'a mut Nanos,
    pinged_at: &'a mut Nanos,
    /// For the outputs; none where there are none.
    samples: Option<Vec<Sample>>,
    /// To be answered.
    pings: Vec<Vec<u8>>,
    close: Option<Ending>,
}

impl Hearing<'_> {
    fn hear(&mut self, event: websocket::Event<'_>) {
        match event {
            websocket::Event::Message { kind, payload } => {
                self.recorder.increment(self.series.received, 1);
                self.sample(builtin::WS_MSGS_RECEIVED, 1.0);
                if self.sent_at.0 > 0 {
                    let took_ns = self.at.since(std::mem::take(self.sent_at));
                    self.recorder.record_ns(self.series.round_trip, took_ns);
                    self.sample(builtin::WS_ROUND_TRIP, took_ns as f64 / 1e6);
                }
                let what = match kind {
                    Kind::Binary => Happening::Binary(&payload),
                    // That it is UTF-8 was checked when it was read.
                    Kind::Text => Happening::Text(str::from_utf8(&payload).unwrap_or_default()),
                };
                self.batch.push(self.connection, self.at.0, what);
            }
            websocket::Event::Ping(payload) => self.pings.push(payload.to_vec()),
            websocket::Event::Pong(payload) => {
                if self.pinged_at.0 > 0 && payload == self.pinged_at.0.to_be_bytes() {
                    let after_ns = self.at.since(std::mem::take(self.pinged_at));
                    self.recorder.record_ns(self.series.ping, after_ns);
                    self.sample(builtin::WS_PING, after_ns as f64 / 1e6);
                    self.batch.push(self.connection, self.at.0, Happening::Pong { after_ns });
                }
            }
            websocket::Event::Close(close) => {
                // RFC 6455 section 7.1.5: 1005 says that there was no code.
                let code = close.map_or(1005, |close| close.code.get());
                let reason = close.map_or_else(String::new, |close| close.reason.to_owned());
                self.close = Some(Ending::Closed { code, reason });
            }
        }
    }

    fn sample(&mut self, metric: MetricId, value: f64) {
        if let Some(samples) = &mut self.samples {
            samples.push(Sample { metric, value });
        }
    }
}

impl Flocks {
    /// Takes what has happened to sockets; true if there may be more.
    pub(super) fn take_happened(&self) -> bool {
        for _ in 0..TAKEN_MAX {
            if self.is_full.get() {
                return true;
            }
            match self.set.try_event() {
                Some(event) => self.happened(event),
                None => return false,
            }
        }
        true
    }

    pub(super) fn happened(&self, event: SetEvent<'_>) {
        let SetEvent { key, token, what } = event;
        if token == LINGERING {
            // The server has ended it, or had its time.
            if !matches!(what, Happened::Received(_)) {
                self.set.close(key);
            }
            return;
        }
        let Some((flock, connection)) = self.find(token) else { return };
        match what {
            Happened::Received(chunk) => {
                let bytes = chunk.len();
                self.share.meter.add(Traffic { sent: 0, received: bytes as u64 });
                self.frames(&flock, connection, chunk.at(), Arrived::Chunk(chunk));
            }
            Happened::Due => self.due(&flock, connection),
            Happened::Ended => {
                self.broke(&flock, connection, self.now(), (CODE_OTHER, UNCLOSED));
            }
            Happened::Broken(error) => {
                let error = ExchangeError::Broken(error);
                self.broke(&flock, connection, self.now(), (error.code(), &error.to_string()));
            }
            Happened::Refused(error) => self.end(&flock, connection, self.now(), Happening::Error(&error.to_string())),
            Happened::Opened | Happened::Flushed => {}
        }
    }

    /// Reads frames from bytes that arrived.
    pub(super) fn frames(&self, flock: &Rc<Flock>, connection: u32, at: Nanos, arrived: Arrived<'_>) {
        let ending = {
            let mut state = flock.state.borrow_mut();
            let FlockState { members, batch, .. } = &mut *state;
            let Some(member) = members.get_mut(connection as usize) else { return };
            let Some(lineage) = member.lineage.clone().filter(|_| member.phase != Phase::Gone) else { return };
            let (before, mut result) = (batch.len(), Ok(()));
            let mut recorder = self.shard.series.recorder.borrow_mut();
            let mut hearing = Hearing {
                connection,
                at,
                batch,
                recorder: &mut recorder,
                series: &lineage.series,
                sent_at: &mut member.sent_at,
                pinged_at: &mut member.pinged_at,
                samples: self.shard.samples.is_some().then(Vec::new),
                pings: Vec::new(),
                close: None,
            };
            let (reader, mut scratch) = (&mut member.reader, self.scratch.borrow_mut());
            let mut read = |bytes: &[u8]| {
                if result.is_ok() {
                    result = reader.read(&self.rules, bytes, &mut scratch, |event| hearing.hear(event));
                }
            };
            let decrypted = match (arrived, member.layers.as_mut().and_then(|layers| layers.tls.as_mut())) {
                (Arrived::Frames(frames), _) => {
                    read(frames);
                    Ok(())
                }
                (Arrived::Chunk(chunk), None) => {
                    chunk.read(read);
                    Ok(())
                }
                (Arrived::Chunk(chunk), Some(tls)) => tls.receive(&chunk, read),
            };
            let Hearing { samples, mut pings, close, .. } = hearing;
            drop((scratch, recorder));
            if let Some(samples) = samples {
                self.sample(member, (&lineage.place, &lineage.tags), at, &samples);
            }
            if member.phase != Phase::Open {
                // Nothing may follow the close frame that was sent.
                pings.clear();
            }
            let was_open = member.phase == Phase::Open;
            for payload in pings {
                self.send_control(member, Control::Pong, &payload);
            }
            let broken = result.err().map(Ending::Wrong).or(decrypted.err().map(|error| Ending::Tls(Some(error))));
            let ended = self.keep_up_tls(member);
            let ending = close.or(broken).or(ended);
            match &ending {
                // The answer says the same, as RFC 6455 has it.
                Some(Ending::Closed { code, .. }) if was_open => {
                    self.send_close(member, CloseCode::new(*code).map(|code| Close { code, reason: "" }));
                }
                Some(Ending::Wrong(violation)) => {
                    self.send_close(member, Some(Close { code: violation.code(), reason: "" }));
                }
                _ => {}
            }
            if batch.len() > before {
                self.mark(flock, &mut state);
            }
            ending.map(|ending| (ending, was_open))
        };
        if let Some((ending, was_open)) = ending {
            self.ended(flock, connection, at, ending, was_open);
        }
    }

    /// Sends what TLS has to say of its own: alerts, and answers to new keys. An ending if the server sends nothing more.
    fn keep_up_tls(&self, member: &mut Member) -> Option<Ending> {
        let tls = member.layers.as_mut()?.tls.as_mut()?;
        let (records, has_ended) = (tls.take_out(), tls.has_ended());
        if let Some(key) = member.key.filter(|_| !records.is_empty()) {
            self.send_bytes(key, records);
        }
        has_ended.then_some(Ending::Tls(None))
    }

    fn ended(&self, flock: &Rc<Flock>, connection: u32, at: Nanos, ending: Ending, by_server: bool) {
        match ending {
            Ending::Closed { code, reason } => {
                self.end(flock, connection, at, Happening::Close { code, reason: &reason, by_server });
            }
            Ending::Wrong(violation) => {
                let reason = format!("the server broke the protocol: {violation}");
                self.broke(flock, connection, at, (CODE_OTHER, &reason));
            }
            Ending::Tls(None) => self.broke(flock, connection, at, (CODE_OTHER, UNCLOSED)),
            Ending::Tls(Some(error)) => {
                let error = ExchangeError::Tls(error);
                self.broke(flock, connection, at, (error.code(), &error.to_string()));
            }
        }
    }

    /// A timer's time has come, or that of the server's answer to a close.
    fn due(&self, flock: &Rc<Flock>, connection: u32) {
        let now = self.now();
        let is_overdue = {
            let mut state = flock.state.borrow_mut();
            let FlockState { members, batch, .. } = &mut *state;
            let Some(member) = members.get_mut(connection as usize) else { return };
            let before = batch.len();
            if member.phase == Phase::Open {
                while let Some(timer) = member.timers.take_due(now) {
                    batch.push(connection, now.0, Happening::Timer(timer));
                }
                self.arm(member);
            }
            let is_overdue = matches!(member.phase, Phase::Closing | Phase::Unanswered) && !self.may_wait_on(member);
            if batch.len() > before {
                self.mark(flock, &mut state);
            }
            is_overdue
        };
        if is_overdue {
            let reason = format!("the server hasn't answered a close for {CLOSE_WAIT:?}");
            self.broke(flock, connection, now, (CODE_TIMEOUT, &reason));
        }
    }

    /// The usual time for the answer to a close is over. One that the load model doesn't want has until it is cut: how long
    /// that is the options say. One that a handler closes in the midst of the scenario has no more.
    fn may_wait_on(&self, member: &mut Member) -> bool {
        let wanted = self.vus.borrow_mut().get(member.vu).wanted;
        let Some(key) = member.key.filter(|_| !wanted) else { return false };
        if member.phase == Phase::Closing {
            member.phase = Phase::Unanswered;
            self.closing.set(self.closing.get() - 1);
        }
        self.set.wake_at(key, Some(self.now().after(CLOSE_WAIT)));
        true
    }

    /// A connection that was open has ended otherwise than by close frames of both sides.
    fn broke(&self, flock: &Rc<Flock>, connection: u32, at: Nanos, (code, reason): (u16, &str)) {
        {
            let state = flock.state.borrow();
            let Some(member) = state.members.get(connection as usize) else { return };
            if let Some(lineage) = member.lineage.as_ref().filter(|_| member.phase != Phase::Gone) {
                let tags = broken_tags(&lineage.tags, code, reason);
                let series = self.shard.series.of(builtin::WS_BROKEN, &lineage.place, &tags);
                self.shard.series.recorder.borrow_mut().increment(series, 1);
                let sample = Sample { metric: builtin::WS_BROKEN, value: 1.0 };
                self.sample(member, (&lineage.place, &tags), at, &[sample]);
            }
        }
        self.end(flock, connection, at, Happening::Error(reason));
    }

    /// Sends a close frame; the connection's last event comes with the server's.
    pub(super) fn begin_close(&self, flock: &Rc<Flock>, connection: u32, close: Close<'_>) {
        let mut state = flock.state.borrow_mut();
        let Some(member) = state.members.get_mut(connection as usize) else { return };
        let (Phase::Open, Some(key)) = (member.phase, member.key) else { return };
        member.phase = Phase::Closing;
        member.timers.clear();
        self.closing.set(self.closing.get() + 1);
        self.send_close(member, Some(close));
        self.set.wake_at(key, Some(self.now().after(CLOSE_WAIT)));
    }
}
