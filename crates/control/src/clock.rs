//! The time of a group, which goes on when its leader changes.

use serde::{Deserialize, Serialize};

/// Milliseconds since the epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// So many milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since another one; 0 if that is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Turns the times of leaders' clocks into the group's time, which never goes back.
///
/// Should a new leader's clock be behind what the group has seen, its times are moved by the difference, so that the
/// group's time goes on at their pace. Otherwise it would stand still, and with it all leases, until that clock has
/// caught up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupClock {
    latest: Timestamp,
    /// What the leader's times are moved by.
    ahead_ms: u64,
}

impl GroupClock {
    /// The latest time in any command.
    pub fn latest(&self) -> Timestamp {
        self.latest
    }

    /// What the group's time is when a clock of the leader's shows `now`.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        now.plus(self.ahead_ms).max(self.latest)
    }

    /// Takes note of a time in a command.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.at(now);
        self.latest
    }

    /// From now on times are those of another leader, whose clock shows `now`.
    pub(crate) fn change_leader(&mut self, now: Timestamp) {
        self.ahead_ms = self.latest.since(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_and_never_stands_still() {
        let mut clock = GroupClock::default();
        assert_eq!(clock.advance(Timestamp(1_000)), Timestamp(1_000));
        assert_eq!(clock.advance(Timestamp(900)), Timestamp(1_000));
        clock.change_leader(Timestamp(400));
        assert_eq!(clock.advance(Timestamp(400)), Timestamp(1_000));
        assert_eq!(clock.advance(Timestamp(450)), Timestamp(1_050));
        assert_eq!(clock.at(Timestamp(500)), Timestamp(1_100));
        clock.change_leader(Timestamp(5_000));
        assert_eq!(clock.advance(Timestamp(5_001)), Timestamp(5_001));
        assert_eq!(clock.advance(Timestamp(u64::MAX)), Timestamp(u64::MAX));
        clock.change_leader(Timestamp(0));
        assert_eq!(clock.advance(Timestamp(7)), Timestamp(u64::MAX));
    }
}
