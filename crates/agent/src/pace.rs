//! The limit of requests per second: k6's `rps`.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use throng_transport::{Clock, Nanos, Shard};

/// A shard's share of the limit: its requests begin at least this far apart.
pub(crate) struct Pace {
    apart: Duration,
    next: Cell<Nanos>,
}

impl Pace {
    /// The limit of the run, shared equally by its shards.
    pub(crate) fn new(per_second: NonZeroU32, shards: u64) -> Self {
        let apart = Duration::from_secs(shards) / per_second.get();
        Self { apart, next: Cell::default() }
    }

    /// Waits for the caller's turn; callers have theirs in the order in which they came.
    pub(crate) async fn wait(&self, shard: &Shard) {
        let now = Clock::now();
        let at = self.next.get().max(now);
        self.next.set(at.after(self.apart));
        if at > now {
            shard.sleep_until(at).await;
        }
    }
}
