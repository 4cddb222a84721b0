//! What a script does once for a whole run: setup, teardown, its own summary.

use serde::{Deserialize, Serialize};

use super::ending::Failure;
use crate::clock::Timestamp;
use crate::id::AssignmentId;
use crate::limits::CALL_GRACE_MS;

/// One of a script's functions that one agent calls for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnceCall {
    /// The script's own time limit; none if the script has no such function.
    pub limit_ms: Option<u64>,
    /// Where it stands.
    pub state: CallState,
    /// Since when.
    pub since: Timestamp,
    /// The agent that made it, or began it last.
    pub by: Option<AssignmentId>,
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
    /// An agent is at it, and is to cut it.
    Cut(AssignmentId),
}

impl OnceCall {
    pub(crate) fn new(limit_ms: Option<u64>) -> Self {
        let since = Timestamp::default();
        Self { limit_ms, state: CallState::Waiting, since, by: None, cut_short: Vec::new() }
    }

    /// Whether the script has such a function.
    pub fn exists(&self) -> bool {
        self.limit_ms.is_some()
    }

    /// The agent that is at it.
    pub fn on(&self) -> Option<&AssignmentId> {
        match &self.state {
            CallState::On(assignment) | CallState::Cut(assignment) => Some(assignment),
            _ => None,
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        !matches!(self.state, CallState::Waiting) && self.on().is_none()
    }

    /// Whether that agent was ever told to make the call.
    pub(crate) fn was_given_to(&self, assignment: &AssignmentId) -> bool {
        self.by.as_ref() == Some(assignment) || self.cut_short.contains(assignment)
    }

    /// Gives it to an agent.
    pub(crate) fn begin(&mut self, assignment: AssignmentId, now: Timestamp) {
        self.by = Some(assignment.clone());
        self.since = now;
        self.state = CallState::On(assignment);
    }

    /// Has its agent cut it. False if no agent is at it.
    pub(crate) fn cut(&mut self) -> bool {
        let on = self.on().cloned();
        on.is_some_and(|assignment| {
            self.state = CallState::Cut(assignment);
            true
        })
    }

    /// Whether its agent is to cut it.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.state, CallState::Cut(_))
    }

    /// Keeps how it ended. False if that is known, since the first time counts.
    pub(crate) fn end(&mut self, assignment: &AssignmentId, failure: Option<Failure>, now: Timestamp) -> bool {
        if matches!(self.state, CallState::Done | CallState::Failed(_)) {
            return false;
        }
        self.by = Some(assignment.clone());
        self.since = now;
        self.state = failure.map_or(CallState::Done, CallState::Failed);
        true
    }

    /// Makes no more of it, unless it has ended.
    pub(crate) fn skip(&mut self, now: Timestamp) {
        if !self.is_over() {
            self.since = now;
            self.state = CallState::Skipped;
        }
    }

    /// Its agent is lost, or gives no answer. What is to be made of it then is said by `next`.
    pub(crate) fn cut_short(&mut self, next: CallState, now: Timestamp) {
        let on = self.on().cloned();
        self.state = next;
        if let Some(assignment) = on {
            self.cut_short.push(assignment);
            self.since = now;
        }
    }

    /// When it has taken too long, whatever the agent says.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.on().map(|_| self.since.plus(self.limit_ms.unwrap_or(0).saturating_add(CALL_GRACE_MS)))
    }
}
