//! The agents of a group, and until when they are alive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, Incarnation};
use crate::limits::{AGENT_LABELS_MAX, AGENTS_MAX, LABEL_BYTES_MAX, LEASE_MS, LOST_AGENT_MS, WEIGHT_MAX};
use crate::refusal::Refusal;

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// Its name, which is unique in the group.
    pub name: AgentName,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// Source addresses that its load comes from.
    pub addresses: Vec<String>,
    /// How much it can do beside others; its number of cores unless its user says otherwise.
    pub capacity: u32,
    /// What runs may choose it by.
    pub tags: BTreeMap<String, String>,
    /// The version of throng that it runs.
    pub version: String,
}

/// What the group knows of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// What it says of itself.
    pub info: AgentInfo,
    /// Until when it is alive, unless it renews its lease.
    pub lease_until: Timestamp,
    /// Since when it is lost; none while it lives.
    pub lost_since: Option<Timestamp>,
    /// It is to get no more work.
    pub draining: bool,
}

impl AgentInfo {
    /// What is wrong with it whatever the state.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let too_many = |what: &str| Refusal::TooMany { what: what.to_owned(), limit: AGENT_LABELS_MAX as u64 };
        if self.addresses.len() > AGENT_LABELS_MAX {
            return Err(too_many("addresses of the agent"));
        }
        if self.tags.len() > AGENT_LABELS_MAX {
            return Err(too_many("tags of the agent"));
        }
        let tags = self.tags.iter().flat_map(|(key, value)| [key, value]);
        let mut texts = self.addresses.iter().chain(tags).chain([&self.version]);
        if texts.any(|text| text.len() > LABEL_BYTES_MAX) {
            return Err(Refusal::TooLarge {
                what: "an agent's address, tag or version".to_owned(),
                limit: LABEL_BYTES_MAX as u64,
            });
        }
        if !(1..=WEIGHT_MAX).contains(&self.capacity) {
            return Err(Refusal::Invalid(format!(
                "the agent's capacity is {}; it must be 1 to {WEIGHT_MAX}",
                self.capacity
            )));
        }
        Ok(())
    }
}

impl Agent {
    /// Whether it is taken to be alive. Only commands change that, and no time that passes.
    pub fn is_alive(&self) -> bool {
        self.lost_since.is_none()
    }

    /// Whether its lease is over, which a command is to say.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_alive() && self.lease_until <= now
    }

    /// Whether it may get work.
    pub fn is_free(&self) -> bool {
        self.is_alive() && !self.draining
    }
}

/// All agents, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agents(BTreeMap<AgentName, Agent>);

/// How a name comes to be registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// As before.
    Again,
    /// It is new, or another process than before.
    New,
    /// It was lost, and is back with all that it had.
    Back,
}

impl Agents {
    pub(crate) fn get(&self, name: &AgentName) -> Option<&Agent> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.0.values()
    }

    /// Takes an agent in. Another process of the same name must be lost by then: see [`Agents::is_overdue`].
    pub(crate) fn register(
        &mut self,
        info: AgentInfo,
        now: Timestamp,
        in_use: impl Fn(&AgentName) -> bool,
    ) -> Result<Registered, Refusal> {
        let known = self.get(&info.name).map(|known| (known.info.incarnation, known.is_alive(), known.draining));
        let (registered, draining) = match known {
            Some((incarnation, true, draining)) if incarnation == info.incarnation => (Registered::Again, draining),
            Some((incarnation, false, draining)) if incarnation == info.incarnation => (Registered::Back, draining),
            Some((_, true, _)) => return Err(Refusal::DuplicateAgent { agent: info.name }),
            Some(_) => (Registered::New, false),
            None => {
                self.make_room(in_use)?;
                (Registered::New, false)
            }
        };
        let agent = Agent { lease_until: now.plus(LEASE_MS), lost_since: None, draining, info };
        self.0.insert(agent.info.name.clone(), agent);
        Ok(registered)
    }

    /// Prolongs a lease; none if that life of the agent isn't known.
    pub(crate) fn renew(&mut self, name: &AgentName, incarnation: Incarnation, now: Timestamp) -> Option<Registered> {
        let agent = self.0.get_mut(name).filter(|agent| agent.info.incarnation == incarnation)?;
        agent.lease_until = now.plus(LEASE_MS);
        let was_lost = agent.lost_since.take().is_some();
        Some(if was_lost { Registered::Back } else { Registered::Again })
    }

    /// Gives everyone alive a whole lease: they could renew it with nobody while there was no leader.
    pub(crate) fn renew_all(&mut self, now: Timestamp) {
        for agent in self.0.values_mut().filter(|agent| agent.is_alive()) {
            agent.lease_until = agent.lease_until.max(now.plus(LEASE_MS));
        }
    }

    pub(crate) fn is_overdue(&self, name: &AgentName, now: Timestamp) -> bool {
        self.get(name).is_some_and(|agent| agent.is_overdue(now))
    }

    /// Those whose lease is over.
    pub(crate) fn overdue(&self, now: Timestamp) -> Vec<AgentName> {
        let overdue = self.iter().filter(|agent| agent.is_overdue(now));
        overdue.map(|agent| agent.info.name.clone()).collect()
    }

    pub(crate) fn lose(&mut self, name: &AgentName, now: Timestamp) {
        if let Some(agent) = self.0.get_mut(name).filter(|agent| agent.is_alive()) {
            agent.lost_since = Some(now);
        }
    }

    pub(crate) fn drain(&mut self, name: &AgentName) -> bool {
        self.0.get_mut(name).is_some_and(|agent| !std::mem::replace(&mut agent.draining, true))
    }

    pub(crate) fn forget(&mut self, name: &AgentName) -> bool {
        self.0.remove(name).is_some()
    }

    /// Forgets those that were lost long ago.
    pub(crate) fn forget_old(&mut self, now: Timestamp, in_use: impl Fn(&AgentName) -> bool) {
        self.0.retain(|name, agent| {
            agent.lost_since.is_none_or(|since| now.since(since) < LOST_AGENT_MS) || in_use(name)
        });
    }

    /// At the limit the one that is lost for the longest time goes.
    fn make_room(&mut self, in_use: impl Fn(&AgentName) -> bool) -> Result<(), Refusal> {
        if self.0.len() < AGENTS_MAX {
            return Ok(());
        }
        let lost = self.iter().filter_map(|agent| Some((agent.lost_since?, &agent.info.name)));
        let oldest = lost.filter(|(_, name)| !in_use(name)).min().map(|(_, name)| name.clone());
        let oldest = oldest.ok_or(Refusal::TooMany { what: "agents".to_owned(), limit: AGENTS_MAX as u64 })?;
        self.0.remove(&oldest);
        Ok(())
    }
}
