//! What a node answers to clients and agents: the group, its nodes, its archives.

use std::future::Future;
use std::time::Duration;

use throng_protocol::cluster::{
    AddRequest, AddResponse, Cluster, ClusterClient, FetchArchiveRequest, FetchArchiveResponse, HandoverRequest,
    HandoverResponse, Node as NodeStatus, PutArchiveRequest, PutArchiveResponse, RemoveRequest, RemoveResponse, Role,
    StatusRequest, StatusResponse,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use super::Archives;
use super::passing::pass_on;
use crate::node::{GroupError, Node, NodeState};

/// How long a call that is passed on may take; that of a status shorter, since this node can answer for itself.
const PASS_TIME_MAX: Duration = Duration::from_secs(150);
const STATUS_TIME_MAX: Duration = Duration::from_secs(1);

/// The service of a node.
#[derive(Clone)]
pub(crate) struct ClusterService {
    archives: Archives,
}

impl From<GroupError> for Status {
    fn from(error: GroupError) -> Self {
        let text = error.to_string();
        match error {
            GroupError::NoLeader | GroupError::Stopped(_) => Status::unavailable(text),
            GroupError::Unknown(_) => Status::not_found(text),
            GroupError::Slow(_) | GroupError::UnknownOutcome => Status::deadline_exceeded(text),
            _ => Status::failed_precondition(text),
        }
    }
}

/// A node's state as clients get it.
fn status(state: &NodeState) -> StatusResponse {
    // One that nobody hears leads nobody.
    let leader = state.leader.filter(|_| state.has_majority());
    let node = |member: &crate::node::Member| {
        let role = match member.votes {
            _ if leader == Some(member.id) => Role::Leader,
            true => Role::Follower,
            false => Role::Learner,
        };
        let is_self = member.id == state.id;
        let lag = state.last_log_index.zip(member.last_log_index).map(|(ours, theirs)| ours.saturating_sub(theirs));
        NodeStatus {
            id: member.id,
            address: member.address.clone(),
            role: role.into(),
            last_log_index: member.last_log_index,
            applied_index: state.applied_index.filter(|_| is_self),
            lag: lag.filter(|_| state.leads()),
            silent_ms: member.silent_ms.filter(|_| state.leads()),
            version: member.version.clone(),
        }
    };
    StatusResponse {
        answered_by: state.id,
        leader: leader.unwrap_or(0),
        term: state.term,
        cluster_id: state.cluster_id.clone(),
        nodes: state.members.iter().map(node).collect(),
    }
}

impl ClusterService {
    pub(crate) fn new(archives: Archives) -> Self {
        Self { archives }
    }

    fn node(&self) -> &Node {
        &self.archives.node
    }

    /// Has the leader answer, if that is another node.
    async fn pass_on<Q, A, F>(
        &self,
        request: &Request<Q>,
        time: Duration,
        call: impl FnOnce(ClusterClient<Channel>, Request<Q>) -> F,
    ) -> Result<Option<Response<A>>, Status>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        pass_on(self.node(), request, time, |channel, request| call(ClusterClient::new(channel), request)).await
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let call = |mut client: ClusterClient<_>, request| async move { client.status(request).await };
        match self.pass_on(&request, STATUS_TIME_MAX, call).await {
            Ok(Some(answer)) => Ok(answer),
            // The leader, or a node without one, says what it knows itself.
            Ok(None) | Err(_) => Ok(Response::new(status(&self.node().state()))),
        }
    }

    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let call = |mut client: ClusterClient<_>, request| async move { client.add(request).await };
        if let Some(answer) = self.pass_on(&request, PASS_TIME_MAX, call).await? {
            return Ok(answer);
        }
        let AddRequest { id, address, replaces } = request.into_inner();
        if id == 0 || !address.contains(':') {
            return Err(Status::invalid_argument("a node has an id above 0 and an address: write ID=HOST:PORT"));
        }
        if replaces != 0 && self.node().state().address(replaces).is_none() {
            return Err(GroupError::Unknown(replaces).into());
        }
        self.node().add(id, &address).await?;
        if replaces != 0 {
            self.node().remove(replaces).await?;
        }
        Ok(Response::new(AddResponse { status: Some(status(&self.node().state())) }))
    }

    async fn remove(&self, request: Request<RemoveRequest>) -> Result<Response<RemoveResponse>, Status> {
        let call = |mut client: ClusterClient<_>, request| async move { client.remove(request).await };
        if let Some(answer) = self.pass_on(&request, PASS_TIME_MAX, call).await? {
            return Ok(answer);
        }
        self.node().remove(request.into_inner().id).await?;
        Ok(Response::new(RemoveResponse { status: Some(status(&self.node().state())) }))
    }

    async fn handover(&self, request: Request<HandoverRequest>) -> Result<Response<HandoverResponse>, Status> {
        let call = |mut client: ClusterClient<_>, request| async move { client.handover(request).await };
        if let Some(answer) = self.pass_on(&request, PASS_TIME_MAX, call).await? {
            return Ok(answer);
        }
        let to = request.into_inner().to;
        let to = (to != 0).then_some(to);
        if let Some(to) = to
            && self.node().state().address(to).is_none()
        {
            return Err(GroupError::Unknown(to).into());
        }
        let leader = self.node().hand_over(to).await?;
        Ok(Response::new(HandoverResponse { leader }))
    }

    async fn put_archive(
        &self,
        request: Request<Streaming<PutArchiveRequest>>,
    ) -> Result<Response<PutArchiveResponse>, Status> {
        let known = self.archives.put(request.into_inner()).await?;
        Ok(Response::new(PutArchiveResponse { known }))
    }

    type FetchArchiveStream = ReceiverStream<Result<FetchArchiveResponse, Status>>;

    async fn fetch_archive(
        &self,
        request: Request<FetchArchiveRequest>,
    ) -> Result<Response<Self::FetchArchiveStream>, Status> {
        let parts = self.archives.send(request.into_inner()).await?;
        Ok(Response::new(ReceiverStream::new(parts)))
    }
}
