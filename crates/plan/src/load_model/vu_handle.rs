//! One VU of a model that starts and stops VUs.

use std::time::Duration;

/// What a driver keeps for each VU of `ramping-vus` and `externally-controlled`.
///
/// It tells apart whether the VU is wanted and whether a task runs it. A VU that is winding down and is wanted again goes
/// on, rather than that another one starts. Times are from the scenario's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VuHandle {
    wanted: bool,
    active: bool,
    cut_at: Option<Duration>,
}

impl VuHandle {
    /// The VU is wanted. True if it has to be activated: nothing runs it.
    #[must_use]
    pub fn start(&mut self) -> bool {
        let idle = !self.active;
        *self = Self { wanted: true, active: true, cut_at: None };
        idle
    }

    /// The VU isn't wanted any more: it begins no iteration, and the one under way is cut at `cut_at`.
    pub fn stop(&mut self, cut_at: Duration) {
        if self.wanted {
            self.wanted = false;
            self.cut_at = self.active.then_some(cut_at);
        }
    }

    /// Whether it may begin an iteration.
    pub fn may_begin(&self) -> bool {
        self.wanted
    }

    /// When its iteration is cut, if it is winding down.
    pub fn cut_at(&self) -> Option<Duration> {
        self.cut_at
    }

    /// Whether its iteration has to be cut now.
    pub fn is_cut(&self, now: Duration) -> bool {
        self.cut_at.is_some_and(|at| at <= now)
    }

    /// Its task has ended, because [`VuHandle::may_begin`] said no or its iteration was cut. True if it was wanted again
    /// in between, and has to be activated anew.
    #[must_use]
    pub fn ended(&mut self) -> bool {
        *self = Self { wanted: self.wanted, active: self.wanted, cut_at: None };
        self.active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_vu_is_activated_stopped_and_cut() {
        let mut vu = VuHandle::default();
        assert!(!vu.may_begin());
        assert!(vu.start());
        assert!(vu.may_begin());
        vu.stop(seconds(30));
        assert!(!vu.may_begin() && !vu.is_cut(seconds(29)) && vu.is_cut(seconds(30)));
        // A second stop doesn't move the limit.
        vu.stop(seconds(90));
        assert_eq!(vu.cut_at(), Some(seconds(30)));
        assert!(!vu.ended());
        assert_eq!(vu, VuHandle::default());
    }

    #[test]
    fn a_vu_that_winds_down_is_used_again() {
        let mut vu = VuHandle::default();
        assert!(vu.start());
        vu.stop(seconds(30));
        assert!(!vu.start(), "its task goes on");
        assert_eq!((vu.may_begin(), vu.cut_at()), (true, None));
    }

    #[test]
    fn a_vu_whose_task_ended_while_it_was_wanted_is_activated_anew() {
        let mut vu = VuHandle::default();
        assert!(vu.start());
        vu.stop(seconds(1));
        assert!(!vu.start());
        assert!(vu.ended(), "the task had gone already");
        assert!(vu.may_begin());
        vu.stop(seconds(2));
        assert!(!vu.ended());
    }

    #[test]
    fn stopping_what_does_not_run_changes_nothing() {
        let mut vu = VuHandle::default();
        vu.stop(seconds(1));
        assert_eq!(vu, VuHandle::default());
    }
}
