//! Calls to other nodes.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use openraft::BasicNode;
use openraft::OptionalSend;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use throng_protocol::raft::{CallRequest, CallResponse, RaftClient, SnapshotPart};
use throng_trust::Distrust;
use tokio::time::{Instant, timeout};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Response, Status};
use tower_service::Service;

use super::encoding::{decode, encode};
use super::{Identity, MESSAGE_BYTES_MAX, Refused, Snapshot, Types, Vote};
use crate::environment::{Dialed, Environment, Network, Security};
use crate::node::Notices;

/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_millis(250);
/// And with TLS, which goes to and fro more often.
const TLS_CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a message with entries may take, and how much longer for each MiB of it.
const APPEND_TIME: Duration = Duration::from_secs(1);
const MIB_TIME: Duration = Duration::from_millis(200);
/// How long a snapshot may take without an answer.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_secs(120);
/// Bytes of a snapshot in one message.
const SNAPSHOT_PART_BYTES: usize = 256 << 10;
/// HTTP/2's windows: a batch of entries goes without waiting for an update of them.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Nodes whose channels and versions are remembered.
const NODES_MAX: usize = 64;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("{}", .0.message())]
    Status(Status),
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("its answer can't be read: {0}")]
    Unreadable(#[from] super::DecodeError),
}

/// What all calls of a node have in common.
pub(crate) struct Links {
    environment: Environment,
    pub(crate) identity: Arc<Identity>,
    pub(crate) notices: Notices,
    seen: Mutex<BTreeMap<u64, Seen>>,
}

/// Another node, as calls have seen it.
#[derive(Default)]
struct Seen {
    channel: Option<(String, Channel)>,
    version: String,
    heard: Option<Instant>,
}

impl Links {
    pub(crate) fn new(environment: Environment, identity: Arc<Identity>, notices: Notices) -> Self {
        Self { environment, identity, notices, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<u64, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is made when it is first used.
    pub(crate) fn connect(&self, address: &str) -> Result<Channel, Status> {
        connect(&self.environment.network, address)
    }

    /// A channel to a node, for calls that aren't openraft's: one for all of them.
    pub(crate) fn channel(&self, node: u64, address: &str) -> Result<Channel, Status> {
        let mut seen = self.seen();
        if let Some((known, channel)) = seen.get(&node).and_then(|seen| seen.channel.as_ref())
            && known == address
        {
            return Ok(channel.clone());
        }
        let channel = self.connect(address)?;
        if seen.contains_key(&node) || seen.len() < NODES_MAX {
            seen.entry(node).or_default().channel = Some((address.to_owned(), channel.clone()));
        }
        Ok(channel)
    }

    /// Has the next call to a node make a connection of its own.
    pub(crate) fn forget_channel(&self, node: u64) {
        if let Some(seen) = self.seen().get_mut(&node) {
            seen.channel = None;
        }
    }

    /// Takes note of a node's version.
    pub(crate) fn note_version(&self, node: u64, version: &str) {
        let mut seen = self.seen();
        if seen.contains_key(&node) || seen.len() < NODES_MAX {
            version.clone_into(&mut seen.entry(node).or_default().version);
        }
    }

    /// The version of a node, if it has been heard, and when it last answered.
    pub(crate) fn seen_of(&self, node: u64) -> (String, Option<Instant>) {
        self.seen().get(&node).map_or_else(Default::default, |seen| (seen.version.clone(), seen.heard))
    }

    fn heard(&self, node: u64) {
        let mut seen = self.seen();
        if seen.contains_key(&node) || seen.len() < NODES_MAX {
            seen.entry(node).or_default().heard = Some(Instant::now());
        }
    }

    /// Whether an answer is of the node that was meant; its payload.
    pub(crate) async fn accept(&self, node: u64, response: CallResponse) -> Result<Bytes, LinkError> {
        self.identity.is_the_same(node, response.incarnation).await?;
        self.heard(node);
        Ok(response.payload)
    }
}

/// A client of another node's, of which messages may be as large as they are between nodes.
pub(crate) fn raft_client(channel: Channel) -> RaftClient<Channel> {
    RaftClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A connection to HOST:PORT that is made when it is first used.
pub(crate) fn connect(network: &Arc<dyn Network>, address: &str) -> Result<Channel, Status> {
    let malformed = |_| Status::invalid_argument(format!("{address} is no address: write HOST:PORT"));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(malformed)?;
    let security = network.security();
    let time = if security.credentials().tls().is_some() { TLS_CONNECT_TIME_MAX } else { CONNECT_TIME_MAX };
    let endpoint = endpoint
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_timeout(time);
    Ok(endpoint.connect_with_connector_lazy(Dialer { network: Arc::clone(network), security }))
}

/// Why a call to an address failed, if that is since somebody isn't believed.
pub(crate) fn distrust(status: &Status, address: &str) -> Option<String> {
    if let Some(why) = Distrust::find(status) {
        return Some(why.to_string());
    }
    let by_connection = std::error::Error::source(status).is_some();
    match status.code() {
        // What HTTP/2 calls inadequate security.
        Code::PermissionDenied if by_connection => Some(Distrust::no_certificates(address).to_string()),
        Code::PermissionDenied | Code::Unauthenticated => Some(format!("{address}: {}", status.message())),
        _ => None,
    }
}

/// The network as tonic wants it.
#[derive(Clone)]
struct Dialer {
    network: Arc<dyn Network>,
    security: Security,
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Dialed>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Dialed>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let address = uri.authority().map(|authority| authority.to_string()).unwrap_or_default();
        let (dialing, security) = (self.network.dial(address.clone()), self.security.clone());
        Box::pin(async move { Ok(TokioIo::new(security.secure(dialing.await?, &address).await?)) })
    }
}

/// openraft's way to one node.
pub(crate) struct Link {
    links: Arc<Links>,
    node: u64,
    address: String,
    client: Option<RaftClient<Channel>>,
}

/// openraft's way to all nodes.
pub(crate) struct LinkFactory(pub(crate) Arc<Links>);

impl RaftNetworkFactory<Types> for LinkFactory {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Link {
        Link { links: Arc::clone(&self.0), node: target, address: node.addr.clone(), client: None }
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<CallResponse>, Status>> + Send + 'a>>;

impl Link {
    /// Calls a method with a message, and reads its answer.
    async fn call<Q, A>(
        &mut self,
        message: &Q,
        time: impl FnOnce(usize) -> Duration,
        method: impl for<'a> FnOnce(&'a mut RaftClient<Channel>, CallRequest) -> Answer<'a>,
    ) -> Result<A, LinkError>
    where
        Q: Serialize,
        A: DeserializeOwned,
    {
        let payload = Bytes::from(encode(message));
        let time = time(payload.len());
        let request = CallRequest { parties: Some(self.links.identity.parties(self.node)), payload };
        let client = self.client()?;
        let answer = timeout(time, method(client, request)).await;
        let payload = self.judge(time, answer).await?;
        Ok(decode(&payload)?)
    }

    fn client(&mut self) -> Result<&mut RaftClient<Channel>, LinkError> {
        match &mut self.client {
            Some(client) => Ok(client),
            none => {
                let channel = self.links.connect(&self.address).map_err(LinkError::Status)?;
                Ok(none.insert(raft_client(channel)))
            }
        }
    }

    /// What an answer is worth. A connection that brought none is given up: nobody knows what has become of it.
    async fn judge(
        &mut self,
        time: Duration,
        answer: Result<Result<Response<CallResponse>, Status>, tokio::time::error::Elapsed>,
    ) -> Result<Bytes, LinkError> {
        let error = match answer {
            Ok(Ok(response)) => return self.links.accept(self.node, response.into_inner()).await,
            Ok(Err(status)) => LinkError::Status(status),
            Err(_) => LinkError::Silent(time),
        };
        self.client = None;
        if let LinkError::Status(status) = &error {
            match distrust(status, &self.address) {
                Some(why) => self.links.notices.tell(format!("there is no way to node {}: {why}", self.node)),
                None if status.code() == Code::FailedPrecondition => {
                    let message = status.message();
                    self.links.notices.tell(format!("node {} at {} refuses: {message}", self.node, self.address));
                }
                None => {}
            }
        }
        Err(error)
    }
}

fn rpc_error(error: &LinkError) -> RPCError<Types> {
    match error {
        // It isn't there, or doesn't want us: it is tried less often.
        LinkError::Status(status) if matches!(status.code(), Code::Unavailable | Code::FailedPrecondition) => {
            RPCError::Unreachable(Unreachable::from_string(error))
        }
        LinkError::Refused(_) => RPCError::Unreachable(Unreachable::from_string(error)),
        _ => RPCError::Network(NetworkError::from_string(error)),
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        message: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let has_entries = !message.entries.is_empty();
        let time = |bytes: usize| {
            let more = MIB_TIME * u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
            if has_entries { option.soft_ttl().max(APPEND_TIME + more) } else { option.soft_ttl() }
        };
        let answer = self.call(&message, time, |client, request| Box::pin(client.append(request))).await;
        answer.map_err(|error| rpc_error(&error))
    }

    async fn vote(
        &mut self,
        message: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer = self.call(&message, |_| option.soft_ttl(), |client, request| Box::pin(client.vote(request))).await;
        answer.map_err(|error| rpc_error(&error))
    }

    async fn pre_vote(
        &mut self,
        message: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer =
            self.call(&message, |_| option.soft_ttl(), |client, request| Box::pin(client.pre_vote(request))).await;
        answer.map_err(|error| rpc_error(&error))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let sending = self.send_snapshot(vote, snapshot);
        let answer = tokio::select! {
            answer = sending => answer,
            closed = cancel => return Err(StreamingError::Closed(closed)),
        };
        answer.map_err(|error| match rpc_error(&error) {
            RPCError::Unreachable(error) => StreamingError::Unreachable(error),
            error => StreamingError::Network(NetworkError::from_string(error)),
        })
    }

    async fn transfer_leader(
        &mut self,
        message: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let answer = self
            .call(
                &message,
                |_| option.soft_ttl().max(APPEND_TIME),
                |client, request| Box::pin(client.transfer_leader(request)),
            )
            .await;
        answer.map_err(|error| rpc_error(&error))
    }
}

impl Link {
    async fn send_snapshot(&mut self, vote: Vote, snapshot: Snapshot) -> Result<SnapshotResponse<Types>, LinkError> {
        let Snapshot { meta, snapshot: mut left } = snapshot;
        let mut first = Some(SnapshotPart {
            parties: Some(self.links.identity.parties(self.node)),
            head: encode(&(vote, meta)).into(),
            bytes: left.len() as u64,
            data: Bytes::new(),
        });
        let parts = std::iter::from_fn(move || {
            first.take().or_else(|| {
                let data = left.split_to(left.len().min(SNAPSHOT_PART_BYTES));
                (!data.is_empty()).then(|| SnapshotPart { data, ..SnapshotPart::default() })
            })
        });
        let request = Request::new(tokio_stream::iter(parts));
        let client = self.client()?;
        let answer = timeout(SNAPSHOT_TIME_MAX, client.install_snapshot(request)).await;
        let payload = self.judge(SNAPSHOT_TIME_MAX, answer).await?;
        Ok(decode(&payload)?)
    }
}
