//! The limit of requests per second: k6's `rps`.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use throng_plan::segment::Fraction;
use throng_transport::{Clock, Nanos, Shard};

/// A shard's share of the limit: its requests begin at least this far apart.
pub(crate) struct Pace {
    apart: Duration,
    next: Cell<Nanos>,
}

impl Pace {
    /// The limit of the run, of which this agent has a part that its shards share equally.
    pub(crate) fn new(per_second: NonZeroU32, agent: Fraction, shards: u64) -> Self {
        let part = agent.numerator() as f64 / agent.denominator() as f64;
        let apart = Duration::from_secs_f64(shards as f64 / (f64::from(per_second.get()) * part));
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
