//! How far the group's clock is from this machine's.

use std::collections::VecDeque;
use std::time::Duration;

use throng_transport::Nanos;

/// Answers that are remembered: those of half a minute, at two a second. Clocks drift apart meanwhile by less than a
/// millisecond.
const ANSWERS_MAX: usize = 60;

/// One answer of the leader's.
#[derive(Debug, Clone, Copy)]
struct Answer {
    /// The group's time at the zero of this machine's clock, in microseconds since 1970.
    epoch_us: i64,
    /// How long both ways took.
    way: Duration,
}

/// Where the group's clock stands, as well as its answers tell. The one that took the least time tells best, since it is
/// wrong by half of that at most.
#[derive(Debug, Default)]
pub struct ClockOffset(VecDeque<Answer>);

impl ClockOffset {
    /// Notes an answer to what was sent at `sent` and answered at `arrived` by this machine's clock; the group's clock
    /// showed the other two when the one had arrived and the other was sent, in microseconds since 1970. One that can't be is
    /// passed over.
    pub fn note(&mut self, sent: Nanos, arrived: Nanos, received_us: i64, answered_us: i64) {
        let Some(held) = answered_us.checked_sub(received_us).and_then(|held| u64::try_from(held).ok()) else { return };
        let way = Duration::from_nanos(arrived.since(sent)).checked_sub(Duration::from_micros(held));
        let Some(way) = way.filter(|_| arrived >= sent) else { return };
        // Both ways are taken to be as long.
        let middle_us = sent.0 / 2_000 + arrived.0 / 2_000;
        let Some(epoch_us) = (received_us / 2 + answered_us / 2).checked_sub_unsigned(middle_us) else { return };
        if self.0.len() >= ANSWERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Answer { epoch_us, way });
    }

    /// There is another leader, with another clock.
    pub fn begin_stream(&mut self) {
        self.0.clear();
    }

    /// This machine's time when the group's clock shows so much; none before there is an answer. What was before the zero
    /// of this machine's clock is at it.
    #[must_use]
    pub fn instant(&self, group_us: i64) -> Option<Nanos> {
        let since = group_us.saturating_sub(self.best()?.epoch_us);
        Some(Nanos(u64::try_from(since).unwrap_or(0).saturating_mul(1_000)))
    }

    /// How wrong that may be at most.
    #[must_use]
    pub fn error(&self) -> Option<Duration> {
        self.best().map(|best| best.way / 2)
    }

    fn best(&self) -> Option<&Answer> {
        self.0.iter().min_by_key(|answer| answer.way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH_US: i64 = 1_800_000_000_000_000;

    fn ms(n: u64) -> Nanos {
        Nanos(n * 1_000_000)
    }

    #[test]
    fn the_answer_that_took_the_least_time_counts() {
        let mut offset = ClockOffset::default();
        assert_eq!(offset.instant(EPOCH_US), None);
        // 8 ms there and 2 ms back, the leader taking 1 ms: wrong by 3 ms.
        offset.note(ms(100), ms(111), EPOCH_US + 108_000, EPOCH_US + 109_000);
        assert_eq!(
            (offset.instant(EPOCH_US + 200_000), offset.error()),
            (Some(ms(197)), Some(Duration::from_millis(5)))
        );
        offset.note(ms(300), ms(302), EPOCH_US + 301_000, EPOCH_US + 301_000);
        assert_eq!(
            (offset.instant(EPOCH_US + 200_000), offset.error()),
            (Some(ms(200)), Some(Duration::from_millis(1)))
        );
        for n in 0..ANSWERS_MAX as u64 {
            offset.note(ms(1000 + n), ms(1006 + n), EPOCH_US + 1_003_000, EPOCH_US + 1_003_000);
        }
        assert_eq!(offset.error(), Some(Duration::from_millis(3)), "old ones are forgotten");
    }

    #[test]
    fn answers_that_cannot_be_are_passed_over() {
        let mut offset = ClockOffset::default();
        offset.note(ms(10), ms(9), EPOCH_US, EPOCH_US);
        offset.note(ms(10), ms(11), EPOCH_US, EPOCH_US - 1);
        offset.note(ms(10), ms(11), EPOCH_US, EPOCH_US + 2_000);
        offset.note(ms(10), ms(11), i64::MIN, i64::MAX);
        assert_eq!(offset.instant(EPOCH_US), None);
    }

    #[test]
    fn what_was_before_the_zero_of_the_clock_is_at_it() {
        let mut offset = ClockOffset::default();
        offset.note(ms(10), ms(10), EPOCH_US, EPOCH_US);
        assert_eq!(offset.instant(0), Some(Nanos(0)));
        offset.begin_stream();
        assert_eq!(offset.instant(0), None);
    }
}
