//! The time of day at one machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use throng_coordinator::Clock;
use tokio::time::Instant;

/// Milliseconds since the epoch when a simulation begins.
const BEGINNING_MS: i64 = 1_800_000_000_000;

/// A clock that goes with simulated time, and can be set. Clones are the same one.
#[derive(Clone)]
pub(crate) struct SimClock {
    began: Instant,
    off_ms: Arc<AtomicI64>,
}

impl SimClock {
    pub(crate) fn new(off_ms: i64) -> Self {
        Self { began: Instant::now(), off_ms: Arc::new(AtomicI64::new(off_ms)) }
    }

    /// Sets it so much forward, or backward.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.off_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }

    fn now_us(&self) -> u64 {
        let passed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let now = (BEGINNING_MS + self.off_ms.load(Ordering::SeqCst)) * 1_000 + passed;
        u64::try_from(now).unwrap_or(0)
    }
}
