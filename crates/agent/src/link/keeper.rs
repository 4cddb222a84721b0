//! Keeps a part's windows until they are in a checkpoint of the group.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use throng_control::judge::{AgentWindow, Standing, VuCount};
use throng_stats::{Registry, WINDOW_BYTES_MAX, Window};

/// Windows that are said and not yet in a checkpoint. Those that follow wait.
pub const WINDOWS_SAID_MAX: usize = 32;
/// Windows that wait to be said. Of more the oldest become one: the resolution of time goes, the totals stay.
pub const WINDOWS_WAITING_MAX: usize = 64;
/// Bytes of all windows that are kept. Of more, too, the oldest that wait become one; if that doesn't help, no more is
/// taken.
pub const KEPT_BYTES_MAX: usize = 128 << 20;

/// A window as it is said to the leader.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptWindow {
    /// The number of the first window that it stands for.
    pub first: u64,
    /// That of the last.
    pub last: u64,
    /// How far into the run it reaches.
    pub at: Duration,
    /// The changes, by [`Window::encode`].
    pub bytes: Arc<[u8]>,
    /// How many VUs there were at full seconds.
    pub vus: Vec<VuCount>,
    /// How the part stood then.
    pub standing: Standing,
}

/// Why a keeper can't go on. The part has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeeperError {
    /// There is no place.
    #[error(
        "the windows that no coordinator has confirmed are larger than {KEPT_BYTES_MAX} bytes together: there are too many \
         series with too many different values for so long an outage"
    )]
    Full,
    /// The numbers don't follow each other.
    #[error("window {first} was to be kept after window {after}; this is a fault of throng")]
    Gap {
        /// Its number.
        first: u64,
        /// The last that is known.
        after: u64,
    },
    /// What is in a checkpoint can't be.
    #[error("the coordinators have windows through {through}, and what was said to them ends with {said}")]
    NotSaid {
        /// What they say.
        through: u64,
        /// The last that they can have.
        said: u64,
    },
}

/// A part's windows, the oldest first, as far as they aren't in a checkpoint.
///
/// What was ever said to a leader may be in a checkpoint of which nobody has told yet. So it stays as it was said, and is
/// said again like that: whoever has it can tell by its numbers. Only what no leader has seen becomes one.
#[derive(Debug)]
pub struct Keeper {
    registry: Arc<Registry>,
    kept: VecDeque<KeptWindow>,
    /// How many of them, from the front, were ever said: those stay as they are.
    ever_said: usize,
    /// How many of them were said on this stream.
    said: usize,
    bytes: usize,
    /// The last window in a checkpoint.
    committed: u64,
    /// The last that was kept.
    last: u64,
}

impl Keeper {
    /// Keeps nothing yet. By `registry` windows are read.
    #[must_use]
    pub fn new(registry: Arc<Registry>) -> Self {
        Self { registry, kept: VecDeque::new(), ever_said: 0, said: 0, bytes: 0, committed: 0, last: 0 }
    }

    /// Keeps the next window.
    ///
    /// # Errors
    ///
    /// When it isn't the next one, or there is no place.
    pub fn keep(&mut self, window: AgentWindow) -> Result<(), KeeperError> {
        if window.first != self.last + 1 {
            return Err(KeeperError::Gap { first: window.first, after: self.last });
        }
        self.last = window.last;
        self.push(self.kept.len(), encoded(window));
        while (self.kept.len() - self.ever_said > WINDOWS_WAITING_MAX || self.bytes > KEPT_BYTES_MAX)
            && self.merge_oldest()
        {}
        if self.bytes > KEPT_BYTES_MAX { Err(KeeperError::Full) } else { Ok(()) }
    }

    /// The next window to be said on this stream; none if all are, or too many wait for a checkpoint.
    pub fn next_to_say(&mut self) -> Option<KeptWindow> {
        if self.said >= WINDOWS_SAID_MAX {
            return None;
        }
        let window = self.kept.get(self.said)?.clone();
        self.said += 1;
        self.ever_said = self.ever_said.max(self.said);
        Some(window)
    }

    /// There is another stream: nothing has been said on it.
    pub fn begin_stream(&mut self) {
        self.said = 0;
    }

    /// All windows through that one are in a checkpoint.
    ///
    /// # Errors
    ///
    /// When that can't be, since it was never said, or only together with a later one; nothing changes then.
    pub fn note_committed(&mut self, through: u64) -> Result<(), KeeperError> {
        let count = self.kept.iter().take_while(|window| window.last <= through).count();
        let cut = self.kept.get(count).is_some_and(|window| window.first <= through);
        if cut || count > self.ever_said || through > self.last {
            let said = self.ever_said.checked_sub(1).map_or(self.committed, |at| self.kept[at].last);
            return Err(KeeperError::NotSaid { through, said });
        }
        self.bytes -= self.kept.drain(..count).map(|window| window.bytes.len()).sum::<usize>();
        self.ever_said -= count;
        self.said = self.said.saturating_sub(count);
        self.committed = self.committed.max(through);
        Ok(())
    }

    /// The number of the last window that was kept; 0 before.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The last window in a checkpoint; 0 before.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// How many windows are kept, and their bytes.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }

    fn push(&mut self, at: usize, window: KeptWindow) {
        self.bytes += window.bytes.len();
        self.kept.insert(at, window);
    }

    /// Makes one of two that follow each other and that nobody has seen, the oldest of which that is possible; whether
    /// there are such.
    fn merge_oldest(&mut self) -> bool {
        let pairs = self.ever_said..self.kept.len().saturating_sub(1);
        for at in pairs {
            if let Some(merged) = self.merged(at) {
                for _ in 0..2 {
                    self.bytes -= self.kept.remove(at).map_or(0, |window| window.bytes.len());
                }
                self.push(at, merged);
                return true;
            }
        }
        false
    }

    /// The window there and the next one as one; none if nobody could read that.
    fn merged(&self, at: usize) -> Option<KeptWindow> {
        let [earlier, later] = [self.kept.get(at)?, self.kept.get(at + 1)?];
        if earlier.bytes.len().max(later.bytes.len()) > WINDOW_BYTES_MAX / 2 {
            return None;
        }
        let [earlier, later] = [self.decoded(earlier)?, self.decoded(later)?];
        Some(encoded(earlier.followed_by(later))).filter(|merged| merged.bytes.len() <= WINDOW_BYTES_MAX)
    }

    fn decoded(&self, kept: &KeptWindow) -> Option<AgentWindow> {
        let window = Window::decode(&kept.bytes, &self.registry).ok()?;
        let (vus, standing) = (kept.vus.clone(), kept.standing.clone());
        Some(AgentWindow { first: kept.first, last: kept.last, window, vus, standing })
    }
}

fn encoded(window: AgentWindow) -> KeptWindow {
    let AgentWindow { first, last, window, vus, standing } = window;
    KeptWindow { first, last, at: window.at, bytes: window.encode().into(), vus, standing }
}

#[cfg(test)]
mod tests {
    use throng_stats::{Recorder, SourceId, TagSet, Totals, builtin};

    use super::*;

    fn registry() -> Arc<Registry> {
        Arc::new(Registry::new())
    }

    /// The window of that number, with so many iterations, in each of so many series.
    fn window(number: u64, series: u64) -> AgentWindow {
        let mut recorder = Recorder::new(registry(), SourceId(0));
        for n in 0..series {
            let tags = TagSet::from_pairs([("url", format!("{n:0>1000}"))]);
            let series = recorder.series(builtin::ITERATIONS, &tags);
            recorder.increment(series, number);
        }
        let window = recorder.take(Duration::from_secs(number));
        let vus = vec![VuCount { at: window.at, active: 1, initialized: 1 }];
        AgentWindow { first: number, last: number, window, vus, standing: Standing::default() }
    }

    /// What a leader has: each number once.
    #[derive(Default)]
    struct Leader {
        through: u64,
        windows: Vec<KeptWindow>,
    }

    impl Leader {
        /// Takes what follows; what it has already it has whole.
        fn take(&mut self, window: KeptWindow) {
            if window.last > self.through {
                assert_eq!(window.first, self.through + 1);
                self.through = window.last;
                self.windows.push(window);
            }
        }

        fn iterations(&self) -> String {
            let mut totals = Totals::new(registry(), &[]);
            for window in &self.windows {
                totals.merge(&Window::decode(&window.bytes, &registry()).unwrap());
            }
            format!("{:?}", totals.metric(builtin::ITERATIONS))
        }
    }

    fn of_all(numbers: u64) -> String {
        let mut leader = Leader::default();
        (1..=numbers).for_each(|number| leader.take(encoded(window(number, 1))));
        leader.iterations()
    }

    #[test]
    fn windows_are_kept_until_they_are_in_a_checkpoint() {
        let mut keeper = Keeper::new(registry());
        (1..=3).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        let said: Vec<_> = std::iter::from_fn(|| keeper.next_to_say()).map(|window| window.last).collect();
        assert_eq!((said, keeper.held().0), (vec![1, 2, 3], 3));
        keeper.note_committed(2).unwrap();
        keeper.note_committed(1).unwrap();
        assert_eq!((keeper.held().0, keeper.committed(), keeper.last()), (1, 2, 3));
        keeper.begin_stream();
        assert_eq!(keeper.next_to_say().unwrap().first, 3);
        assert_eq!(keeper.next_to_say(), None);
        keeper.note_committed(3).unwrap();
        assert_eq!(keeper.held(), (0, 0));
    }

    #[test]
    fn a_leader_that_died_loses_and_doubles_nothing() {
        let (mut keeper, mut leader) = (Keeper::new(registry()), Leader::default());
        (1..=5).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        // It has committed some, and died before it said so.
        (1..=3).for_each(|_| leader.take(keeper.next_to_say().unwrap()));
        keeper.next_to_say().unwrap();
        (6..=300).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        keeper.begin_stream();
        while keeper.committed() < 300 {
            while let Some(window) = keeper.next_to_say() {
                leader.take(window);
            }
            keeper.note_committed(leader.through).unwrap();
        }
        assert_eq!((leader.through, leader.iterations()), (300, of_all(300)));
    }

    #[test]
    fn a_long_outage_makes_one_of_the_oldest_and_leaves_what_was_said() {
        let mut keeper = Keeper::new(registry());
        (1..=3).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        let said = [keeper.next_to_say().unwrap(), keeper.next_to_say().unwrap()];
        (4..=5_000).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        assert_eq!(keeper.held().0, WINDOWS_WAITING_MAX + 2);
        keeper.begin_stream();
        assert_eq!([keeper.next_to_say().unwrap(), keeper.next_to_say().unwrap()], said);
        let one = keeper.next_to_say().unwrap();
        assert_eq!((one.first, one.last), (3, 5_000 - WINDOWS_WAITING_MAX as u64 + 1));
        let mut leader = Leader::default();
        leader.windows.extend(said.into_iter().chain([one]).chain(keeper.kept.iter().skip(3).cloned()));
        assert_eq!(leader.iterations(), of_all(5_000));
    }

    #[test]
    fn so_many_are_said_ahead_of_a_checkpoint_and_no_more() {
        let mut keeper = Keeper::new(registry());
        (1..=60).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        assert_eq!(std::iter::from_fn(|| keeper.next_to_say()).count(), WINDOWS_SAID_MAX);
        keeper.note_committed(10).unwrap();
        assert_eq!(std::iter::from_fn(|| keeper.next_to_say()).count(), 10);
    }

    #[test]
    fn large_windows_become_one_earlier_and_the_limit_holds() {
        let mut keeper = Keeper::new(registry());
        let large = 6_000;
        for number in 1..=30 {
            keeper.keep(window(number, large)).unwrap();
            assert!(keeper.held().1 <= KEPT_BYTES_MAX);
        }
        assert!(keeper.held().0 < 30, "{:?}", keeper.held());
        // What was said can't become one, so that there is no place in the end.
        let mut keeper = Keeper::new(registry());
        let mut results = (1..=100).map(|number| {
            let kept = keeper.keep(window(number, large));
            keeper.next_to_say();
            kept
        });
        assert_eq!(results.find(Result::is_err), Some(Err(KeeperError::Full)));
    }

    #[test]
    fn checkpoints_that_cannot_be_are_refused() {
        let mut keeper = Keeper::new(registry());
        assert_eq!(keeper.keep(window(2, 1)), Err(KeeperError::Gap { first: 2, after: 0 }));
        (1..=200).for_each(|number| keeper.keep(window(number, 1)).unwrap());
        assert_eq!(keeper.note_committed(1), Err(KeeperError::NotSaid { through: 1, said: 0 }));
        let last = keeper.next_to_say().unwrap().last;
        assert!(last > 1, "several became one");
        assert_eq!(keeper.note_committed(last - 1), Err(KeeperError::NotSaid { through: last - 1, said: last }));
        assert_eq!(keeper.note_committed(201), Err(KeeperError::NotSaid { through: 201, said: last }));
        assert_eq!(keeper.note_committed(last), Ok(()));
    }
}
