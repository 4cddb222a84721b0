//! Agents of a run that are lost, and that come back.

use throng_plan::OnAgentLoss;

use super::selection::fits;
use super::{AbortReason, Assignment, CallState, Progress, Run, RunState};
use crate::agent::{Agent, Agents};
use crate::clock::Timestamp;
use crate::id::{AgentName, AssignmentId, Epoch, Incarnation};
use crate::limits::{AGENT_ASSIGNMENTS_MAX, ASSIGNMENTS_MAX};

impl Run {
    /// Whether an agent has a part in it.
    pub(crate) fn is_held_by(&self, agent: &AgentName) -> bool {
        self.of_agent(agent).any(|(_, assignment)| assignment.is_held())
    }

    /// The parts that an agent has or had.
    pub(crate) fn of_agent<'a>(
        &'a self,
        agent: &'a AgentName,
    ) -> impl Iterator<Item = (AssignmentId, &'a Assignment)> + 'a {
        let ids =
            (Epoch::FIRST.0..=self.epoch.0).map(|epoch| AssignmentId { epoch: Epoch(epoch), agent: agent.clone() });
        ids.filter_map(|id| self.assignments.get(&id).map(|assignment| (id, assignment)))
    }

    /// An agent is lost. `spares` are agents without work.
    pub(crate) fn lose(&mut self, agent: &AgentName, now: Timestamp, agents: &Agents, spares: &[&Agent]) {
        let held = self.of_agent(agent).filter(|(_, one)| one.is_held());
        let held: Vec<_> = held.map(|(id, _)| id).collect();
        for id in held {
            self.lose_part(&id, now, "it didn't renew its lease, or left");
            let can_be_taken_over = self.submission.wants.on_agent_loss == OnAgentLoss::Reassign
                && self.state < RunState::Draining
                && self.reason.is_none()
                && self.is_unfinished(&id);
            if can_be_taken_over && !self.hand_over(&id, now, agents, spares) {
                let message = "no other agent has room for its part".to_owned();
                self.abort(AbortReason::AgentLost { agent: agent.clone(), message });
            }
        }
        let nobody = self.state < RunState::Draining && !self.assignments.values().any(Assignment::is_held);
        if nobody {
            let message = "no other agent is left".to_owned();
            self.abort(AbortReason::AgentLost { agent: agent.clone(), message });
        }
    }

    /// A part of a run is lost: what that means but for who takes it over.
    pub(super) fn lose_part(&mut self, id: &AssignmentId, now: Timestamp, why: &str) {
        let Ok(assignment) = self.assignment(id) else { return };
        let is_complete = assignment.is_complete();
        assignment.lost_since = Some(now);
        if self.setup.on() == Some(id) {
            self.setup.cut_short(CallState::Waiting, now);
        }
        let was_at_teardown = self.teardown.on() == Some(id);
        if was_at_teardown {
            self.teardown.cut_short(CallState::Skipped, now);
        }
        if self.summarize.on() == Some(id) {
            self.summarize.cut_short(CallState::Waiting, now);
        }
        let is_missed = !is_complete || was_at_teardown;
        if is_missed && self.submission.wants.on_agent_loss == OnAgentLoss::Fail {
            self.abort(AbortReason::AgentLost { agent: id.agent.clone(), message: why.to_owned() });
        }
    }

    /// An agent is back, and is the same process as before: it goes on where it is.
    pub(crate) fn regain(&mut self, agent: &AgentName, incarnation: Incarnation) {
        let back = self.of_agent(agent).filter(|(_, one)| !one.is_held() && one.incarnation == incarnation);
        let back: Vec<_> = back.map(|(id, _)| id).collect();
        for id in back {
            if let Ok(assignment) = self.assignment(&id) {
                assignment.lost_since = None;
            }
        }
    }

    fn is_unfinished(&self, id: &AssignmentId) -> bool {
        let assignment = self.assignments.get(id);
        assignment.is_some_and(|one| one.progress != Progress::Done && one.taken_over_by.is_none())
    }

    /// Gives what is left of a part to another agent: to one without work if there is one, else to the one of the run's
    /// that has least to do.
    ///
    /// The part goes over as a whole. Its elements (ticks, VUs, iterations) are those of its segment in the run's
    /// sequence, which stays as it is, so nobody else's change; and iterations that an agent's shards take off one
    /// counter stay with one agent.
    fn hand_over(&mut self, id: &AssignmentId, now: Timestamp, agents: &Agents, spares: &[&Agent]) -> bool {
        let Some(lost) = self.assignments.get(id).cloned() else { return false };
        let heir = self.spare(lost.rule, spares).or_else(|| self.least_busy(agents));
        let (Some(heir), Some(epoch)) = (heir, self.epoch.0.checked_add(1)) else { return false };
        if self.assignments.len() >= ASSIGNMENTS_MAX {
            return false;
        }
        self.epoch = Epoch(epoch);
        let to = AssignmentId { epoch: self.epoch, agent: heir.info.name.clone() };
        let mut assignment = Assignment::new((lost.part, lost.rule), heir.info.incarnation, now);
        assignment.takes_over = Some(id.clone());
        assignment.begun_before = if lost.begun.is_empty() { lost.begun_before } else { lost.begun };
        self.assignments.insert(to.clone(), assignment);
        if let Ok(lost) = self.assignment(id) {
            lost.taken_over_by = Some(to);
        }
        true
    }

    fn spare<'a>(&self, rule: u32, spares: &[&'a Agent]) -> Option<&'a Agent> {
        let rule = self.submission.wants.agents.get(rule as usize);
        let is_in = |agent: &Agent| self.is_held_by(&agent.info.name);
        spares
            .iter()
            .copied()
            .find(|agent| agent.is_free() && !is_in(agent) && rule.is_none_or(|rule| fits(rule, agent)))
    }

    fn least_busy<'a>(&self, agents: &'a Agents) -> Option<&'a Agent> {
        let mut parts = std::collections::BTreeMap::<&AgentName, usize>::new();
        for (id, assignment) in &self.assignments {
            // A part that is done takes no more room, but it shows that the agent has what the run needs.
            if assignment.is_held() && assignment.taken_over_by.is_none() {
                *parts.entry(&id.agent).or_default() += usize::from(assignment.progress != Progress::Done);
            }
        }
        let fitting = parts.into_iter().filter(|(_, parts)| *parts < AGENT_ASSIGNMENTS_MAX);
        let fitting = fitting.filter_map(|(name, parts)| Some((parts, agents.get(name)?)));
        let free = fitting.filter(|(_, agent)| agent.is_free());
        free.min_by_key(|(parts, agent)| (*parts, &agent.info.name)).map(|(_, agent)| agent)
    }
}
