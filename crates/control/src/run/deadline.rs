//! Every step of a run that waits for agents has an end.

use super::{AbortReason, Assignment, Failure, FailureKind, Progress, Run, RunState};
use crate::clock::Timestamp;
use crate::id::AssignmentId;
use crate::limits::{AGENTS_WAIT_MS, DRAIN_MS_MAX, PREPARE_MS_MAX};

impl Run {
    /// When it is to be looked at again, even if nobody says anything. A run that is paused, and load that goes on, may do
    /// so for as long as it likes.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            RunState::Submitted => {
                Some(self.step_since.plus(self.submission.wants.agents_wait_ms.unwrap_or(AGENTS_WAIT_MS)))
            }
            RunState::Preparing | RunState::Ready | RunState::Running => self.slowest_to_prepare().map(|(at, _)| at),
            RunState::Setup => {
                let to_prepare = self.slowest_to_prepare().map(|(at, _)| at);
                self.setup.deadline().into_iter().chain(to_prepare).min()
            }
            RunState::Draining => Some(self.step_since.plus(self.drain_ms())),
            RunState::Teardown => {
                let call = self.teardown.deadline().or(self.summarize.deadline());
                call.or_else(|| (!self.all_are_settled()).then(|| self.step_since.plus(self.drain_ms())))
            }
            RunState::Finished | RunState::Aborted | RunState::Failed => None,
        }
    }

    /// Whether its deadline is past.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// What becomes of it when its deadline is past. `missing` says which agents a run that waits for some lacks.
    pub(crate) fn expire(&mut self, now: Timestamp, missing: String) {
        if !self.is_overdue(now) {
            return;
        }
        match self.state {
            RunState::Submitted => {
                self.abort(AbortReason::NoAgents { message: missing });
            }
            RunState::Setup if self.setup.deadline().is_some_and(|deadline| now >= deadline) => {
                let failure = no_answer("setup");
                if let Some(id) = self.setup.on().cloned() {
                    self.setup.end(&id, Some(failure), now);
                }
            }
            RunState::Preparing | RunState::Ready | RunState::Setup | RunState::Running => {
                if let Some((_, id)) = self.slowest_to_prepare() {
                    let message = format!("the agent `{}` isn't ready after {PREPARE_MS_MAX} ms", id.agent);
                    self.abort(AbortReason::Overdue { message });
                }
            }
            RunState::Draining => self.give_up_windows(now),
            RunState::Teardown => self.end_calls(now),
            RunState::Finished | RunState::Aborted | RunState::Failed => {}
        }
    }

    /// There was no leader for a while: whatever is waited for gets all its time anew.
    pub(crate) fn renew_deadlines(&mut self, now: Timestamp) {
        self.step_since = now;
        // When a call has ended stays as it is: it says how long the run was.
        for call in
            [&mut self.setup, &mut self.teardown, &mut self.summarize].into_iter().filter(|call| call.on().is_some())
        {
            call.since = now;
        }
        for assignment in self.assignments.values_mut() {
            assignment.made = now;
        }
    }

    fn drain_ms(&self) -> u64 {
        DRAIN_MS_MAX.saturating_add(self.submission.wants.graceful_stop_ms)
    }

    fn slowest_to_prepare(&self) -> Option<(Timestamp, AssignmentId)> {
        let since = |one: &Assignment| match one.progress {
            Progress::Preparing => Some(one.made),
            // Its VUs are to be made ready for iterations.
            Progress::Made if self.may_init_vus() => Some(one.made.max(self.step_since)),
            _ => None,
        };
        let waited_for = self.assignments.iter().filter(|(_, one)| one.is_held() && one.taken_over_by.is_none());
        let slow = waited_for.filter_map(|(id, one)| Some((since(one)?, id)));
        let (since, slowest) = slow.min_by_key(|(since, _)| *since)?;
        Some((since.plus(PREPARE_MS_MAX), slowest.clone()))
    }

    /// What isn't there by now is counted as lost, although its agent may be alive.
    fn give_up_windows(&mut self, now: Timestamp) {
        let open = self.assignments.iter().filter(|(_, one)| !one.is_settled());
        let open: Vec<_> = open.map(|(id, _)| id.clone()).collect();
        for id in open {
            self.lose_part(&id, now, "it didn't give its last windows in time");
        }
        self.step_since = now;
    }

    fn end_calls(&mut self, now: Timestamp) {
        if let Some(id) = self.teardown.on().cloned() {
            self.teardown.end(&id, Some(no_answer("teardown")), now);
        } else if let Some(id) = self.summarize.on().cloned() {
            self.summarize.end(&id, Some(no_answer("the script's own summary")), now);
        } else {
            self.give_up_windows(now);
        }
        self.step_since = now;
    }
}

fn no_answer(what: &str) -> Failure {
    Failure::new(FailureKind::TimedOut, format!("the agent at {what} gave no answer in time"))
}
