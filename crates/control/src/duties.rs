//! What the leader is to do now.

use crate::clock::Timestamp;
use crate::id::{AssignmentId, RunId};
use crate::run::RunState;
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
        let mut duties = Vec::new();
        if self.agents().any(|agent| agent.is_overdue(now)) || self.runs().any(|run| run.is_overdue(now)) {
            duties.push(Duty::ExpireLeases);
        }
        for run in self.runs() {
            let id = run.id();
            if run.can_start() {
                duties.push(Duty::StartRun(id.clone()));
            }
            if run.state() == RunState::Running {
                let ready = run.assignments().iter().filter(|(_, one)| one.waits_for_start());
                duties.extend(ready.map(|(assignment, _)| Duty::StartAssignment(id.clone(), assignment.clone())));
            }
            if (RunState::Setup..=RunState::Teardown).contains(&run.state()) {
                duties.push(Duty::Checkpoint(id.clone()));
            }
            if run.can_conclude() {
                duties.push(Duty::ConcludeRun(id.clone()));
            }
        }
        duties
    }
}
