//! What is done wrong with windows, for a simulation to find.

use throng_control::judge::AgentWindow;
use throng_control::{AssignmentId, RunId};
use throng_protocol::agent as proto;
use throng_protocol::agent::join_response::Message as Say;
use tonic::Status;

use super::session::Session;
use super::to_agent;
use crate::environment::Bug;

impl Session {
    /// Does with a window what is planted, if something is.
    pub(super) async fn spoil(
        &mut self,
        run: &RunId,
        assignment: &AssignmentId,
        mut window: AgentWindow,
    ) -> Result<AgentWindow, Status> {
        let simulation = self.leader.node().shared().environment.simulation.clone();
        if simulation.has(Bug::EarlyWord) {
            let part = to_agent::part(run, assignment);
            self.say(Say::Committed(proto::Committed { part, through: window.last })).await?;
        }
        if simulation.has(Bug::OwnNumbers)
            && let Some(through) = self.leader.through(run, assignment)
            && window.first <= through
        {
            let further = window.last - window.first;
            (window.first, window.last) = (through + 1, through + 1 + further);
        }
        Ok(window)
    }
}
