//! Time: sleeping and measuring. `std::time`'s clocks don't exist for a script.

use crate::bindings::throng::script::time as host;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Suspends the VU. Takes a [`Duration`], or seconds as a number, as in k6; negative numbers don't wait.
///
/// ```no_run
/// use throng::prelude::*;
///
/// sleep(1);
/// sleep(0.25);
/// sleep(Duration::from_millis(1500));
/// ```
pub fn sleep(duration: impl IntoDuration) {
    crate::checks::flush();
    crate::http::release_done();
    host::sleep(nanoseconds(duration.into_duration()));
}

/// A limit as the host takes it: whole milliseconds, at least one, at most 49 days.
pub(crate) fn milliseconds(limit: Duration) -> u32 {
    u32::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}

/// Now, on a clock that never goes back.
pub fn now() -> Instant {
    Instant { nanoseconds: host::now() }
}

/// The date and time of day, to the millisecond.
pub fn system_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(host::unix_ms())
}

/// A moment on a clock that never goes back, what `std::time::Instant` is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    nanoseconds: u64,
}

impl Instant {
    /// The time since then.
    pub fn elapsed(self) -> Duration {
        now().since(self)
    }

    /// The time from an earlier moment until this one, zero if it was later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds))
    }
}

/// Durations beyond 584 years are cut.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What [`sleep`] takes.
pub trait IntoDuration {
    /// The duration; numbers are seconds.
    fn into_duration(self) -> Duration;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Duration {
        self
    }
}

impl IntoDuration for f64 {
    fn into_duration(self) -> Duration {
        // Out of range means negative or not a number, which is no wait, or for ever.
        Duration::try_from_secs_f64(self).unwrap_or(if self > 0.0 { Duration::MAX } else { Duration::ZERO })
    }
}

impl IntoDuration for i32 {
    fn into_duration(self) -> Duration {
        Duration::from_secs(u64::try_from(self).unwrap_or(0))
    }
}

impl IntoDuration for u32 {
    fn into_duration(self) -> Duration {
        Duration::from_secs(self.into())
    }
}

impl IntoDuration for u64 {
    fn into_duration(self) -> Duration {
        Duration::from_secs(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seconds_and_no_number_is_a_wait_back_in_time() {
        assert_eq!(1.into_duration(), Duration::from_secs(1));
        assert_eq!(0.25.into_duration(), Duration::from_millis(250));
        assert_eq!((-1).into_duration(), Duration::ZERO);
        assert_eq!((-0.5).into_duration(), Duration::ZERO);
        assert_eq!(f64::NAN.into_duration(), Duration::ZERO);
        assert_eq!(f64::INFINITY.into_duration(), Duration::MAX);
        assert_eq!(nanoseconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn time_between_moments_is_never_negative() {
        let (early, late) = (Instant { nanoseconds: 5 }, Instant { nanoseconds: 12 });
        assert_eq!(late.since(early), Duration::from_nanos(7));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
