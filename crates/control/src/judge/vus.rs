//! How many VUs all parts of a run had at one instant.

use std::collections::BTreeMap;
use std::time::Duration;

use super::window::VuCount;

/// Seconds that may wait for somebody's word. Windows that may wait bound them already; this is for who has stopped
/// speaking.
const SECONDS_MAX: usize = 64;

/// By instant: what each has said of its VUs then, active and initialised.
#[derive(Debug)]
pub struct VusAt<K>(BTreeMap<Duration, BTreeMap<K, (u64, u64)>>);

impl<K> Default for VusAt<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> VusAt<K> {
    /// Notes what one has said.
    pub fn note(&mut self, who: K, said: VuCount) {
        self.0.entry(said.at).or_default().insert(who, (said.active, said.initialized));
        if self.0.len() > SECONDS_MAX {
            self.0.pop_first();
        }
    }

    /// Takes the sums of the instants, the oldest first, as long as `is_complete` says that nobody else will speak of them.
    pub fn take_complete(&mut self, is_complete: impl Fn(&BTreeMap<K, (u64, u64)>) -> bool) -> Vec<VuCount> {
        let mut sums = Vec::new();
        while let Some(first) = self.0.first_entry().filter(|first| is_complete(first.get())) {
            let (at, said) = first.remove_entry();
            let (active, initialized) =
                said.into_values().fold((0, 0), |sum: (u64, u64), vus| (sum.0 + vus.0, sum.1 + vus.1));
            sums.push(VuCount { at, active, initialized });
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64, active: u64, initialized: u64) -> VuCount {
        VuCount { at: Duration::from_secs(second), active, initialized }
    }

    #[test]
    fn a_second_is_told_when_all_who_still_run_have_spoken() {
        let mut vus = VusAt::default();
        let both = |said: &BTreeMap<usize, _>| said.len() == 2;
        vus.note(0, at(1, 2, 3));
        assert!(vus.take_complete(both).is_empty());
        vus.note(0, at(2, 4, 4));
        vus.note(1, at(1, 5, 6));
        assert_eq!(vus.take_complete(both), [at(1, 7, 9)]);
        assert_eq!(vus.take_complete(|said| said.contains_key(&0)), [at(2, 4, 4)]);
        assert!(vus.take_complete(|_| true).is_empty());
    }

    #[test]
    fn what_never_completes_is_forgotten() {
        let mut vus = VusAt::default();
        (0..1000).for_each(|second| vus.note(0, at(second, 1, 1)));
        assert_eq!(vus.0.len(), SECONDS_MAX);
    }
}
