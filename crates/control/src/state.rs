//! The state, and what commands make of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentInfo, Agents};
use crate::clock::{GroupClock, Timestamp};
use crate::command::{Action, Command};
use crate::id::{AgentName, Digest, Incarnation, RunId};
use crate::limits::{LEASE_MS, LIVE_RUNS_MAX};
use crate::manifest::{Manifest, Manifests};
use crate::refusal::Refusal;
use crate::reply::{Accepted, Reply};
use crate::run::{Run, Submission};

/// All that a group of coordinators agrees on. The same commands in the same order give equal states, down to the bytes
/// that serde makes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    clock: GroupClock,
    leader: Option<u64>,
    pub(crate) agents: Agents,
    pub(crate) manifests: Manifests,
    pub(crate) runs: BTreeMap<RunId, Run>,
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
        self.runs.values()
    }

    /// A run.
    pub fn run(&self, run: &RunId) -> Option<&Run> {
        self.runs.get(run)
    }

    fn act(&mut self, action: Action, now: Timestamp) -> Applied {
        match action {
            Action::TakeOver { leader } => {
                self.leader = Some(leader);
                self.agents.renew_all(now);
                Ok(Accepted::Done)
            }
            Action::RegisterAgent(info) => self.register(info, now),
            Action::RenewLeases(agents) => Ok(self.renew(&agents, now)),
            Action::ExpireLeases => Ok(self.expire(now)),
            Action::DrainAgent(name) => self.drain(&name),
            Action::ForgetAgent(name) => self.forget(&name, now),
            Action::AddManifest { digest, bytes } => {
                let runs = &self.runs;
                let in_use = |digest: &Digest| user_of(runs, digest).is_some();
                let is_new = self.manifests.add((digest, bytes), now, in_use)?;
                Ok(if is_new { Accepted::Done } else { Accepted::Already })
            }
            Action::RemoveManifest(digest) => self.remove_manifest(digest),
            Action::SubmitRun(submission) => self.submit(*submission, now),
            _ => Ok(Accepted::Done),
        }
    }

    fn register(&mut self, info: AgentInfo, now: Timestamp) -> Applied {
        if self.agents.is_overdue(&info.name, now) {
            self.agents.lose(&info.name, now);
        }
        let runs = &self.runs;
        self.agents.register(info, now, |name| has_work(runs, name))?;
        Ok(Accepted::Leased(now.plus(LEASE_MS)))
    }

    fn renew(&mut self, agents: &[(AgentName, Incarnation)], now: Timestamp) -> Accepted {
        let mut unknown = Vec::new();
        for (name, incarnation) in agents {
            if self.agents.renew(name, *incarnation, now).is_none() {
                unknown.push(name.clone());
            }
        }
        Accepted::Renewed { unknown }
    }

    fn expire(&mut self, now: Timestamp) -> Accepted {
        let lost = self.agents.overdue(now);
        for name in &lost {
            self.agents.lose(name, now);
        }
        let runs = &self.runs;
        self.agents.forget_old(now, |name| has_work(runs, name));
        Accepted::Lost(lost)
    }

    fn drain(&mut self, name: &AgentName) -> Applied {
        if self.agents.get(name).is_none() {
            return Err(Refusal::UnknownAgent { agent: name.clone() });
        }
        Ok(if self.agents.drain(name) { Accepted::Done } else { Accepted::Already })
    }

    fn forget(&mut self, name: &AgentName, now: Timestamp) -> Applied {
        self.agents.lose(name, now);
        Ok(if self.agents.forget(name) { Accepted::Done } else { Accepted::Already })
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
        if !self.manifests.touch(&submission.archive, now) {
            return Err(Refusal::UnknownArchive { digest: submission.archive });
        }
        if self.runs.values().filter(|run| !run.state().has_ended()).count() >= LIVE_RUNS_MAX {
            return Err(Refusal::TooMany { what: "runs at once".to_owned(), limit: LIVE_RUNS_MAX as u64 });
        }
        self.submissions += 1;
        let run = Run::new(submission, self.submissions, now);
        let state = run.state();
        self.runs.insert(run.id().clone(), run);
        Ok(Accepted::Run { state, again: false })
    }
}

/// A run that needs an archive.
fn user_of<'a>(runs: &'a BTreeMap<RunId, Run>, digest: &Digest) -> Option<&'a Run> {
    runs.values().find(|run| run.archive() == *digest && !run.state().has_ended())
}

/// Whether an agent has a part in a run that hasn't ended.
fn has_work(runs: &BTreeMap<RunId, Run>, name: &AgentName) -> bool {
    let live = runs.values().filter(|run| !run.state().has_ended());
    live.flat_map(|run| run.assignments().keys()).any(|assignment| assignment.agent == *name)
}
