//! Counts of what was served: each shard writes its own, anybody adds them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::route::Route;

/// Statuses are counted from 100 up.
const STATUS_FIRST: usize = 100;
const STATUSES: usize = 500;
const ROUTES: usize = Route::ALL.len();

/// What is counted of WebSockets.
#[derive(Clone, Copy, Debug)]
enum OfWebsockets {
    Opened,
    Closed,
    ClosedProperly,
    Reset,
    Violations,
    MessagesIn,
    MessagesOut,
    MessageBytesIn,
    MessageBytesOut,
    BytesIn,
    BytesOut,
}

const WEBSOCKETS: usize = OfWebsockets::BytesOut as usize + 1;

/// What is counted of TCP and UDP that is sent back as it comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OfMirror {
    Opened,
    Closed,
    BytesIn,
    BytesOut,
    DatagramsIn,
    DatagramsOut,
    DatagramBytesIn,
    DatagramBytesOut,
}

const MIRROR: usize = OfMirror::DatagramBytesOut as usize + 1;

/// One shard's counts. Only its own thread writes, so adding needs no locked instruction; the alignment keeps two
/// shards out of one cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Counters {
    opened: AtomicU64,
    closed: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    bad_requests: AtomicU64,
    websockets: [AtomicU64; WEBSOCKETS],
    mirror: [AtomicU64; MIRROR],
    routes: [AtomicU64; ROUTES],
    statuses: [AtomicU64; STATUSES],
}

impl Counters {
    fn new() -> Self {
        Self {
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            bad_requests: AtomicU64::new(0),
            websockets: [const { AtomicU64::new(0) }; WEBSOCKETS],
            mirror: [const { AtomicU64::new(0) }; MIRROR],
            routes: [const { AtomicU64::new(0) }; ROUTES],
            statuses: [const { AtomicU64::new(0) }; STATUSES],
        }
    }

    pub(crate) fn connection_opened(&self) {
        add(&self.opened, 1);
    }

    pub(crate) fn connection_closed(&self) {
        add(&self.closed, 1);
    }

    pub(crate) fn received(&self, bytes: usize) {
        add(&self.bytes_in, bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.bytes_out, bytes as u64);
    }

    pub(crate) fn answered(&self, route: Route, status: u16) {
        add(&self.routes[route as usize], 1);
        self.count_status(status);
    }

    /// A request that broke the protocol or a limit, and so belongs to no route.
    pub(crate) fn bad_request(&self, status: u16) {
        add(&self.bad_requests, 1);
        self.count_status(status);
    }

    pub(crate) fn websocket_opened(&self) {
        self.websocket(OfWebsockets::Opened, 1);
    }

    pub(crate) fn websocket_closed(&self) {
        self.websocket(OfWebsockets::Closed, 1);
    }

    /// The client has sent a close frame.
    pub(crate) fn closed_properly(&self) {
        self.websocket(OfWebsockets::ClosedProperly, 1);
    }

    /// It was reset, as somebody wanted all to be.
    pub(crate) fn websocket_reset(&self) {
        self.websocket(OfWebsockets::Reset, 1);
    }

    /// The client broke the protocol.
    pub(crate) fn violation(&self) {
        self.websocket(OfWebsockets::Violations, 1);
    }

    /// A message of so many bytes, decompressed.
    pub(crate) fn message_in(&self, bytes: usize) {
        self.websocket(OfWebsockets::MessagesIn, 1);
        self.websocket(OfWebsockets::MessageBytesIn, bytes as u64);
    }

    /// A message of so many bytes, before compression.
    pub(crate) fn message_out(&self, bytes: usize) {
        self.websocket(OfWebsockets::MessagesOut, 1);
        self.websocket(OfWebsockets::MessageBytesOut, bytes as u64);
    }

    /// Bytes of frames.
    pub(crate) fn websocket_received(&self, bytes: usize) {
        self.websocket(OfWebsockets::BytesIn, bytes as u64);
    }

    /// Bytes of frames.
    pub(crate) fn websocket_sent(&self, bytes: usize) {
        self.websocket(OfWebsockets::BytesOut, bytes as u64);
    }

    /// Something that is sent back as it comes.
    pub(crate) fn mirrored(&self, what: OfMirror, count: usize) {
        add(&self.mirror[what as usize], count as u64);
    }

    fn websocket(&self, what: OfWebsockets, count: u64) {
        add(&self.websockets[what as usize], count);
    }

    fn count_status(&self, status: u16) {
        if let Some(counter) = usize::from(status).checked_sub(STATUS_FIRST).and_then(|at| self.statuses.get(at)) {
            add(counter, 1);
        }
    }
}

/// Whoever has got an answer finds it counted, on whatever core: hence the release, which costs nothing on x86.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Release);
}

/// All shards' counts.
#[derive(Debug)]
pub(crate) struct Board {
    shards: Box<[Counters]>,
    /// What the counts were at the last reset: a reset takes this note, since only a shard writes its own.
    baseline: Mutex<Sums>,
}

/// Counts added up.
#[derive(Clone, Debug)]
struct Sums {
    opened: u64,
    closed: u64,
    bytes_in: u64,
    bytes_out: u64,
    bad_requests: u64,
    websockets: [u64; WEBSOCKETS],
    mirror: [u64; MIRROR],
    routes: [u64; ROUTES],
    statuses: [u64; STATUSES],
}

impl Board {
    pub(crate) fn new(shards: usize) -> Self {
        let shards: Box<[Counters]> = (0..shards).map(|_| Counters::new()).collect();
        let baseline = Mutex::new(Sums::of(&[]));
        Self { shards, baseline }
    }

    pub(crate) fn shard(&self, index: usize) -> &Counters {
        &self.shards[index]
    }

    /// Those of the thread that is no shard.
    pub(crate) fn beside_shards(&self) -> &Counters {
        &self.shards[self.shards.len() - 1]
    }

    /// Begins to count from 0 again; open connections stay open.
    pub(crate) fn reset(&self) {
        *self.baseline.lock().unwrap_or_else(PoisonError::into_inner) = Sums::of(&self.shards);
    }

    /// The counts as `/stats` shows them.
    pub(crate) fn to_json(&self) -> Value {
        let base = self.baseline.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = Sums::of(&self.shards);
        let by_route: Map<String, Value> = Route::ALL
            .iter()
            .copied()
            .map(|route| (route.name().to_string(), sums.routes[route as usize] - base.routes[route as usize]))
            .map(|(name, count)| (name, count.into()))
            .collect();
        let by_status: Map<String, Value> = (0..STATUSES)
            .map(|at| (at, sums.statuses[at] - base.statuses[at]))
            .filter(|(_, count)| *count > 0)
            .map(|(at, count)| ((at + STATUS_FIRST).to_string(), count.into()))
            .collect();
        let routed = sums.routes.iter().sum::<u64>() - base.routes.iter().sum::<u64>();
        let bad = sums.bad_requests - base.bad_requests;
        let mirrored = |what: OfMirror| sums.mirror[what as usize] - base.mirror[what as usize];
        let of = |what: OfWebsockets| sums.websockets[what as usize] - base.websockets[what as usize];
        json!({
            "connections": {
                "opened": sums.opened - base.opened,
                "closed": sums.closed - base.closed,
                "open": sums.opened - sums.closed,
            },
            "requests": { "total": routed + bad, "by_route": by_route, "by_status": by_status },
            "bad_requests": bad,
            "websockets": {
                "opened": of(OfWebsockets::Opened),
                "closed": of(OfWebsockets::Closed),
                "closed_properly": of(OfWebsockets::ClosedProperly),
                "reset": of(OfWebsockets::Reset),
                "violations": of(OfWebsockets::Violations),
                "open": sums.websockets[OfWebsockets::Opened as usize] - sums.websockets[OfWebsockets::Closed as usize],
                "messages": { "in": of(OfWebsockets::MessagesIn), "out": of(OfWebsockets::MessagesOut) },
                "message_bytes": { "in": of(OfWebsockets::MessageBytesIn), "out": of(OfWebsockets::MessageBytesOut) },
                "bytes": { "in": of(OfWebsockets::BytesIn), "out": of(OfWebsockets::BytesOut) },
            },
            "echo": {
                "tcp": {
                    "opened": mirrored(OfMirror::Opened),
                    "closed": mirrored(OfMirror::Closed),
                    "open": sums.mirror[OfMirror::Opened as usize] - sums.mirror[OfMirror::Closed as usize],
                    "bytes": { "in": mirrored(OfMirror::BytesIn), "out": mirrored(OfMirror::BytesOut) },
                },
                "udp": {
                    "datagrams": { "in": mirrored(OfMirror::DatagramsIn), "out": mirrored(OfMirror::DatagramsOut) },
                    "bytes": { "in": mirrored(OfMirror::DatagramBytesIn), "out": mirrored(OfMirror::DatagramBytesOut) },
                },
            },
            "bytes": { "in": sums.bytes_in - base.bytes_in, "out": sums.bytes_out - base.bytes_out },
        })
    }
}

impl Sums {
    fn of(shards: &[Counters]) -> Self {
        let sum = |counter: fn(&Counters) -> &AtomicU64| shards.iter().map(|shard| load(counter(shard))).sum();
        // What ends is read before what begins: no more connections can have ended than begun.
        let closed = sum(|shard| &shard.closed);
        Self {
            closed,
            opened: sum(|shard| &shard.opened),
            bytes_in: sum(|shard| &shard.bytes_in),
            bytes_out: sum(|shard| &shard.bytes_out),
            bad_requests: sum(|shard| &shard.bad_requests),
            websockets: from_the_last(|at| shards.iter().map(|shard| load(&shard.websockets[at])).sum()),
            mirror: from_the_last(|at| shards.iter().map(|shard| load(&shard.mirror[at])).sum()),
            routes: std::array::from_fn(|at| shards.iter().map(|shard| load(&shard.routes[at])).sum()),
            statuses: std::array::from_fn(|at| shards.iter().map(|shard| load(&shard.statuses[at])).sum()),
        }
    }
}

/// Reads counts from the last to the first, so that no more are seen to have ended than begun.
fn from_the_last<const COUNT: usize>(read: impl Fn(usize) -> u64) -> [u64; COUNT] {
    let mut sums = [0; COUNT];
    for at in (0..COUNT).rev() {
        sums[at] = read(at);
    }
    sums
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up_and_a_reset_keeps_what_is_open() {
        let board = Board::new(2);
        for shard in [0, 1, 1] {
            board.shard(shard).connection_opened();
            board.shard(shard).received(10);
            board.shard(shard).answered(Route::Delay, 200);
        }
        board.shard(0).connection_closed();
        board.shard(0).bad_request(400);
        let counts = board.to_json();
        assert_eq!(counts["connections"], json!({ "opened": 3, "closed": 1, "open": 2 }));
        assert_eq!(counts["requests"]["total"], 4);
        assert_eq!(counts["requests"]["by_route"]["/delay"], 3);
        assert_eq!(counts["requests"]["by_status"], json!({ "200": 3, "400": 1 }));
        assert_eq!(counts["bytes"], json!({ "in": 30, "out": 0 }));
        board.reset();
        board.shard(1).connection_closed();
        let counts = board.to_json();
        assert_eq!(counts["connections"], json!({ "opened": 0, "closed": 1, "open": 1 }));
        assert_eq!(counts["requests"]["total"], 0);
    }
}
