//! The samples of TCP and UDP sockets.

use std::net::IpAddr;

use throng_output::Sample;
use throng_stats::{MetricId, SeriesId, TagSet, builtin};
use throng_transport::Traffic;
use throng_transport::http1::ExchangeError;

use crate::websocket::Scene;

/// What an attempt to open a socket is told apart by: beside the socket's own tags where it goes, and what came of it.
pub(super) fn attempt_tags(shown: &str, own: &TagSet, error: Option<&ExchangeError>, peer: Option<IpAddr>) -> TagSet {
    let name = own.get("name").unwrap_or(shown);
    let mut tags = vec![("url", name.to_owned()), ("name", name.to_owned())];
    if let Some(error) = error {
        tags.push(("error_code", error.code().to_string()));
        tags.push(("error", error.to_string()));
    }
    tags.extend(peer.map(|peer| ("ip", peer.to_string())));
    TagSet::from_pairs(tags).merged(own)
}

/// An attempt to connect by TCP.
pub(super) struct Attempt {
    pub(super) elapsed_ns: u64,
    pub(super) has_failed: bool,
}

impl Attempt {
    pub(super) fn record(&self, scene: &Scene, tags: &TagSet) {
        let Self { elapsed_ns, has_failed } = *self;
        let series = |metric| scene.shard.series.of(metric, &scene.place, tags);
        let (sessions, connecting) = (series(builtin::TCP_SESSIONS), series(builtin::TCP_CONNECTING));
        let failed = series(builtin::TCP_CONNECT_FAILED);
        {
            let mut recorder = scene.shard.series.recorder.borrow_mut();
            recorder.increment(sessions, 1);
            recorder.record_ns(connecting, elapsed_ns);
            recorder.rate(failed, has_failed);
        }
        let values = [
            (builtin::TCP_SESSIONS, 1.0),
            (builtin::TCP_CONNECTING, milliseconds(elapsed_ns)),
            (builtin::TCP_CONNECT_FAILED, f64::from(u8::from(has_failed))),
        ];
        scene.sample(tags, &values.map(|(metric, value)| Sample { metric, value }));
    }
}

/// Where a socket records a time, and counts bytes.
struct Records {
    scene: Scene,
    tags: TagSet,
    round_trip: (MetricId, SeriesId),
}

impl Records {
    fn new(scene: Scene, tags: TagSet, round_trip: MetricId) -> Self {
        let series = scene.shard.series.of(round_trip, &scene.place, &tags);
        Self { scene, tags, round_trip: (round_trip, series) }
    }

    fn round_trip(&self, took_ns: u64) {
        let (metric, series) = self.round_trip;
        self.scene.shard.series.recorder.borrow_mut().record_ns(series, took_ns);
        self.scene.sample(&self.tags, &[Sample { metric, value: milliseconds(took_ns) }]);
    }
}

/// What a TCP socket records.
pub(super) struct TcpRecords(Records);

impl TcpRecords {
    pub(super) fn new(scene: Scene, tags: TagSet) -> Self {
        Self(Records::new(scene, tags, builtin::TCP_ROUND_TRIP))
    }

    pub(super) fn count(&self, traffic: Traffic) {
        self.0.scene.count(traffic);
    }

    pub(super) fn round_trip(&self, took_ns: u64) {
        self.0.round_trip(took_ns);
    }
}

/// What a UDP socket records.
pub(super) struct UdpRecords {
    records: Records,
    sent: SeriesId,
    received: SeriesId,
}

impl UdpRecords {
    pub(super) fn new(scene: Scene, tags: TagSet) -> Self {
        let series = |metric| scene.shard.series.of(metric, &scene.place, &tags);
        let (sent, received) = (series(builtin::UDP_DATAGRAMS_SENT), series(builtin::UDP_DATAGRAMS_RECEIVED));
        Self { sent, received, records: Records::new(scene, tags, builtin::UDP_ROUND_TRIP) }
    }

    pub(super) fn sent(&self, bytes: usize) {
        let traffic = Traffic { sent: bytes as u64, received: 0 };
        self.datagram((builtin::UDP_DATAGRAMS_SENT, self.sent), traffic);
    }

    pub(super) fn received(&self, bytes: usize) {
        let traffic = Traffic { sent: 0, received: bytes as u64 };
        self.datagram((builtin::UDP_DATAGRAMS_RECEIVED, self.received), traffic);
    }

    fn datagram(&self, (metric, series): (MetricId, SeriesId), traffic: Traffic) {
        let Records { scene, tags, .. } = &self.records;
        scene.shard.series.recorder.borrow_mut().increment(series, 1);
        scene.sample(tags, &[Sample { metric, value: 1.0 }]);
        scene.count(traffic);
    }

    pub(super) fn round_trip(&self, took_ns: u64) {
        self.records.round_trip(took_ns);
    }
}

fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}
