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

    /// As RFC 3339, in UTC.
    pub fn rfc3339(self) -> String {
        let (seconds, ms) = (self.0 / 1_000, self.0 % 1_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Howard Hinnant's `civil_from_days`: eras of 400 years that begin in March.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..10 => (400 * era + year, month + 3),
            _ => (400 * era + year + 1, month - 9),
        };
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
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
    fn times_are_written_as_others_write_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_798_761_599_001, "2026-12-31T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(ms).rfc3339(), text);
        }
    }

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
