//! How many VUs all shards had at one instant.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::command::ShardReport;

/// Seconds that may wait for a shard's word; it is the windows of a shard that may wait that bound them, this is for a
/// shard that has stopped speaking.
const SECONDS_MAX: usize = 64;

/// By instant: what shards have said of their VUs then, active and initialised.
#[derive(Debug, Default)]
pub(super) struct VusAt(BTreeMap<Duration, BTreeMap<usize, (u64, u64)>>);

impl VusAt {
    pub(super) fn note(&mut self, shard: usize, report: &ShardReport) {
        if let Some(active) = report.vus {
            self.add(shard, report.window.at, (active, report.vus_initialized));
        }
    }

    fn add(&mut self, shard: usize, at: Duration, vus: (u64, u64)) {
        self.0.entry(at).or_default().insert(shard, vus);
        if self.0.len() > SECONDS_MAX {
            self.0.pop_first();
        }
    }

    /// Takes the sums of the instants of which each of so many shards has spoken, or has ended.
    pub(super) fn take_complete(&mut self, shards: usize, has_ended: impl Fn(usize) -> bool) -> Vec<(u64, u64)> {
        let mut sums = Vec::new();
        while let Some(first) = self.0.first_entry() {
            let said = first.get();
            if !(0..shards).all(|shard| said.contains_key(&shard) || has_ended(shard)) {
                break;
            }
            let sum = first.remove().into_values().fold((0, 0), |sum, vus| (sum.0 + vus.0, sum.1 + vus.1));
            sums.push(sum);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_told_when_all_who_still_run_have_spoken() {
        let mut vus = VusAt::default();
        let second = Duration::from_secs;
        vus.add(0, second(1), (2, 3));
        assert!(vus.take_complete(2, |_| false).is_empty());
        vus.add(0, second(2), (4, 4));
        vus.add(1, second(1), (5, 6));
        assert_eq!(vus.take_complete(2, |_| false), [(7, 9)]);
        assert_eq!(vus.take_complete(2, |shard| shard == 1), [(4, 4)]);
        assert!(vus.take_complete(2, |_| true).is_empty());
    }

    #[test]
    fn what_never_completes_is_forgotten() {
        let mut vus = VusAt::default();
        (0..1000).for_each(|second| vus.add(0, Duration::from_secs(second), (1, 1)));
        assert_eq!(vus.0.len(), SECONDS_MAX);
    }
}
