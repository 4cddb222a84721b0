//! The state, and what commands make of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentInfo, Agents, Registered};
use crate::clock::{GroupClock, Timestamp};
use crate::command::{Action, Command};
use crate::id::{AgentName, Digest, Incarnation, RunId};
use crate::limits::{ENDED_BYTES_MAX, LEASE_MS, LIVE_RUNS_MAX, RUNS_MAX};
use crate::manifest::{Manifest, Manifests};
use crate::refusal::Refusal;
use crate::reply::{Accepted, Reply};
use crate::run::{Progress, Run, SharedRun, Submission};

/// All that a group of coordinators agrees on. The same commands in the same order give equal states, down to the bytes
/// that serde makes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    clock: GroupClock,
    leader: Option<u64>,
    pub(crate) agents: Agents,
    pub(crate) manifests: Manifests,
    pub(crate) runs: BTreeMap<RunId, SharedRun>,
    submissions: u64,
}

pub(crate) type Applied = Result<Accepted, Refusal>;

impl State {
    /// That of a new group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does what a command says. Every command in every state has a defined reply.
    pub fn apply(&mut self, command: Command) -> Reply {
        if matches!(command.action, Action::TakeOver { .. }) {
            self.clock.change_leader(command.now);
        }
        let now = self.clock.advance(command.now);
        self.act(command.action, now).into()
    }

    /// Lets a test compare states of different times.
    #[cfg(test)]
    pub(crate) fn set_clock(&mut self, clock: GroupClock) {
        self.clock = clock;
    }

    /// The group's time.
    pub fn clock(&self) -> &GroupClock {
        &self.clock
    }

    /// The node that took over last.
    pub fn leader(&self) -> Option<u64> {
        self.leader
    }

    /// All agents, by name.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter()
    }

    /// An agent.
    pub fn agent(&self, name: &AgentName) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// All manifests, by digest.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter()
    }

    /// A manifest.
    pub fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.get(digest)
    }

    /// All runs, by id.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().map(|run| &**run)
    }

    /// A run.
    pub fn run(&self, run: &RunId) -> Option<&Run> {
        self.runs.get(run).map(|run| &**run)
    }

    fn act(&mut self, action: Action, now: Timestamp) -> Applied {
        match action {
            Action::TakeOver { leader } => {
                self.leader = Some(leader);
                self.agents.renew_all(now);
                self.live_mut().for_each(|run| run.renew_deadlines(now));
                Ok(Accepted::Done)
            }
            Action::RegisterAgent(info) => self.register(info, now),
            Action::RenewLeases(agents) => Ok(self.renew(&agents, now)),
            Action::ExpireLeases => Ok(self.expire(now)),
            Action::DrainAgent(name) => self.drain(&name),
            Action::ForgetAgent(name) => Ok(self.forget(&name, now)),
            Action::AddManifest { digest, bytes } => {
                let runs = &self.runs;
                let in_use = |digest: &Digest| user_of(runs, digest).is_some();
                let is_new = self.manifests.add((digest, bytes), now, in_use)?;
                Ok(if is_new { Accepted::Done } else { Accepted::Already })
            }
            Action::RemoveManifest(digest) => self.remove_manifest(digest),
            Action::SubmitRun(submission) => self.submit(*submission, now),
            action => self.act_on_run(action, now),
        }
    }

    fn act_on_run(&mut self, action: Action, now: Timestamp) -> Applied {
        match action {
            Action::AgentMade { run, assignment } => {
                self.change(&run, now, |run| run.prepared(&assignment, Progress::Made))
            }
            Action::AgentReady { run, assignment } => {
                self.change(&run, now, |run| run.prepared(&assignment, Progress::Ready))
            }
            Action::AgentFailed { run, assignment, failure } => {
                self.change(&run, now, |run| run.agent_failed(&assignment, failure))
            }
            Action::SetupDone { run, assignment, result } => {
                self.change(&run, now, |run| run.setup_done(&assignment, result, now))
            }
            Action::StartRun { run, at } => self.change(&run, now, |run| run.start_at(at, now)),
            Action::StartAssignment { run, assignment, from_ms } => {
                self.change(&run, now, |run| run.start_assignment(&assignment, from_ms))
            }
            Action::Checkpoint(checkpoint) => {
                self.change(&checkpoint.run.clone(), now, |run| run.checkpoint(*checkpoint))
            }
            Action::AgentDone { run, assignment, last_window } => {
                self.change(&run, now, |run| run.agent_done(&assignment, last_window))
            }
            Action::TeardownDone { run, assignment, last_window, failure } => {
                self.change(&run, now, |run| run.teardown_done(&assignment, last_window, failure, now))
            }
            Action::Summarized { run, assignment, result } => {
                self.change(&run, now, |run| run.summarized(&assignment, result, now))
            }
            Action::MarkRunFailed { run, message } => self.change(&run, now, |run| run.mark_failed(message)),
            Action::AbortRun { run, reason } => self.change(&run, now, |run| run.abort_by(reason)),
            Action::PauseRun { run, paused } => self.change(&run, now, |run| run.pause(paused)),
            Action::ScaleScenario { run, scenario, scale } => self.change(&run, now, |run| run.scale(scenario, scale)),
            Action::ConcludeRun { run, verdict, summary } => {
                let applied = self.known(&run)?.conclude(verdict, summary, now)?;
                self.shed();
                self.settle(now);
                Ok(applied)
            }
            _ => Ok(Accepted::Already),
        }
    }

    /// Changes a run that hasn't ended, and lets it go on as far as it can.
    fn change(&mut self, id: &RunId, now: Timestamp, change: impl FnOnce(&mut Run) -> Applied) -> Applied {
        let run = self.known(id)?;
        if run.state().has_ended() {
            return Err(run.not_now("changed"));
        }
        let applied = change(run);
        run.advance(now);
        applied
    }

    fn register(&mut self, info: AgentInfo, now: Timestamp) -> Applied {
        info.check()?;
        let (name, incarnation) = (info.name.clone(), info.incarnation);
        let is_other = self.agents.get(&name).is_some_and(|known| known.info.incarnation != incarnation);
        if is_other && self.agents.is_overdue(&name, now) {
            self.lose(&name, now);
        }
        let runs = &self.runs;
        let registered = self.agents.register(info, now, |name| has_work(runs, name))?;
        self.welcome(&name, incarnation, &registered);
        self.settle(now);
        Ok(Accepted::Leased(now.plus(LEASE_MS)))
    }

    fn renew(&mut self, agents: &[(AgentName, Incarnation)], now: Timestamp) -> Accepted {
        let mut unknown = Vec::new();
        let mut changed = false;
        for (name, incarnation) in agents {
            match self.agents.renew(name, *incarnation, now) {
                Some(registered) => {
                    changed |= registered == Registered::Back;
                    self.welcome(name, *incarnation, &registered);
                }
                None => unknown.push(name.clone()),
            }
        }
        if changed {
            self.settle(now);
        }
        Accepted::Renewed { unknown }
    }

    fn welcome(&mut self, name: &AgentName, incarnation: Incarnation, registered: &Registered) {
        if *registered == Registered::Back {
            self.live_mut().for_each(|run| run.regain(name, incarnation));
        }
    }

    fn expire(&mut self, now: Timestamp) -> Accepted {
        let lost = self.agents.overdue(now);
        for name in &lost {
            self.lose(name, now);
        }
        let free = free(&self.agents, &self.runs);
        let overdue = self.runs.values().filter(|run| run.is_overdue(now));
        let overdue: Vec<_> = overdue.map(|run| (run.id().clone(), run.missing(&free))).collect();
        for (id, missing) in overdue {
            if let Ok(run) = self.known(&id) {
                run.expire(now, missing);
            }
        }
        let runs = &self.runs;
        self.agents.forget_old(now, |name| has_work(runs, name));
        self.settle(now);
        Accepted::Lost(lost)
    }

    fn drain(&mut self, name: &AgentName) -> Applied {
        if self.agents.get(name).is_none() {
            return Err(Refusal::UnknownAgent { agent: name.clone() });
        }
        Ok(if self.agents.drain(name) { Accepted::Done } else { Accepted::Already })
    }

    fn forget(&mut self, name: &AgentName, now: Timestamp) -> Accepted {
        self.lose(name, now);
        let was_known = self.agents.forget(name);
        self.settle(now);
        if was_known { Accepted::Done } else { Accepted::Already }
    }

    /// An agent is lost, to all its runs too.
    fn lose(&mut self, name: &AgentName, now: Timestamp) {
        self.agents.lose(name, now);
        let of_agent = self.runs.values().filter(|run| !run.state().has_ended() && run.is_held_by(name));
        let of_agent: Vec<_> = of_agent.map(|run| run.id().clone()).collect();
        for id in of_agent {
            let spares = free(&self.agents, &self.runs);
            if let Some(run) = self.runs.get_mut(&id).map(SharedRun::own) {
                run.lose(name, now, &self.agents, &spares);
            }
        }
    }

    fn remove_manifest(&mut self, digest: Digest) -> Applied {
        if let Some(run) = user_of(&self.runs, &digest) {
            return Err(Refusal::ArchiveInUse { digest, run: run.id().clone() });
        }
        Ok(if self.manifests.remove(&digest) { Accepted::Done } else { Accepted::Already })
    }

    fn submit(&mut self, submission: Submission, now: Timestamp) -> Applied {
        if let Some(known) = self.runs.get(&submission.run) {
            if known.archive() != submission.archive {
                return Err(Refusal::OtherRun { run: submission.run, digest: known.archive() });
            }
            return Ok(Accepted::Run { state: known.state(), again: true });
        }
        submission.check()?;
        if self.manifests.get(&submission.archive).is_none() {
            return Err(Refusal::UnknownArchive { digest: submission.archive });
        }
        if self.runs.values().filter(|run| !run.state().has_ended()).count() >= LIVE_RUNS_MAX {
            return Err(Refusal::TooMany { what: "runs at once".to_owned(), limit: LIVE_RUNS_MAX as u64 });
        }
        self.manifests.touch(&submission.archive, now);
        self.submissions = self.submissions.saturating_add(1);
        let id = submission.run.clone();
        self.runs.insert(id.clone(), SharedRun::new(Run::new(submission, self.submissions, now)));
        self.shed();
        self.settle(now);
        Ok(Accepted::Run { state: self.known(&id)?.state(), again: false })
    }

    fn known(&mut self, id: &RunId) -> Result<&mut Run, Refusal> {
        self.runs.get_mut(id).map(SharedRun::own).ok_or_else(|| Refusal::UnknownRun { run: id.clone() })
    }

    /// The runs that haven't ended, for changing them.
    fn live_mut(&mut self) -> impl Iterator<Item = &mut Run> {
        self.runs.values_mut().filter(|run| !run.state().has_ended()).map(SharedRun::own)
    }

    /// Lets every run go on as far as it can, the earliest submitted first.
    fn settle(&mut self, now: Timestamp) {
        let live = self.runs.values().filter(|run| !run.state().has_ended());
        let mut order: Vec<_> = live.map(|run| (run.number(), run.id().clone())).collect();
        order.sort();
        for (_, id) in order {
            let free = free(&self.agents, &self.runs);
            if let Some(run) = self.runs.get_mut(&id).map(SharedRun::own) {
                // What is missing is told when the run has waited for too long.
                let _ = run.place(&free, now);
                run.advance(now);
            }
        }
    }

    /// Forgets the ended runs that were submitted first, until the rest is within its limits.
    fn shed(&mut self) {
        let ended = self.runs.values().filter(|run| run.state().has_ended());
        let mut ended: Vec<_> = ended.map(|run| (run.number(), run.kept_bytes(), run.id().clone())).collect();
        ended.sort();
        let mut bytes: usize = ended.iter().map(|(_, bytes, _)| bytes).sum();
        let last = ended.len().saturating_sub(1);
        for (_, own, id) in ended.drain(..last) {
            if self.runs.len() <= RUNS_MAX && bytes <= ENDED_BYTES_MAX {
                break;
            }
            bytes -= own;
            self.runs.remove(&id);
        }
    }
}

/// Agents that may get work and have none.
fn free<'a>(agents: &'a Agents, runs: &BTreeMap<RunId, SharedRun>) -> Vec<&'a Agent> {
    let live = runs.values().filter(|run| !run.state().has_ended());
    let held = live.flat_map(|run| run.assignments().iter().filter(|(_, one)| one.is_held()));
    let busy: BTreeSet<_> = held.map(|(id, _)| &id.agent).collect();
    agents.iter().filter(|agent| agent.is_free() && !busy.contains(&agent.info.name)).collect()
}

/// A run that needs an archive.
fn user_of<'a>(runs: &'a BTreeMap<RunId, SharedRun>, digest: &Digest) -> Option<&'a Run> {
    let mut runs = runs.values().map(|run| &**run);
    runs.find(|run| run.archive() == *digest && !run.state().has_ended())
}

/// Whether an agent has or had a part in a run that hasn't ended.
fn has_work(runs: &BTreeMap<RunId, SharedRun>, name: &AgentName) -> bool {
    runs.values().any(|run| !run.state().has_ended() && run.of_agent(name).next().is_some())
}
