//! How a run goes from state to state by itself, once what it waits for is there.

use super::{AbortReason, CallState, Progress, Run, RunState, Verdict};
use crate::clock::Timestamp;
use crate::id::AssignmentId;

impl Run {
    /// Goes on as far as it can without anyone's doing.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(next) = self.next(now) {
            self.enter(next, now);
        }
    }

    /// Ends it early; the first reason stays. False if there is one.
    pub(crate) fn abort(&mut self, reason: AbortReason) -> bool {
        let is_first = self.reason.is_none();
        self.reason.get_or_insert(reason.cut());
        is_first
    }

    /// Whether the leader can choose the start: all agents are ready, and setup is over.
    pub(crate) fn can_start(&self) -> bool {
        let is_there = match self.state {
            RunState::Ready => !self.setup.exists(),
            RunState::Setup => self.is_set_up(),
            _ => false,
        };
        is_there && !self.paused && self.all_held_are(Progress::Ready)
    }

    /// Whether agents are to make their VUs ready for iterations, those that have to.
    pub(crate) fn may_init_vus(&self) -> bool {
        self.state == RunState::Running || self.state == RunState::Setup && self.is_set_up()
    }

    /// Whether setup is over as it should be, or there is none.
    fn is_set_up(&self) -> bool {
        !self.setup.exists() || self.setup.state == CallState::Done
    }

    /// Whether all is there that the leader needs for the result.
    pub(crate) fn can_conclude(&self) -> bool {
        self.state == RunState::Teardown && self.summarize.is_over() && self.all_are_settled()
    }

    /// Whether all agents are as far as that.
    fn all_held_are(&self, progress: Progress) -> bool {
        let mut held = self.assignments.values().filter(|one| one.is_held());
        held.all(|one| one.progress >= progress || one.taken_over_by.is_some())
    }

    pub(super) fn all_are_settled(&self) -> bool {
        self.assignments.values().all(super::Assignment::is_settled)
    }

    /// The state that it can enter now.
    fn next(&mut self, now: Timestamp) -> Option<RunState> {
        let before_load_ends = self.state < RunState::Draining;
        if before_load_ends && self.reason.is_some() {
            return Some(RunState::Draining);
        }
        match self.state {
            RunState::Preparing => self.all_held_are(Progress::Made).then_some(RunState::Ready),
            RunState::Ready => {
                let is_needed = self.setup.exists() || !self.all_held_are(Progress::Ready);
                let to_setup = is_needed && !self.paused && self.all_held_are(Progress::Made);
                to_setup.then_some(RunState::Setup)
            }
            RunState::Setup => self.go_on_with_setup(now),
            RunState::Running => {
                let over = self.assignments.values().all(super::Assignment::has_stopped);
                over.then_some(RunState::Draining)
            }
            RunState::Draining => self.all_are_settled().then_some(RunState::Teardown),
            RunState::Teardown => {
                self.go_on_with_end(now);
                None
            }
            RunState::Submitted | RunState::Finished | RunState::Aborted | RunState::Failed => None,
        }
    }

    fn enter(&mut self, state: RunState, now: Timestamp) {
        if state == RunState::Draining {
            // What an agent is at is cut like everything else.
            self.setup.skip(now);
        }
        if state == RunState::Setup {
            self.began.get_or_insert(now);
        }
        self.state = state;
        self.since = now;
        self.step_since = now;
    }

    fn go_on_with_setup(&mut self, now: Timestamp) -> Option<RunState> {
        match &self.setup.state {
            CallState::Failed(failure) => {
                let reason = AbortReason::Setup(failure.clone());
                self.abort(reason);
                Some(RunState::Draining)
            }
            CallState::Waiting if self.setup.exists() => {
                let is_free = |progress| matches!(progress, Progress::Made | Progress::Ready);
                if let Some(agent) = self.held_by(is_free) {
                    self.setup.begin(agent, now);
                }
                None
            }
            _ => None,
        }
    }

    /// Teardown, the script's own summary.
    fn go_on_with_end(&mut self, now: Timestamp) {
        if self.teardown.state == CallState::Waiting {
            let was_set_up = self.setup.state == CallState::Done || !self.setup.exists() && self.began.is_some();
            let agent = self.for_teardown().filter(|_| self.teardown.exists() && was_set_up);
            match agent {
                Some(agent) => self.teardown.begin(agent, now),
                None => self.teardown.skip(now),
            }
            self.step_since = now;
        }
        if self.teardown.is_over() && self.summarize.state == CallState::Waiting && self.all_are_settled() {
            let agent = self.for_teardown().filter(|_| self.summarize.exists());
            match agent {
                Some(agent) => self.summarize.begin(agent, now),
                None => self.summarize.skip(now),
            }
            self.step_since = now;
        }
    }

    /// The agent that made setup, if it is alive, or the first one.
    fn for_teardown(&self) -> Option<AssignmentId> {
        let by = self.setup.by.as_ref().or(self.teardown.by.as_ref());
        let is_held = |id: &&AssignmentId| {
            let assignment = self.assignments.get(*id);
            assignment.is_some_and(|one| one.is_held() && one.progress == Progress::Done)
        };
        by.filter(is_held).cloned().or_else(|| self.held_by(|progress| progress == Progress::Done))
    }

    fn held_by(&self, fits: impl Fn(Progress) -> bool) -> Option<AssignmentId> {
        let mut held = self.assignments.iter().filter(|(_, one)| one.is_held() && one.taken_over_by.is_none());
        held.find(|(_, one)| fits(one.progress)).map(|(id, _)| id.clone())
    }

    /// How it ends, once the result is there.
    pub(super) fn ending(&self) -> RunState {
        match &self.reason {
            Some(reason) if reason.is_wanted() => RunState::Aborted,
            Some(_) => RunState::Failed,
            None if matches!(self.teardown.state, CallState::Failed(_)) => RunState::Failed,
            None => RunState::Finished,
        }
    }

    /// Takes a verdict; one that ended the run stays.
    pub(super) fn judge(&mut self, verdict: Verdict) {
        if self.verdict != Verdict::Abort {
            self.verdict = verdict;
        }
    }
}
