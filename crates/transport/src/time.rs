//! The shard's clock and its timers.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

/// Nanoseconds on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub u64);

impl Nanos {
    /// This instant plus `duration`, at most the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Nanos {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Nanos(self.0.saturating_add(nanos))
    }

    /// Nanoseconds since `earlier`; 0 if that lies later.
    #[must_use]
    pub fn since(self, earlier: Nanos) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The monotonic clock, the same for all threads of the process.
#[derive(Clone, Copy, Debug)]
pub struct Clock;

impl Clock {
    /// The present instant.
    #[must_use]
    pub fn now() -> Nanos {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
            .unwrap_or_else(|_| nix::sys::time::TimeSpec::new(0, 0));
        Nanos(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
    }
}

/// Names an armed timer; its deadline is part of the name.
pub(crate) type TimerKey = (Nanos, u64);

/// Tasks that sleep, in the order of their deadlines.
///
/// A tree rather than a wheel: sleeping is exact to the nanosecond. Deadlines of sockets, of which there are many and
/// few come, are in a wheel of the ring's.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    armed: BTreeMap<TimerKey, Waker>,
    next: u64,
}

impl Timers {
    pub(crate) fn arm(&mut self, deadline: Nanos, waker: Waker) -> TimerKey {
        self.next += 1;
        let key = (deadline, self.next);
        self.armed.insert(key, waker);
        key
    }

    pub(crate) fn disarm(&mut self, key: TimerKey) -> Option<Waker> {
        self.armed.remove(&key)
    }

    /// Takes the next timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<Waker> {
        let entry = self.armed.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(crate) fn nearest(&self) -> Option<Nanos> {
        self.armed.first_key_value().map(|((deadline, _), _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_expire_in_order_and_only_when_due() {
        let mut timers = Timers::default();
        let waker = || Waker::noop().clone();
        timers.arm(Nanos(30), waker());
        let second = timers.arm(Nanos(10), waker());
        timers.arm(Nanos(10), waker());
        assert_eq!(timers.nearest(), Some(Nanos(10)));
        assert!(timers.pop_due(Nanos(9)).is_none());
        assert!(timers.disarm(second).is_some());
        assert!(timers.pop_due(Nanos(10)).is_some());
        assert!(timers.pop_due(Nanos(10)).is_none());
        assert_eq!(timers.nearest(), Some(Nanos(30)));
        assert!(timers.disarm(second).is_none());
    }
}
