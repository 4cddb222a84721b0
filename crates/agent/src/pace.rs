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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_of_all_segments_together_keep_to_the_limit() {
        let limit = NonZeroU32::new(90).unwrap();
        for (segments, shards) in [(1, 1), (1, 4), (3, 1), (3, 2), (7, 64)] {
            let part = Fraction::new(1, segments).unwrap();
            let of_shard = 1.0 / Pace::new(limit, part, shards).apart.as_secs_f64();
            let of_all = of_shard * shards as f64 * segments as f64;
            assert!((of_all - 90.0).abs() < 0.001, "{segments} segments of {shards} shards: {of_all}/s");
        }
        let half = Pace::new(limit, Fraction::new(1, 2).unwrap(), 1);
        assert_eq!(half.apart, Duration::from_secs_f64(1.0 / 45.0));
    }
}
