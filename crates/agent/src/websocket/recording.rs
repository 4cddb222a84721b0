//! The samples of WebSockets.

use std::cell::Cell;
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
    fn note_attempt(&self) {
        self.is_used.set(true);
    }

    fn opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    fn closed(&self) {
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
    /// Counts bytes at the socket.
    pub(super) fn count(&self, traffic: Traffic) {
        if traffic != Traffic::default() {
            self.session.count_traffic(traffic);
        }
    }

    /// Records an attempt to open a socket: k6's `ws_sessions` and `ws_connecting`, which failed ones have too.
    pub(super) fn attempted(
        &self,
        prepared: &PreparedSocket,
        result: Result<Option<&str>, &OpenError>,
        numbers: &OpenNumbers,
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
        if let Some(peer) = numbers.peer {
            system.push(("ip", peer.to_string()));
        }
        let tags = prepared.tags.merged(&TagSet::from_pairs(system));
        let series = |metric| self.shard.series.of(metric, &self.place, &tags);
        let (sessions, connecting) = (series(builtin::WS_SESSIONS), series(builtin::WS_CONNECTING));
        let failed = series(builtin::WS_CONNECT_FAILED);
        let has_failed = result.is_err();
        {
            let mut recorder = self.shard.series.recorder.borrow_mut();
            recorder.increment(sessions, 1);
            recorder.record_ns(connecting, numbers.elapsed_ns);
            recorder.rate(failed, has_failed);
        }
        self.shard.websockets.note_attempt();
        let values = [
            (builtin::WS_SESSIONS, 1.0),
            (builtin::WS_CONNECTING, numbers.elapsed_ns as f64 / 1e6),
            (builtin::WS_CONNECT_FAILED, f64::from(u8::from(has_failed))),
        ];
        self.sample(&tags, &values.map(|(metric, value)| Sample { metric, value }));
        tags
    }

    fn sample(&self, tags: &TagSet, values: &[Sample]) {
        if let Some(samples) = &self.shard.samples {
            samples.add(Clock::now(), self.who, &self.place, tags, values);
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

#[derive(Clone, Copy)]
struct SocketSeries {
    sent: SeriesId,
    received: SeriesId,
    round_trip: SeriesId,
    ping: SeriesId,
    duration: SeriesId,
}

impl Records {
    /// Those of a socket that is open, and was begun to be opened at `began`.
    pub(super) fn new(scene: Scene, tags: TagSet, began: Nanos) -> Self {
        let series = |metric| scene.shard.series.of(metric, &scene.place, &tags);
        let series = SocketSeries {
            sent: series(builtin::WS_MSGS_SENT),
            received: series(builtin::WS_MSGS_RECEIVED),
            round_trip: series(builtin::WS_ROUND_TRIP),
            ping: series(builtin::WS_PING),
            duration: series(builtin::WS_SESSION_DURATION),
        };
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
