//! Windows come into a run exactly once.

use super::{AbortReason, Run, RunState, Verdict};
use crate::command::Checkpoint;
use crate::limits::{NOTES_BYTES_MAX, SCENARIOS_MAX};
use crate::refusal::Refusal;
use crate::reply::Accepted;
use crate::state::Applied;
use crate::totals::MergeError;

impl Run {
    /// Takes in windows, all or none: each agent's must follow those that are there. A verdict that ends the run is
    /// taken with the windows that it comes from.
    pub(crate) fn checkpoint(&mut self, checkpoint: Checkpoint) -> Applied {
        let Checkpoint { windows, delta, elapsed_ms, verdict, failed_metric, notes, .. } = checkpoint;
        if !(RunState::Ready..=RunState::Teardown).contains(&self.state) {
            return Err(self.not_now("given windows"));
        }
        for (id, span) in &windows {
            let run = self.id().clone();
            let assignment = self.assignment(id)?;
            let (after, included) = (span.after, assignment.included);
            if after != included || span.last <= after {
                return Err(Refusal::OutOfStep { run, assignment: id.clone(), after, included });
            }
            if span.begun.len() > SCENARIOS_MAX {
                return Err(Refusal::TooMany { what: "scenarios".to_owned(), limit: SCENARIOS_MAX as u64 });
            }
        }
        if windows.is_empty() && !delta.is_empty() {
            return Err(Refusal::Invalid(
                "the checkpoint has samples, and doesn't say whose windows they are".to_owned(),
            ));
        }
        if notes.as_ref().is_some_and(|notes| notes.len() > NOTES_BYTES_MAX) {
            return Err(Refusal::TooLarge { what: "the leader's notes".to_owned(), limit: NOTES_BYTES_MAX as u64 });
        }
        if !delta.is_empty() {
            match self.totals.with(&delta, &self.submission.registry()?) {
                Ok(totals) => self.totals = totals,
                // A run that can't be counted any more ends; its result says so.
                Err(MergeError::TooLarge) => {
                    self.left_out = self.left_out.saturating_add(1);
                    self.abort(AbortReason::TotalsTooLarge);
                }
                Err(error) => return Err(Refusal::Invalid(error.to_string())),
            }
        }
        for (id, span) in windows {
            let assignment = self.assignment(&id)?;
            assignment.included = span.last;
            assignment.covered_ms = assignment.covered_ms.max(span.covered_ms);
            assignment.begun = span.begun;
            // An agent that said it was done may have been mistaken, but has no more than it gave.
            if let Some(last) = &mut assignment.last_window {
                *last = (*last).max(span.last);
            }
        }
        self.elapsed_ms = self.elapsed_ms.max(elapsed_ms);
        if let Some(notes) = notes {
            self.notes = notes;
        }
        self.judge(verdict);
        if verdict == Verdict::Abort && self.state < RunState::Draining {
            self.abort(AbortReason::Threshold { metric: failed_metric.unwrap_or_default() });
        }
        Ok(Accepted::Done)
    }
}
