//! A run gets its agents.

use super::selection::{Chosen, choose};
use super::{Assignment, Run, RunState};
use crate::agent::Agent;
use crate::clock::Timestamp;
use crate::id::AssignmentId;

impl Run {
    /// Gives it agents of those that are free, if they suffice; else says what is missing.
    pub(crate) fn place(&mut self, free: &[&Agent], now: Timestamp) -> Result<(), String> {
        if self.state != RunState::Submitted {
            return Ok(());
        }
        let chosen = choose(&self.submission.wants.agents, free)?;
        self.weights = chosen.iter().map(|one| one.weight).collect();
        for (part, Chosen { agent, rule, .. }) in (0_u32..).zip(chosen) {
            let id = AssignmentId { epoch: self.epoch, agent: agent.info.name.clone() };
            self.assignments.insert(id, Assignment::new((part, rule), agent.info.incarnation, now));
        }
        self.state = RunState::Preparing;
        self.since = now;
        self.step_since = now;
        Ok(())
    }

    /// What it lacks, told when it has waited for too long.
    pub(crate) fn missing(&self, free: &[&Agent]) -> String {
        let missing = choose(&self.submission.wants.agents, free).err();
        missing.unwrap_or_else(|| "the agents weren't free for long enough".to_owned())
    }

    /// A part's segment, and all of them, as the options have them.
    pub fn segment(&self, part: u32) -> (String, String) {
        super::table::segment(&self.weights, part)
    }

    /// Bytes of what is kept of it, roughly.
    pub(crate) fn kept_bytes(&self) -> usize {
        let result = self.result.as_ref();
        let losses = result.map_or(0, |result| result.completeness.losses.len());
        let summary = result.map_or(0, |result| result.summary.len());
        size_of::<Self>() + summary + losses * 256
    }
}
