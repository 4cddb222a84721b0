//! When the conductor looks at the clock.

use std::time::{Duration, Instant};

/// How often the conductor looks at the clock, the handle and the observer.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// When the conductor looks at the clock next.
pub(super) struct Ticking {
    pub(super) next_tick: Instant,
    pub(super) next_second: Instant,
}

impl Ticking {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { next_tick: now + TICK, next_second: now + Duration::from_secs(1) }
    }
}
