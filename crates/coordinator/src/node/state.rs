//! How a node does.

use openraft::ServerState;

use super::Shared;
use crate::raft::Metrics;

/// A node that hasn't answered the leader for so long doesn't count as heard.
const SILENCE_MS: u64 = 2_000;

/// Who leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The leader, as far as the node knows.
    pub leader: Option<u64>,
    /// The term.
    pub term: u64,
    /// Whether it is the node itself, and has applied all that was committed before its term.
    pub leads: bool,
}

/// How a node does, and what it knows of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Its id.
    pub id: u64,
    /// The group, as 32 hexadecimal digits; empty if it is in none yet.
    pub cluster_id: String,
    /// The leader, as far as it knows.
    pub leader: Option<u64>,
    /// The term.
    pub term: u64,
    /// The last entry of its log.
    pub last_log_index: Option<u64>,
    /// The last entry that it has applied.
    pub applied_index: Option<u64>,
    /// The nodes of its group, by id; none if it is in none yet.
    pub members: Vec<Member>,
    /// Whether the group is between two sets of members.
    pub is_changing: bool,
}

/// A node of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// HOST:PORT.
    pub address: String,
    /// Whether it votes; one that is being added doesn't yet.
    pub votes: bool,
    /// The last entry that it is known to have; of others only a leader knows.
    pub last_log_index: Option<u64>,
    /// How long it has not answered the leader, in milliseconds; of others only a leader knows.
    pub silent_ms: Option<u64>,
    /// The version of throng that it runs; empty if it has not been heard.
    pub version: String,
}

impl NodeState {
    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.leader == Some(self.id)
    }

    /// Whether the leader hears most of the voters. Only a leader can tell; others believe in theirs.
    #[must_use]
    pub fn has_majority(&self) -> bool {
        let voters = self.members.iter().filter(|member| member.votes);
        let heard = voters.clone().filter(|member| member.silent_ms.is_some_and(|silent| silent < SILENCE_MS));
        !self.leads() || heard.count() > voters.count() / 2
    }

    /// The address of a node.
    #[must_use]
    pub fn address(&self, id: u64) -> Option<&str> {
        self.members.iter().find(|member| member.id == id).map(|member| member.address.as_str())
    }
}

/// Who leads. A node that led before it was started again knows its old vote, and doesn't lead by it.
pub(super) fn leader(metrics: &Metrics) -> Option<u64> {
    metrics.current_leader.filter(|leader| *leader != metrics.id || metrics.state == ServerState::Leader)
}

pub(super) fn of(metrics: &Metrics, shared: &Shared) -> NodeState {
    let membership = metrics.membership_config.membership();
    let voters: Vec<u64> = membership.voter_ids().collect();
    let leads = metrics.state == ServerState::Leader;
    let member = |(&id, node): (&u64, &openraft::BasicNode)| {
        let (version, heard) = shared.links.seen_of(id);
        let is_self = id == metrics.id;
        let matched = metrics.replication.as_ref().and_then(|all| all.get(&id).copied().flatten());
        let silent = heard.map(|heard| u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX));
        Member {
            id,
            address: node.addr.clone(),
            votes: voters.contains(&id),
            last_log_index: if is_self { metrics.last_log_index } else { matched.map(|log_id| log_id.index) },
            silent_ms: if is_self { Some(0) } else { silent.filter(|_| leads) },
            version: if is_self { shared.config.version.clone() } else { version },
        }
    };
    NodeState {
        id: metrics.id,
        cluster_id: shared.identity.cluster().map(|cluster| cluster.to_string()).unwrap_or_default(),
        leader: leader(metrics),
        term: metrics.current_term,
        last_log_index: metrics.last_log_index,
        applied_index: metrics.last_applied.map(|log_id| log_id.index),
        members: membership.nodes().map(member).collect(),
        is_changing: membership.get_joint_config().len() > 1,
    }
}
