//! What a script does once for a whole run: setup, teardown, its own summary.

use serde::{Deserialize, Serialize};

use super::ending::Failure;
use crate::id::AssignmentId;

/// One of a script's functions that one agent calls for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnceCall {
    /// The script's own time limit; none if the script has no such function.
    pub limit_ms: Option<u64>,
    /// Where it stands.
    pub state: CallState,
    /// Agents that began it and were lost before they said how it ended.
    pub cut_short: Vec<AssignmentId>,
}

/// Where such a call stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallState {
    /// It isn't time yet.
    Waiting,
    /// An agent is at it.
    On(AssignmentId),
    /// It returned.
    Done,
    /// It failed.
    Failed(Failure),
    /// It isn't made: there is none, or no agent for it, or the run came to its end before.
    Skipped,
}

impl OnceCall {
    pub(crate) fn new(limit_ms: Option<u64>) -> Self {
        Self { limit_ms, state: CallState::Waiting, cut_short: Vec::new() }
    }

    /// Whether the script has such a function.
    pub fn exists(&self) -> bool {
        self.limit_ms.is_some()
    }

    /// The agent that is at it.
    pub fn on(&self) -> Option<&AssignmentId> {
        match &self.state {
            CallState::On(assignment) => Some(assignment),
            _ => None,
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        !matches!(self.state, CallState::Waiting | CallState::On(_))
    }

    /// Whether that agent was ever told to make the call.
    pub(crate) fn was_given_to(&self, assignment: &AssignmentId) -> bool {
        self.on() == Some(assignment) || self.cut_short.contains(assignment)
    }

    /// Keeps how it ended; the first time counts.
    pub(crate) fn end(&mut self, failure: Option<Failure>) {
        self.state = failure.map_or(CallState::Done, CallState::Failed);
    }
}
