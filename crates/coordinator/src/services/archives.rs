//! Archives that come to a node, and go from it to others.

use std::collections::BTreeSet;
use std::time::Duration;

use throng_control::{Accepted, Action, Digest, Reply};
use throng_protocol::cluster::{ClusterClient, FetchArchiveRequest, FetchArchiveResponse, PutArchiveRequest};
use throng_protocol::raft::StoreArchiveRequest;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tonic::{Status, Streaming};

use crate::archive_store::{ArchiveError, ArchiveStore};
use crate::node::{Node, ProposeError, Repeat};
use crate::raft::raft_client;

/// How long an archive may take to another node.
const STORE_TIME_MAX: Duration = Duration::from_secs(600);
/// How long the next part of an archive may take.
const PART_TIME_MAX: Duration = Duration::from_secs(10);
/// How often fetching is tried, each time from where it was cut.
const FETCHES_MAX: usize = 5;
const FETCH_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How often a node looks for archives that it lacks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it looks for such that no manifest names. One that has come in gets its manifest in less.
const SWEEP_EVERY: Duration = Duration::from_secs(1_200);

/// The archives of a node, and the way to those of others. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Archives {
    pub(crate) node: Node,
    pub(crate) store: ArchiveStore,
}

impl From<ArchiveError> for Status {
    fn from(error: ArchiveError) -> Self {
        let text = error.to_string();
        match error {
            ArchiveError::TooLarge { .. } | ArchiveError::Full | ArchiveError::Busy => Status::resource_exhausted(text),
            ArchiveError::ComesIn(_) => Status::unavailable(text),
            ArchiveError::Other { .. } => Status::invalid_argument(text),
            ArchiveError::Unknown(_) => Status::not_found(text),
            ArchiveError::Disk(_) => Status::internal(text),
        }
    }
}

impl From<ProposeError> for Status {
    fn from(error: ProposeError) -> Self {
        let text = error.to_string();
        match error {
            ProposeError::NoLeader | ProposeError::Stopped(_) => Status::unavailable(text),
            ProposeError::Unknown => Status::deadline_exceeded(text),
            ProposeError::TooLarge(_) => Status::resource_exhausted(text),
        }
    }
}

fn digest(text: &str) -> Result<Digest, Status> {
    Digest::parse(text).ok_or_else(|| Status::invalid_argument("the digest isn't 64 hexadecimal digits"))
}

impl Archives {
    /// Takes an archive from a client, has most nodes keep it, and enters it into the log; whether it was there.
    pub(crate) async fn put(&self, mut parts: Streaming<PutArchiveRequest>) -> Result<bool, Status> {
        let first = parts.message().await?.ok_or_else(|| Status::invalid_argument("the archive has no parts"))?;
        let (digest, bytes) = (digest(&first.digest)?, first.bytes);
        let known = self.node.read(|state| state.manifest(&digest).is_some());
        if self.store.length(digest).await? != Some(bytes) {
            let mut incoming = self.store.begin(digest, bytes, false).await?;
            incoming.write(first.data).await?;
            loop {
                let next = timeout(PART_TIME_MAX, parts.message()).await;
                let next = next.map_err(|_| Status::deadline_exceeded("no part of the archive came for long"))?;
                let Some(part) = next? else { break };
                incoming.write(part.data).await?;
            }
            incoming.finish().await?;
        }
        self.spread(digest, bytes).await?;
        match self.node.propose(Action::AddManifest { digest, bytes }, Repeat::Idempotent).await? {
            Reply::Accepted(accepted) => Ok(known || accepted == Accepted::Already),
            Reply::Refused(refusal) => Err(Status::failed_precondition(refusal.to_string())),
        }
    }

    /// Has other nodes fetch an archive from this one, until most have it.
    async fn spread(&self, digest: Digest, bytes: u64) -> Result<(), Status> {
        let state = self.node.state();
        let voters = state.members.iter().filter(|member| member.votes);
        let needed = voters.clone().count() / 2 + 1;
        let address = state.address(state.id).unwrap_or_default().to_owned();
        let mut storing = JoinSet::new();
        let mut have = usize::from(voters.clone().any(|member| member.id == state.id));
        for member in voters.filter(|member| member.id != state.id) {
            let (node, id, to, from) = (self.node.clone(), member.id, member.address.clone(), address.clone());
            storing.spawn(async move { store_at(&node, id, &to, digest, bytes, from).await.map_err(|why| (id, why)) });
        }
        let mut failed = Vec::new();
        while have < needed {
            match storing.join_next().await {
                Some(Ok(Ok(()))) => have += 1,
                Some(Ok(Err((id, why)))) => failed.push(format!("node {id}: {}", why.message())),
                Some(Err(error)) => failed.push(error.to_string()),
                None => {
                    let failed = failed.join("; ");
                    return Err(Status::unavailable(format!(
                        "the archive is on {have} of {needed} nodes that have to have it ({failed}): send it again"
                    )));
                }
            }
        }
        // The rest goes on by itself.
        storing.detach_all();
        Ok(())
    }

    /// Gets an archive from another node unless it is here, from where it was cut.
    pub(crate) async fn fetch(&self, digest: Digest, bytes: u64, address: &str) -> Result<(), Status> {
        let mut last = Status::unavailable("it wasn't tried");
        for _ in 0..FETCHES_MAX {
            if self.store.length(digest).await? == Some(bytes) {
                return Ok(());
            }
            match self.fetch_once(digest, bytes, address).await {
                Ok(()) => return Ok(()),
                Err(status) if status.code() == tonic::Code::ResourceExhausted => return Err(status),
                Err(status) => last = status,
            }
            sleep(FETCH_AGAIN_AFTER).await;
        }
        Err(last)
    }

    async fn fetch_once(&self, digest: Digest, bytes: u64, address: &str) -> Result<(), Status> {
        let mut incoming = self.store.begin(digest, bytes, true).await?;
        let channel = self.node.shared().links.connect(address)?;
        let request = FetchArchiveRequest { digest: digest.to_string(), offset: incoming.offset() };
        let silent = |_| Status::deadline_exceeded(format!("no part of the archive came from {address} for long"));
        let mut client = ClusterClient::new(channel);
        let mut parts = timeout(PART_TIME_MAX, client.fetch_archive(request)).await.map_err(silent)??.into_inner();
        while let Some(part) = timeout(PART_TIME_MAX, parts.message()).await.map_err(silent)?? {
            incoming.write(part.data).await?;
        }
        Ok(incoming.finish().await?)
    }

    /// Sends an archive to whoever asked, as fast as it is taken.
    pub(crate) async fn send(
        &self,
        request: FetchArchiveRequest,
    ) -> Result<mpsc::Receiver<Result<FetchArchiveResponse, Status>>, Status> {
        let digest = digest(&request.digest)?;
        let bytes = self.store.length(digest).await?.ok_or(ArchiveError::Unknown(digest))?;
        let (sender, receiver) = mpsc::channel(1);
        let (store, mut offset) = (self.store.clone(), request.offset);
        tokio::spawn(async move {
            let mut is_first = true;
            loop {
                let read = store.read(digest, offset).await;
                let data = match read {
                    Ok(data) => data,
                    Err(error) => return drop(sender.send(Err(error.into())).await),
                };
                if data.is_empty() && !is_first {
                    return;
                }
                offset += data.len() as u64;
                let part = FetchArchiveResponse { bytes: if is_first { bytes } else { 0 }, data: data.into() };
                is_first = false;
                if sender.send(Ok(part)).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    /// Gets what this node lacks of the group's archives, and removes what no manifest names, as long as the node goes
    /// on.
    pub(crate) async fn keep_up(self) {
        let mut stopped = self.node.stopped();
        let (mut ticks, mut swept) = (interval(LOOK_EVERY), Instant::now());
        let (mut applied, mut unnamed) = (None, BTreeSet::new());
        self.tell(self.store.remove_parts().await);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.changed() => return,
            }
            let now = *self.node.applied().borrow();
            if applied.replace(now) != Some(now) {
                let manifests: Vec<(Digest, u64)> =
                    self.node.read(|state| state.manifests().map(|one| (one.digest, one.bytes)).collect());
                for (digest, bytes) in manifests {
                    if !self.get(digest, bytes).await {
                        // It is tried again.
                        applied = None;
                    }
                }
            }
            if swept.elapsed() > SWEEP_EVERY {
                swept = Instant::now();
                unnamed = self.sweep(&unnamed).await;
            }
        }
    }

    /// Removes archives that no manifest names now and none named the last time; others that none names now. In between
    /// lies what comes in and has no manifest yet.
    async fn sweep(&self, unnamed_before: &BTreeSet<Digest>) -> BTreeSet<Digest> {
        // Without a leader the state may be an old one.
        let (Ok(()), Ok(here)) = (self.node.linearize().await, self.store.list().await) else { return BTreeSet::new() };
        let unnamed = self
            .node
            .read(|state| here.into_iter().filter(|digest| state.manifest(digest).is_none()).collect::<BTreeSet<_>>());
        for digest in unnamed.intersection(unnamed_before) {
            self.tell(self.store.remove(*digest).await);
        }
        unnamed
    }

    fn tell(&self, result: Result<(), ArchiveError>) {
        if let Err(error) = result {
            self.node.shared().notices.tell(error.to_string());
        }
    }

    /// Gets an archive from any node that has it, unless it is here.
    async fn get(&self, digest: Digest, bytes: u64) -> bool {
        if !matches!(self.store.length(digest).await, Ok(None)) {
            return true;
        }
        let state = self.node.state();
        let mut last = "there is no other node".to_owned();
        for member in state.members.iter().filter(|member| member.id != state.id) {
            match self.fetch_once(digest, bytes, &member.address).await {
                Ok(()) => return true,
                Err(status) => last = format!("from node {}: {}", member.id, status.message()),
            }
        }
        self.node.shared().notices.tell(format!("this node lacks the archive {digest}; {last}"));
        false
    }
}

async fn store_at(node: &Node, id: u64, to: &str, digest: Digest, bytes: u64, address: String) -> Result<(), Status> {
    let links = &node.shared().links;
    let parties = Some(links.identity.parties(id));
    let request = StoreArchiveRequest { parties, digest: digest.to_string(), bytes, address };
    let storing = timeout(STORE_TIME_MAX, raft_client(links.connect(to)?).store_archive(request)).await;
    let response = storing.map_err(|_| Status::deadline_exceeded("it takes too long"))??.into_inner();
    let is_same = links.identity.is_the_same(id, response.incarnation).await;
    is_same.map_err(|error| Status::failed_precondition(error.to_string()))
}
