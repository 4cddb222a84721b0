//! Which VUs the load model wants.

use std::collections::VecDeque;
use std::time::Duration;

use throng_plan::{ControlledVus, VuSteps};

use super::Flocks;
use crate::scenario::controlled::Controls;

/// VUs that are started or stopped before other things have their turn.
const AT_ONCE_MAX: u32 = 1000;

/// Connections that are closed at a time at the end, and no more are told: what a server can answer within its time.
const CLOSING_MAX: u32 = 2048;
/// How long a connection that a command has taken off may take to close.
const CONTROLLED_WAIT: Duration = Duration::from_secs(1);

/// Follows the load model.
pub(super) struct Wishes {
    /// Of `ramping-vus`.
    steps: Option<VuSteps>,
    /// VUs that were stopped, and when they are cut, in the order of time.
    cuts: VecDeque<(Duration, u32)>,
    /// VUs that are wanted where the lowest are.
    running: u32,
    /// At the end: VUs that were told.
    told: u32,
    is_over: bool,
    /// What a command has said last, as far as it is followed.
    known: Option<ControlledVus>,
}

impl Wishes {
    pub(super) fn new(flocks: &Flocks) -> Self {
        let steps = flocks.share.portion.vu_steps();
        Self { steps, cuts: VecDeque::new(), running: 0, told: 0, is_over: false, known: None }
    }

    /// Whether no VU is to come any more: the scenario's time is over, or all have come.
    pub(super) fn is_spent(&self, flocks: &Flocks) -> bool {
        if self.is_over {
            return self.told >= flocks.vus.borrow().len();
        }
        match (&self.steps, &flocks.share.controls) {
            (Some(steps), _) => steps.peek().is_none(),
            (None, Some(_)) => false,
            (None, None) => u64::from(self.running) >= flocks.share.portion.max_vus(),
        }
    }

    /// The command that is followed now, as long as any is.
    pub(super) fn known(&self) -> Option<ControlledVus> {
        self.known.filter(|_| !self.is_over)
    }

    /// Whether none begins any more.
    pub(super) fn is_ending(&self) -> bool {
        self.is_over
    }

    /// Starts and stops VUs; true if it has stopped for others' sake.
    pub(super) fn follow(&mut self, flocks: &Flocks) -> bool {
        let elapsed = flocks.share.elapsed();
        if self.is_over || elapsed >= flocks.share.model.regular_duration() {
            return self.end(flocks);
        }
        while let Some((_, vu)) = self.cuts.pop_front_if(|(at, _)| *at <= elapsed) {
            flocks.cut(vu);
        }
        if let Some(steps) = &mut self.steps {
            for _ in 0..AT_ONCE_MAX {
                let Some(step) = steps.take_due(elapsed) else { return false };
                let vu = step.vu as u32;
                if step.wanted {
                    flocks.start(vu);
                } else {
                    flocks.stop(vu);
                    self.cuts.push_back((flocks.share.portion.cut_at(step.at, flocks.share.graceful_stop), vu));
                }
            }
            return true;
        }
        self.lowest(flocks)
    }

    /// Starts and stops VUs where the lowest are wanted.
    fn lowest(&mut self, flocks: &Flocks) -> bool {
        let share = &flocks.share;
        self.known = share.controls.as_ref().map(Controls::get);
        let wanted = match self.known {
            Some(known) => known.wanted(share.portion.share()),
            None => share.portion.max_vus(),
        };
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        for _ in 0..AT_ONCE_MAX {
            if self.running < wanted {
                flocks.start(self.running);
                self.running += 1;
            } else if self.running > wanted {
                self.running -= 1;
                flocks.stop(self.running);
                // This model has no graceful stop, as in k6; but what closes properly takes no longer than that.
                self.cuts.push_back((share.elapsed() + CONTROLLED_WAIT, self.running));
            } else {
                return false;
            }
        }
        true
    }

    /// Tells all VUs to end.
    fn end(&mut self, flocks: &Flocks) -> bool {
        self.is_over = true;
        flocks.vus.borrow_mut().end_pauses();
        let all = flocks.vus.borrow().len();
        for _ in 0..AT_ONCE_MAX {
            if self.told >= all || flocks.closing.get() >= CLOSING_MAX {
                return false;
            }
            flocks.stop(self.told);
            self.told += 1;
        }
        true
    }

    /// When there is something to do next, from the scenario's beginning.
    pub(super) fn next(&self, flocks: &Flocks) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        let step = self.steps.as_ref().and_then(|steps| steps.peek().map(|step| step.at));
        let cut = self.cuts.front().map(|(at, _)| *at);
        let end = Some(flocks.share.model.regular_duration());
        [step, cut, end].into_iter().flatten().min()
    }
}
