//! What the leader is to do now.

use crate::clock::Timestamp;
use crate::id::{AssignmentId, RunId};
use crate::state::State;

/// What the leader is to do now. It stays so until a command says that it is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Propose [`crate::Action::ExpireLeases`]: an agent or a run is past its time.
    ExpireLeases,
    /// Choose an instant a little ahead, and propose [`crate::Action::StartRun`].
    StartRun(RunId),
    /// Choose a point of the run a little ahead, and propose [`crate::Action::StartAssignment`].
    StartAssignment(RunId, AssignmentId),
    /// Propose [`crate::Action::Checkpoint`] when there are windows or a verdict, about once a second, and at once when an
    /// agent's last window is there.
    Checkpoint(RunId),
    /// Write the result, and propose [`crate::Action::ConcludeRun`].
    ConcludeRun(RunId),
}

impl State {
    /// What the leader is to do when its clock shows `now`.
    pub fn duties(&self, now: Timestamp) -> Vec<Duty> {
        let now = self.clock().at(now);
        let overdue = self.agents.overdue(now);
        if overdue.is_empty() { Vec::new() } else { vec![Duty::ExpireLeases] }
    }
}
