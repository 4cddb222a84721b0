//! Nodes that come and go. All of it is done by the leader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::errors::{ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers};
use throng_protocol::raft::CallRequest;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::Code;

use super::{Node, Stopped};
use crate::raft::{Types, encode, raft_client};

/// How long a new node may take to catch up.
const CATCH_UP_TIME_MAX: Duration = Duration::from_secs(120);
/// Entries that a new node may be behind when it gets its vote.
const LAG_MAX: u64 = 64;
/// How long a change of the members may take.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a removed node may take to hear of it.
const RETIRE_TIME_MAX: Duration = Duration::from_millis(500);
/// How long a leader that was removed waits until it sees another one.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(2);

/// Why the group doesn't change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// There is no leader, or another one.
    #[error(
        "the group has no leader at the moment: most of its nodes have to be up; `throng cluster status` tells which are"
    )]
    NoLeader,
    /// There is nobody who could lead.
    #[error("there is no other node that could lead")]
    NobodyElse,
    /// Nobody did in time.
    #[error("no other node has taken over in time: `throng cluster status` tells how they do")]
    NobodyTakesOver,
    /// The node is there already, elsewhere.
    #[error("the group has a node {id} already, at {address}: give the new one another id")]
    IdTaken {
        /// The id.
        id: u64,
        /// Where it is.
        address: String,
    },
    /// The address is another node's.
    #[error("{address} is the address of node {id} of this group already")]
    AddressTaken {
        /// The address.
        address: String,
        /// Whose it is.
        id: u64,
    },
    /// The node isn't there.
    #[error("the group has no node {0}: `throng cluster status` lists them")]
    Unknown(u64),
    /// The new node doesn't answer, or doesn't want to.
    #[error("{0}")]
    Newcomer(String),
    /// It takes too long.
    #[error("node {0} hasn't caught up in time: it stays without a vote; add it again to go on, or remove it")]
    Slow(u64),
    /// The last node can't go.
    #[error("node {0} is the last one that votes: a group needs one; end its process instead")]
    LastOne(u64),
    /// Another change is under way.
    #[error("the group is changing already: try again in a moment")]
    Busy,
    /// Nobody knows whether it has changed.
    #[error(
        "nobody knows whether the group has changed, since the leader was lost or is slow: look by `throng cluster status`"
    )]
    UnknownOutcome,
    /// This node takes part no more.
    #[error("this node has stopped: {0}")]
    Stopped(String),
}

impl Node {
    /// Takes a node into the group, which has been started and is in none. It votes when this returns.
    ///
    /// # Errors
    /// When this node doesn't lead, the new one doesn't answer or doesn't catch up, or another one has its id or address.
    pub async fn add(&self, id: u64, address: &str) -> Result<(), GroupError> {
        let state = self.state();
        if !state.leads() {
            return Err(GroupError::NoLeader);
        }
        if let Some(member) = state.members.iter().find(|member| member.id == id) {
            match (member.address == address, member.votes) {
                (false, _) => return Err(GroupError::IdTaken { id, address: member.address.clone() }),
                (true, true) => return Ok(()),
                // It was added before, and its vote is missing.
                (true, false) => {}
            }
        }
        if let Some(member) = state.members.iter().find(|member| member.address == address && member.id != id) {
            return Err(GroupError::AddressTaken { address: address.to_owned(), id: member.id });
        }
        self.meet(id, address).await?;
        let deadline = Instant::now() + CATCH_UP_TIME_MAX;
        let nodes = BTreeMap::from([(id, BasicNode::new(address))]);
        self.change(ChangeMembers::AddNodes(nodes), true).await?;
        while self.lag_of(id).is_none_or(|lag| lag > LAG_MAX) {
            if Instant::now() > deadline {
                return Err(GroupError::Slow(id));
            }
            if !self.state().leads() {
                return Err(GroupError::UnknownOutcome);
            }
            sleep(LOOK_EVERY).await;
        }
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([id])), true).await
    }

    /// Takes a node out of the group, and tells it.
    ///
    /// # Errors
    /// When this node doesn't lead, or there is no such node, or it is the last one.
    pub async fn remove(&self, id: u64) -> Result<(), GroupError> {
        let state = self.state();
        if !state.leads() {
            return Err(GroupError::NoLeader);
        }
        let member = state.members.iter().find(|member| member.id == id).ok_or(GroupError::Unknown(id))?;
        if member.votes && state.members.iter().filter(|member| member.votes).count() == 1 {
            return Err(GroupError::LastOne(id));
        }
        let ids = BTreeSet::from([id]);
        let change = if member.votes { ChangeMembers::RemoveVoters(ids) } else { ChangeMembers::RemoveNodes(ids) };
        self.change(change, false).await?;
        if id == self.id() {
            tokio::spawn(self.clone().leave());
        } else {
            self.retire(id, &member.address).await;
        }
        Ok(())
    }

    /// Ends once another node leads.
    async fn leave(self) {
        let mut leadership = self.leadership();
        let changed = leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != self.id()));
        let _ = timeout(LEAVE_TIME_MAX, changed).await;
        self.end(Stopped::Removed(self.id())).await;
    }

    /// Entries that a node is behind, as far as the leader knows.
    fn lag_of(&self, id: u64) -> Option<u64> {
        let state = self.state();
        let member = state.members.iter().find(|member| member.id == id)?;
        Some(state.last_log_index?.saturating_sub(member.last_log_index?))
    }

    /// Looks whether the new node is there, is the one that is meant, and is in no other group.
    async fn meet(&self, id: u64, address: &str) -> Result<(), GroupError> {
        match self.visit(id, address).await {
            Ok(response) => {
                let identity = &self.shared().identity;
                let refused = |error: crate::raft::Refused| GroupError::Newcomer(error.to_string());
                identity.same_group(id, &response.cluster_id).map_err(refused)?;
                identity.is_known_as(id, response.incarnation).map_err(refused)?;
                self.shared().links.note_version(id, &response.version);
                Ok(())
            }
            // It was told of more nodes than the group's first ones: of itself at least.
            Err(status) if status.code() == Code::Aborted => Ok(()),
            Err(status) => Err(GroupError::Newcomer(status.message().to_owned())),
        }
    }

    async fn change(&self, change: ChangeMembers<u64, BasicNode>, retain: bool) -> Result<(), GroupError> {
        // Renews the lease. If it can't be, openraft says so.
        let _ = self.read_index().await;
        let changing = self.scoped(self.raft().change_membership(change, retain));
        match timeout_at(Instant::now() + CHANGE_TIME_MAX, changing).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(change_error(&error)),
            Err(_) => Err(GroupError::UnknownOutcome),
        }
    }

    /// Tells a node that it is out, so that it doesn't go on asking for votes. If it can't be told no harm is done.
    async fn retire(&self, id: u64, address: &str) {
        let shared = self.shared();
        let Ok(channel) = shared.links.connect(address) else { return };
        let request = CallRequest { parties: Some(shared.identity.parties(id)), payload: encode(&()).into() };
        let _ = timeout(RETIRE_TIME_MAX, raft_client(channel).retire(request)).await;
    }
}

fn change_error(error: &RaftError<Types, ClientWriteError<Types>>) -> GroupError {
    use openraft::errors::ChangeMembershipError;

    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => GroupError::NoLeader,
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => match error {
            ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_) => GroupError::Busy,
            error => GroupError::Newcomer(error.to_string()),
        },
        RaftError::APIError(_) => GroupError::UnknownOutcome,
        RaftError::Fatal(error) => GroupError::Stopped(error.to_string()),
    }
}
