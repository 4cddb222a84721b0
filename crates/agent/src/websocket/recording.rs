//! The samples of WebSockets.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

use throng_output::Sample;
use throng_stats::{SeriesId, TagSet, builtin};
use throng_transport::websocket::{OpenError, OpenNumbers};
use throng_transport::{Clock, Nanos, Traffic};

use super::prepared::PreparedSocket;
use crate::http::Session;
use crate::samples::Who;
use crate::series::Place;
use crate::shard::ShardContext;

/// The WebSockets of a shard that are open.
#[derive(Debug, Default)]
pub(crate) struct OpenSockets {
    open: Cell<u64>,
    /// Whether there was one to count.
    is_used: Cell<bool>,
}

impl OpenSockets {
    pub(crate) fn note_attempt(&self) {
        self.is_used.set(true);
    }

    pub(crate) fn opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    pub(crate) fn closed(&self) {
        self.open.set(self.open.get() - 1);
    }

    /// How many are open; none where nobody has tried to open one.
    pub(crate) fn count(&self) -> Option<u64> {
        self.is_used.get().then(|| self.open.get())
    }
}

/// Where a socket's VU stood when it opened it, which all of the socket's samples say.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) shard: Rc<ShardContext>,
    pub(crate) session: Rc<Session>,
    pub(crate) place: Rc<Place>,
    pub(crate) who: Who,
}

impl Scene {
    /// The VU's number within this agent, from 0, to which a source address may stick.
    pub(crate) fn vu(&self) -> u64 {
        self.session.pool.borrow().vu()
    }

    /// Counts bytes at the socket.
    pub(crate) fn count(&self, traffic: Traffic) {
        if traffic != Traffic::default() {
            self.session.count_traffic(traffic);
        }
    }

    /// Records an attempt to open a socket; its tags.
    pub(super) fn attempted(
        &self,
        prepared: &PreparedSocket,
        result: Result<Option<&str>, &OpenError>,
        numbers: &OpenNumbers,
    ) -> TagSet {
        let tags = attempt_tags(prepared, result, numbers.peer);
        let series = AttemptSeries::new(&self.shard, &self.place, &tags);
        series.record(&self.shard, numbers.elapsed_ns, result.is_err());
        self.sample(&tags, &attempt_samples(numbers.elapsed_ns, result.is_err()));
        tags
    }

    pub(crate) fn sample(&self, tags: &TagSet, values: &[Sample]) {
        if let Some(samples) = &self.shard.samples {
            samples.add(Clock::now(), self.who, &self.place, tags, values);
        }
    }
}

/// What an attempt to open a socket is told apart by: beside the socket's own tags the server's answer and address.
pub(crate) fn attempt_tags(
    prepared: &PreparedSocket,
    result: Result<Option<&str>, &OpenError>,
    peer: Option<IpAddr>,
) -> TagSet {
    let mut system = Vec::new();
    match result {
        Ok(subprotocol) => {
            system.push(("status", "101".to_owned()));
            system.extend(subprotocol.map(|name| ("subproto", name.to_owned())));
        }
        Err(error) => {
            let status = error.response().map_or(0, |response| response.status());
            system.push(("status", status.to_string()));
            system.push(("error_code", error.code().to_string()));
            system.push(("error", error.to_string()));
        }
    }
    system.extend(peer.map(|peer| ("ip", peer.to_string())));
    prepared.tags.merged(&TagSet::from_pairs(system))
}

/// What sockets that broke are told apart by: beside the socket's own tags, why.
pub(crate) fn broken_tags(tags: &TagSet, code: u16, error: &str) -> TagSet {
    tags.merged(&TagSet::from_pairs([("error_code", code.to_string()), ("error", error.to_owned())]))
}

/// What an attempt is to the outputs: k6's `ws_sessions` and `ws_connecting`, which failed ones have too.
pub(crate) fn attempt_samples(elapsed_ns: u64, has_failed: bool) -> [Sample; 3] {
    [
        (builtin::WS_SESSIONS, 1.0),
        (builtin::WS_CONNECTING, elapsed_ns as f64 / 1e6),
        (builtin::WS_CONNECT_FAILED, f64::from(u8::from(has_failed))),
    ]
    .map(|(metric, value)| Sample { metric, value })
}

/// The series of attempts to open sockets with the same tags in one place.
#[derive(Clone, Copy)]
pub(crate) struct AttemptSeries {
    sessions: SeriesId,
    connecting: SeriesId,
    failed: SeriesId,
}

impl AttemptSeries {
    pub(crate) fn new(shard: &ShardContext, place: &Place, tags: &TagSet) -> Self {
        let series = |metric| shard.series.of(metric, place, tags);
        Self {
            sessions: series(builtin::WS_SESSIONS),
            connecting: series(builtin::WS_CONNECTING),
            failed: series(builtin::WS_CONNECT_FAILED),
        }
    }

    pub(crate) fn record(&self, shard: &ShardContext, elapsed_ns: u64, has_failed: bool) {
        {
            let mut recorder = shard.series.recorder.borrow_mut();
            recorder.increment(self.sessions, 1);
            recorder.record_ns(self.connecting, elapsed_ns);
            recorder.rate(self.failed, has_failed);
        }
        shard.websockets.note_attempt();
    }
}

/// The series of open sockets with the same tags in one place.
#[derive(Clone, Copy)]
pub(crate) struct SocketSeries {
    pub(crate) sent: SeriesId,
    pub(crate) received: SeriesId,
    pub(crate) round_trip: SeriesId,
    pub(crate) ping: SeriesId,
    pub(crate) duration: SeriesId,
}

impl SocketSeries {
    pub(crate) fn new(shard: &ShardContext, place: &Place, tags: &TagSet) -> Self {
        let series = |metric| shard.series.of(metric, place, tags);
        Self {
            sent: series(builtin::WS_MSGS_SENT),
            received: series(builtin::WS_MSGS_RECEIVED),
            round_trip: series(builtin::WS_ROUND_TRIP),
            ping: series(builtin::WS_PING),
            duration: series(builtin::WS_SESSION_DURATION),
        }
    }
}

/// The series of an open socket, and its samples' tags where outputs want them.
pub(super) struct Records {
    scene: Scene,
    series: SocketSeries,
    tags: TagSet,
    began: Nanos,
    has_ended: bool,
}

impl Records {
    /// Those of a socket that is open, and was begun to be opened at `began`.
    pub(super) fn new(scene: Scene, tags: TagSet, began: Nanos) -> Self {
        let series = SocketSeries::new(&scene.shard, &scene.place, &tags);
        scene.shard.websockets.opened();
        Self { scene, series, tags, began, has_ended: false }
    }

    pub(super) fn scene(&self) -> &Scene {
        &self.scene
    }

    pub(super) fn sent(&self) {
        self.scene.shard.series.recorder.borrow_mut().increment(self.series.sent, 1);
        self.scene.sample(&self.tags, &[Sample { metric: builtin::WS_MSGS_SENT, value: 1.0 }]);
    }

    pub(super) fn received(&self, messages: u64) {
        self.scene.shard.series.recorder.borrow_mut().increment(self.series.received, messages);
        if self.scene.shard.samples.is_some() {
            for _ in 0..messages {
                self.scene.sample(&self.tags, &[Sample { metric: builtin::WS_MSGS_RECEIVED, value: 1.0 }]);
            }
        }
    }

    pub(super) fn round_trip(&self, took_ns: u64) {
        self.scene.shard.series.recorder.borrow_mut().record_ns(self.series.round_trip, took_ns);
        self.scene.sample(&self.tags, &[Sample { metric: builtin::WS_ROUND_TRIP, value: took_ns as f64 / 1e6 }]);
    }

    pub(super) fn ping(&self, took_ns: u64) {
        self.scene.shard.series.recorder.borrow_mut().record_ns(self.series.ping, took_ns);
        self.scene.sample(&self.tags, &[Sample { metric: builtin::WS_PING, value: took_ns as f64 / 1e6 }]);
    }

    /// The socket was open, and has ended otherwise than by close frames of both sides.
    pub(super) fn broke(&self, code: u16, error: &str) {
        let tags = broken_tags(&self.tags, code, error);
        let series = self.scene.shard.series.of(builtin::WS_BROKEN, &self.scene.place, &tags);
        self.scene.shard.series.recorder.borrow_mut().increment(series, 1);
        self.scene.sample(&tags, &[Sample { metric: builtin::WS_BROKEN, value: 1.0 }]);
    }

    /// The socket is over: from the beginning of opening it until now is its session.
    pub(super) fn ended(&mut self) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let took_ns = Clock::now().since(self.began);
        self.scene.shard.websockets.closed();
        self.scene.shard.series.recorder.borrow_mut().record_ns(self.series.duration, took_ns);
        self.scene.sample(&self.tags, &[Sample { metric: builtin::WS_SESSION_DURATION, value: took_ns as f64 / 1e6 }]);
    }
}

impl Drop for Records {
    /// A socket that is dropped is over, whatever it was.
    fn drop(&mut self) {
        self.ended();
    }
}
