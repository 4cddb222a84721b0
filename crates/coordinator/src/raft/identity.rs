//! Who a node is, which group it is in, and whom it speaks with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use throng_protocol::raft::Parties;

use super::store::{Known, LogStore};
use crate::node::Peers;

/// A group: a number that was drawn when it formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClusterId(pub(crate) u128);

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl ClusterId {
    fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| is_hex).map(Self)
    }
}

/// Why a node doesn't speak with another one; the text names both.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// What a node knows of itself and of its group.
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) incarnation: u64,
    pub(crate) peers: Peers,
    known: Mutex<Known>,
    log: LogStore,
    /// One at a time, so that what is saved last is what is known last.
    saving: tokio::sync::Mutex<()>,
}

impl Identity {
    pub(crate) fn new(id: u64, incarnation: u64, peers: Peers, known: Known, log: LogStore) -> Self {
        Self { id, incarnation, peers, known: Mutex::new(known), log, saving: tokio::sync::Mutex::new(()) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group, once the node is in one.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.known().cluster.map(ClusterId)
    }

    /// What to say of oneself to another node.
    pub(crate) fn parties(&self, to: u64) -> Parties {
        let known = self.known();
        Parties {
            cluster_id: known.cluster.map_or_else(String::new, |cluster| ClusterId(cluster).to_string()),
            from: self.id,
            from_incarnation: self.incarnation,
            to,
            to_incarnation: known.incarnations.get(&to).copied().unwrap_or(0),
        }
    }

    /// Whether the caller means this node, and both are in the same group. A node that is in none yet joins that of a
    /// caller which it was told of.
    pub(crate) async fn admit(&self, parties: Option<&Parties>) -> Result<(), Refused> {
        let parties = parties.ok_or_else(|| Refused("the caller doesn't say who it is".to_owned()))?;
        self.is_meant(parties)?;
        let theirs = ClusterId::parse(&parties.cluster_id)
            .ok_or_else(|| Refused(format!("node {} is in no group, and calls as if it were", parties.from)))?;
        match self.cluster() {
            Some(ours) if ours != theirs => return Err(self.other_group(parties.from, theirs, ours)),
            Some(_) => {}
            None if self.peers.address(parties.from).is_none() => {
                return Err(Refused(format!(
                    "node {} of group {theirs} calls node {}, which isn't told of it by --peers",
                    parties.from, self.id
                )));
            }
            None => self.join(theirs).await?,
        }
        self.is_the_same(parties.from, parties.from_incarnation).await
    }

    /// Whether the caller means this node.
    pub(crate) fn is_meant(&self, parties: &Parties) -> Result<(), Refused> {
        let Parties { from, to, to_incarnation, .. } = *parties;
        if to != self.id {
            return Err(Refused(format!(
                "node {from} calls node {to}, and reaches node {}: one of the two has a wrong address in --peers",
                self.id
            )));
        }
        if from == self.id && parties.from_incarnation != self.incarnation {
            return Err(Refused(format!(
                "two nodes say that they are node {from}, and the other one is at {}: give each an id of its own by --id",
                self.peers.address(self.id).unwrap_or("the address that --peers has of it")
            )));
        }
        if to_incarnation != 0 && to_incarnation != self.incarnation {
            return Err(Refused(format!(
                "node {to} has another data directory than the one that node {from} knows it by: a node that lost its \
                 data comes back under a new id (`throng cluster add NEW=HOST:PORT --replaces {to}`)"
            )));
        }
        Ok(())
    }

    fn other_group(&self, from: u64, theirs: ClusterId, ours: ClusterId) -> Refused {
        Refused(format!(
            "node {from} is of group {theirs}, and node {} of group {ours}: they don't belong together; look at --peers \
             and --data-dir of both",
            self.id
        ))
    }

    /// Whether a node is in this node's group as far as one can tell; an empty id is of one that is in none.
    pub(crate) fn same_group(&self, from: u64, theirs: &str) -> Result<(), Refused> {
        match (self.cluster(), ClusterId::parse(theirs)) {
            (Some(ours), Some(theirs)) if ours != theirs => Err(self.other_group(from, theirs, ours)),
            _ => Ok(()),
        }
    }

    /// Whether the group knows a node by that incarnation, or doesn't know it yet.
    pub(crate) fn is_known_as(&self, node: u64, incarnation: u64) -> Result<(), Refused> {
        match self.known().incarnations.get(&node) {
            Some(&known) if known != incarnation => Err(Refused(format!(
                "two nodes say that they are node {node}, or it has lost its data directory: node {} knows it by another \
                 one; give each node an id of its own by --id, and one that lost its data a new id (`throng cluster add \
                 NEW=HOST:PORT --replaces {node}`)",
                self.id
            ))),
            _ => Ok(()),
        }
    }

    /// [`Identity::is_known_as`], and takes note of one that wasn't known.
    pub(crate) async fn is_the_same(&self, node: u64, incarnation: u64) -> Result<(), Refused> {
        self.is_known_as(node, incarnation)?;
        if node == self.id || self.known().incarnations.contains_key(&node) {
            return Ok(());
        }
        let learn = |known: &mut Known| {
            known.incarnations.insert(node, incarnation);
        };
        self.change(learn).await
    }

    /// Joins a group for good.
    pub(crate) async fn join(&self, cluster: ClusterId) -> Result<(), Refused> {
        let join = |known: &mut Known| {
            known.cluster.get_or_insert(cluster.0);
        };
        self.change(join).await?;
        match self.cluster() {
            Some(ours) if ours != cluster => Err(self.other_group(self.id, cluster, ours)),
            _ => Ok(()),
        }
    }

    /// Forgets nodes that aren't in the group any more.
    pub(crate) async fn keep(&self, members: &BTreeSet<u64>) -> Result<(), Refused> {
        if self.known().incarnations.keys().all(|node| members.contains(node)) {
            return Ok(());
        }
        self.change(|known| known.incarnations.retain(|node, _| members.contains(node))).await
    }

    /// Changes what is known, on disk first.
    async fn change(&self, change: impl FnOnce(&mut Known)) -> Result<(), Refused> {
        let _one = self.saving.lock().await;
        let mut known = self.known().clone();
        change(&mut known);
        if known == *self.known() {
            return Ok(());
        }
        let saved: io::Result<()> = self.log.save_known(&known).await;
        saved.map_err(|error| Refused(format!("node {} can't write to its data directory: {error}", self.id)))?;
        *self.known() = known;
        Ok(())
    }

    /// The lists of peers by which two nodes were started, if they contradict each other.
    pub(crate) fn contradicts(&self, from: u64, theirs: &BTreeMap<u64, String>, members: &Peers) -> Option<Refused> {
        let differs = members.iter().find(|(id, address)| theirs.get(id).is_some_and(|other| other != address));
        differs.map(|(id, address)| {
            Refused(format!(
                "the lists of peers differ: node {} has {id}={address}, and node {from} has {id}={}: start all nodes \
                 with the same --peers",
                self.id, theirs[&id]
            ))
        })
    }
}
