//! What a node answers to other nodes of its group.

use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use throng_control::Digest;
use throng_protocol::raft::{
    CallRequest, CallResponse, HelloRequest, HelloResponse, Parties, Raft, SnapshotPart, StoreArchiveRequest,
    StoreArchiveResponse,
};
use tonic::{Request, Response, Status, Streaming};

use super::Archives;
use crate::node::{Node, Stopped};
use crate::raft::{DecodeError, SNAPSHOT_BYTES_MAX, Snapshot, SnapshotMeta, Types, Vote, decode, encode};

/// The service of a node.
#[derive(Clone)]
pub(crate) struct RaftService {
    node: Node,
    archives: Archives,
}

fn unreadable(error: DecodeError) -> Status {
    match error {
        DecodeError::Version(_) => Status::unimplemented(format!("the message can't be read: {error}")),
        error => Status::invalid_argument(format!("the message can't be read: {error}")),
    }
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(format!("this node has stopped: {error}"))
}

impl RaftService {
    pub(crate) fn new(node: Node, archives: Archives) -> Self {
        Self { node, archives }
    }

    async fn admit(&self, parties: Option<&Parties>) -> Result<(), Status> {
        if let Some(why) = &*self.node.stopped().borrow() {
            return Err(stopped(why));
        }
        let shared = self.node.shared();
        shared.identity.admit(parties).await.map_err(|error| {
            let from = parties.map_or(0, |parties| parties.from);
            shared.notices.tell(format!("node {from} is refused: {error}"));
            Status::failed_precondition(error.to_string())
        })
    }

    /// Who calls is told apart from others, and the message read.
    async fn open<T: DeserializeOwned>(&self, request: Request<CallRequest>) -> Result<T, Status> {
        let request = request.into_inner();
        self.admit(request.parties.as_ref()).await?;
        decode(&request.payload).map_err(unreadable)
    }

    fn answer<T: Serialize>(&self, value: &T) -> Result<Response<CallResponse>, Status> {
        let incarnation = self.node.shared().identity.incarnation;
        Ok(Response::new(CallResponse { incarnation, payload: encode(value).into() }))
    }
}

#[tonic::async_trait]
impl Raft for RaftService {
    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloResponse>, Status> {
        self.node.greet(&request.into_inner()).map(Response::new)
    }

    async fn append(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let message: AppendEntriesRequest<Types> = self.open(request).await?;
        let has_entries = !message.entries.is_empty();
        let answer = self.node.scoped(self.node.raft().append_entries(message)).await.map_err(stopped)?;
        if !matches!(answer, AppendEntriesResponse::HigherVote(_)) {
            self.node.shared().pace.note_message(has_entries);
        }
        self.answer(&answer)
    }

    async fn vote(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let message: VoteRequest<Types> = self.open(request).await?;
        let answer = self.node.scoped(self.node.raft().vote(message)).await;
        self.answer(&answer.map_err(stopped)?)
    }

    async fn pre_vote(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let message: VoteRequest<Types> = self.open(request).await?;
        let answer = self.node.scoped(self.node.raft().pre_vote(message)).await;
        self.answer(&answer.map_err(stopped)?)
    }

    async fn transfer_leader(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let message: TransferLeaderRequest<Types> = self.open(request).await?;
        let answer = self.node.scoped(self.node.raft().handle_transfer_leader(message)).await;
        self.answer(&answer.map_err(stopped)?)
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<SnapshotPart>>,
    ) -> Result<Response<CallResponse>, Status> {
        let mut parts = request.into_inner();
        let first = parts.message().await?.ok_or_else(|| Status::invalid_argument("the snapshot has no parts"))?;
        self.admit(first.parties.as_ref()).await?;
        let (vote, meta): (Vote, SnapshotMeta) = decode(&first.head).map_err(unreadable)?;
        let whole = usize::try_from(first.bytes).ok().filter(|_| first.bytes <= SNAPSHOT_BYTES_MAX);
        let whole = whole.ok_or_else(|| Status::resource_exhausted("the snapshot is larger than one may be"))?;
        let mut bytes = first.data.to_vec();
        while let Some(part) = parts.message().await? {
            if bytes.len() + part.data.len() > whole {
                return Err(Status::invalid_argument("the snapshot is longer than it was said to be"));
            }
            bytes.extend_from_slice(&part.data);
        }
        if bytes.len() != whole {
            return Err(Status::invalid_argument("the snapshot was cut"));
        }
        let snapshot = Snapshot { meta, snapshot: bytes.into() };
        let answer = self.node.scoped(self.node.raft().install_full_snapshot(vote, snapshot)).await;
        self.answer(&answer.map_err(stopped)?)
    }

    async fn propose(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let request = request.into_inner();
        self.admit(request.parties.as_ref()).await?;
        let reply = self.node.propose_for(&request.payload).await?;
        self.answer(&reply)
    }

    async fn read_index(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let () = self.open(request).await?;
        let entries = self.node.read_index().await?;
        self.answer(&entries)
    }

    async fn store_archive(
        &self,
        request: Request<StoreArchiveRequest>,
    ) -> Result<Response<StoreArchiveResponse>, Status> {
        let StoreArchiveRequest { parties, digest, bytes, address } = request.into_inner();
        self.admit(parties.as_ref()).await?;
        let digest = Digest::parse(&digest).ok_or_else(|| Status::invalid_argument("the digest isn't 64 digits"))?;
        self.archives.fetch(digest, bytes, &address).await?;
        Ok(Response::new(StoreArchiveResponse { incarnation: self.node.shared().identity.incarnation }))
    }

    async fn retire(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let () = self.open(request).await?;
        let node = self.node.clone();
        // The answer goes out first.
        tokio::spawn(async move { node.end(Stopped::Removed(node.id())).await });
        self.answer(&())
    }
}
