//! What is known of runs: what was submitted, what agents did, and what the state says of both. The claims are in the files
//! beside this one.

use std::collections::{BTreeMap, BTreeSet};

use throng_agent::link::PartId;
use throng_control::{Action, AssignmentId, Command, Run, RunId, State};

use super::windows::iterations;
use super::{Broken, every_run_ends, nobody_is_lost, reasons, setup_once, teardown_last, verdict, windows};

/// A run as its client wants it.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) load_ms: u64,
    /// Its threshold: fewer iterations than these.
    pub(crate) below: u64,
}

/// What agents did for a run, and what the group made of it.
#[derive(Default)]
pub(crate) struct Done {
    /// Iterations of each window that was made.
    pub(crate) measured: BTreeMap<AssignmentId, Vec<u64>>,
    /// How often parts were told to set up, and to tear down.
    pub(crate) setups: BTreeMap<AssignmentId, u64>,
    pub(crate) teardowns: BTreeMap<AssignmentId, u64>,
    /// Iterations in the merged windows of the last checkpoint.
    pub(crate) merged: u64,
    /// Parts with load or windows that are still to come, as of the last entry.
    pub(crate) unsettled: Vec<AssignmentId>,
    /// Parts whose process has ended, and those that the group has taken for lost.
    pub(crate) abandoned: BTreeSet<AssignmentId>,
    pub(crate) lost: BTreeSet<AssignmentId>,
    /// Whether an agent was lost while it tore down.
    pub(crate) teardown_was_cut: bool,
    /// Whether it has ended.
    pub(crate) has_ended: bool,
}

#[derive(Default)]
pub(crate) struct Runs {
    wanted: BTreeMap<RunId, Wanted>,
    /// Those of which somebody heard that they were taken.
    acknowledged: Vec<RunId>,
    done: BTreeMap<RunId, Done>,
    is_well: bool,
}

impl Runs {
    /// A client submits a run.
    pub(crate) fn wants(&mut self, run: RunId, wanted: Wanted) {
        self.wanted.entry(run).or_insert(wanted);
    }

    pub(crate) fn acknowledged(&mut self, run: RunId) {
        self.acknowledged.push(run);
    }

    pub(crate) fn load_ms(&self, run: &RunId) -> u64 {
        self.wanted.get(run).map_or(0, |wanted| wanted.load_ms)
    }

    fn of(&mut self, part: &PartId) -> &mut Done {
        self.done.entry(part.run.clone()).or_default()
    }

    /// An agent has made its next window of a part.
    pub(crate) fn measured(&mut self, part: &PartId, iterations: u64) {
        self.of(part).measured.entry(part.assignment.clone()).or_default().push(iterations);
    }

    /// The process that has a part has ended.
    pub(crate) fn abandoned(&mut self, part: &PartId) {
        self.of(part).abandoned.insert(part.assignment.clone());
    }

    /// Nothing has been wrong for longer than leases last.
    pub(crate) fn all_is_well(&mut self) {
        self.is_well = true;
    }

    /// An agent sets up.
    pub(crate) fn sets_up(&mut self, part: &PartId) -> Result<(), Broken> {
        let done = self.of(part);
        *done.setups.entry(part.assignment.clone()).or_default() += 1;
        setup_once::by_part(part, &done.setups)
    }

    /// An agent tears down.
    pub(crate) fn tears_down(&mut self, part: &PartId) -> Result<(), Broken> {
        let done = self.of(part);
        *done.teardowns.entry(part.assignment.clone()).or_default() += 1;
        teardown_last::begins(part, done)
    }

    /// An entry was applied for the first time, and this is the state now.
    pub(crate) fn applied(&mut self, command: &Command, state: &State) -> Result<(), Broken> {
        for run in state.runs().filter(|run| !run.state().has_ended()) {
            let done = self.done.entry(run.id().clone()).or_default();
            let unsettled = run.assignments().iter().filter(|(_, one)| one.is_held() && !one.is_complete());
            nobody_is_lost::so_far(run, done, self.is_well)?;
            done.teardown_was_cut = !run.teardown().cut_short.is_empty();
            done.unsettled = unsettled.map(|(id, _)| id.clone()).collect();
        }
        match &command.action {
            Action::Checkpoint(checkpoint) => match state.run(&checkpoint.run) {
                Some(run) if !run.state().has_ended() => self.checkpointed(run),
                _ => Ok(()),
            },
            Action::ConcludeRun { run, .. } => match state.run(run) {
                Some(run) if run.state().has_ended() => self.concluded(run),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn checkpointed(&mut self, run: &Run) -> Result<(), Broken> {
        let done = self.done.entry(run.id().clone()).or_default();
        done.merged = iterations(run)?;
        windows::included(run, done)
    }

    fn concluded(&mut self, run: &Run) -> Result<(), Broken> {
        let done = self.done.entry(run.id().clone()).or_default();
        if std::mem::replace(&mut done.has_ended, true) {
            return Ok(());
        }
        windows::complete(run, done)?;
        setup_once::at_end(run, done)?;
        teardown_last::at_end(run, done)?;
        reasons::holds(run)?;
        self.wanted.get(run.id()).map_or(Ok(()), |wanted| verdict::holds(run, wanted, done))
    }

    /// The state of a group that has come to its end.
    pub(crate) fn at_end(&self, state: &State) -> Result<(), Broken> {
        every_run_ends::all(state, &self.acknowledged)
    }

    /// How many were acknowledged, how many have ended, and how many windows were made.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let windows = self.done.values().flat_map(|done| done.measured.values()).map(Vec::len).sum();
        (self.acknowledged.len(), self.done.values().filter(|done| done.has_ended).count(), windows)
    }
}
