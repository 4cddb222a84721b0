//! The VUs of an event-driven scenario: which are wanted, and which are about to begin.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use throng_transport::Nanos;

/// How long a VU whose iteration failed waits for its next: at first, and after several that failed one after another.
/// A server that is gone isn't stormed by all that it has lost.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What is known of a VU between its iterations too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VuState {
    /// The load model wants it.
    pub(super) wanted: bool,
    /// It counts as being in the scenario.
    pub(super) active: bool,
    /// Its last connection was lost with its instance.
    pub(super) lost: bool,
    /// Iterations in a row that have failed.
    failures: u8,
    /// Iterations begun.
    pub(super) begun: u32,
    /// Its connection.
    pub(super) token: Option<u32>,
}

/// All VUs of a share on a shard.
#[derive(Debug, Default)]
pub(super) struct Vus {
    all: Vec<VuState>,
    /// Those that are to begin an iteration as soon as there is room.
    ready: VecDeque<u32>,
    /// Those that wait before their next.
    pausing: BinaryHeap<Reverse<(Nanos, u32)>>,
}

impl Vus {
    /// A VU by its place within the share.
    pub(super) fn get(&mut self, vu: u32) -> &mut VuState {
        let place = vu as usize;
        if self.all.len() <= place {
            self.all.resize(place + 1, VuState::default());
        }
        &mut self.all[place]
    }

    /// The load model wants a VU; true if it wasn't in the scenario.
    pub(super) fn start(&mut self, vu: u32) -> bool {
        let state = self.get(vu);
        state.wanted = true;
        let is_new = !std::mem::replace(&mut state.active, true);
        if is_new {
            self.ready.push_back(vu);
        }
        is_new
    }

    /// The load model doesn't want a VU any more; its connection, if it has one.
    pub(super) fn stop(&mut self, vu: u32) -> Option<u32> {
        let state = self.get(vu);
        state.wanted = false;
        state.token
    }

    /// How many there are, wanted or not.
    pub(super) fn len(&self) -> u32 {
        self.all.len() as u32
    }

    /// A VU's iteration is over, and it is to have another one. `jitter` is random.
    pub(super) fn again(&mut self, vu: u32, now: Nanos, failed: bool, least: Duration, jitter: u64) {
        let state = self.get(vu);
        state.failures = if failed { state.failures.saturating_add(1) } else { 0 };
        let pause = if failed { pause(state.failures, jitter).max(least) } else { least };
        // One that isn't wanted is to be found out at once.
        if pause.is_zero() || !state.wanted {
            self.ready.push_back(vu);
        } else {
            self.pausing.push(Reverse((now.after(pause), vu)));
        }
    }

    /// A VU has a connection that works.
    pub(super) fn succeeded(&mut self, vu: u32) -> bool {
        let state = self.get(vu);
        state.failures = 0;
        std::mem::take(&mut state.lost)
    }

    /// The next VU that may begin now.
    pub(super) fn take_ready(&mut self, now: Nanos) -> Option<u32> {
        self.end_pauses_until(now);
        self.ready.pop_front()
    }

    fn end_pauses_until(&mut self, now: Nanos) {
        while let Some(Reverse((at, vu))) = self.pausing.peek().copied()
            && at <= now
        {
            self.pausing.pop();
            self.ready.push_back(vu);
        }
    }

    /// Has those that pause begin at once, for the end: they are found not to be wanted.
    pub(super) fn end_pauses(&mut self) {
        self.ready.extend(self.pausing.drain().map(|Reverse((_, vu))| vu));
    }

    /// Whether one may begin now.
    pub(super) fn has_ready(&mut self, now: Nanos) -> bool {
        self.end_pauses_until(now);
        !self.ready.is_empty()
    }

    /// When the next pause ends.
    pub(super) fn next_pause(&self) -> Option<Nanos> {
        self.pausing.peek().map(|Reverse((at, _))| *at)
    }
}

/// Doubles with each failure; then half of it, and up to as much again by chance, so that VUs that failed together don't
/// come back together.
fn pause(failures: u8, jitter: u64) -> Duration {
    let whole = PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(5)).min(PAUSE_MAX);
    whole / 2 + whole.mul_f64(jitter as f64 / u64::MAX as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vu_that_fails_waits_longer_each_time_and_not_for_ever() {
        let mut last = Duration::ZERO;
        for failures in 1..=5 {
            let (least, most) = (pause(failures, 0), pause(failures, u64::MAX));
            assert!(least > last / 2 && most <= least * 2 + Duration::from_nanos(2), "{failures}: {least:?} {most:?}");
            assert!(most > last);
            last = most;
        }
        assert_eq!(pause(255, u64::MAX), PAUSE_MAX);
    }

    #[test]
    fn a_vu_begins_when_it_is_started_and_again_after_its_pause() {
        let mut vus = Vus::default();
        assert!(vus.start(3));
        assert!(!vus.start(3), "it is there already");
        assert_eq!(vus.take_ready(Nanos(0)), Some(3));
        assert_eq!(vus.take_ready(Nanos(0)), None);
        vus.again(3, Nanos(0), true, Duration::ZERO, 0);
        assert_eq!(vus.take_ready(Nanos(499_999_999)), None);
        assert_eq!(vus.next_pause(), Some(Nanos(500_000_000)));
        assert_eq!(vus.take_ready(Nanos(500_000_000)), Some(3));
        vus.again(3, Nanos(0), false, Duration::ZERO, 0);
        assert!(vus.has_ready(Nanos(0)));
    }
}
