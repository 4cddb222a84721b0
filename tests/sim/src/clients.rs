//! Clients that put archives, propose and look, at any node, and know that no answer says nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use throng_control::{Action, Digest, Reply};
use throng_coordinator::{Node, Repeat};
use throng_protocol::cluster::{ClusterClient, FetchArchiveRequest, PutArchiveRequest};
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::dice::Dice;
use crate::group::{Group, host};
use crate::network::{Host, Socket, address, channel};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Clients have machines from this one on.
const FIRST_HOST: Host = 200;
/// Bytes of an archive in one message.
const PART_BYTES: usize = 700;

/// A client.
pub(crate) struct Client {
    group: Group,
    socket: Socket,
    who: String,
    dice: Dice,
    put: u64,
}

impl Client {
    pub(crate) fn new(group: Group, number: u8) -> Self {
        let dice = Dice::new(group.setting.seed, &format!("client {number}"));
        let socket = group.setting.wires.start(FIRST_HOST + number);
        Self { group, socket, who: format!("c{number}"), dice, put: 0 }
    }

    /// Goes on until it is over.
    pub(crate) async fn run(mut self, is_over: Rc<Cell<bool>>) {
        while !is_over.get() {
            sleep(self.dice.ms(10..=250)).await;
            let ids = self.group.ids();
            let Some(&id) = self.dice.one_of(&ids) else { continue };
            match (self.dice.below(10), self.group.node(id)) {
                (0..4, _) => self.put(id).await,
                (4..7, Some(node)) => self.propose(&node).await,
                (7.., Some(node)) => self.look(&node).await,
                (_, None) => {}
            }
        }
    }

    fn note(&self, what: &str) {
        self.group.setting.trace.note(&self.who, what);
    }

    /// Sends an archive to a node, whichever leads.
    async fn put(&mut self, node: u64) {
        self.put += 1;
        let length = self.dice.within(1..=3_000);
        let bytes: Vec<u8> = (0..length).map(|_| self.dice.number().to_be_bytes()[0]).collect();
        let digest = Digest(Sha256::digest(&bytes).into());
        self.group.setting.invariants.ask(|all| all.acknowledged.proposed(digest));
        let Some(channel) = channel(self.socket.clone(), &address(host(node))) else { return };
        let parts: Vec<PutArchiveRequest> = bytes
            .chunks(PART_BYTES)
            .map(|part| PutArchiveRequest { digest: digest.to_string(), bytes: length, data: part.to_vec().into() })
            .collect();
        let mut client = ClusterClient::new(channel);
        let putting = client.put_archive(tokio_stream::iter(parts));
        match timeout(PATIENCE, putting).await {
            Ok(Ok(_)) => {
                self.note(&format!("archive {} acknowledged by n{node}", self.put));
                self.group.setting.invariants.ask(|all| all.acknowledged.acknowledged(digest));
            }
            Ok(Err(status)) => self.note(&format!("archive {} at n{node}: {:?}", self.put, status.code())),
            Err(_) => self.note(&format!("archive {} at n{node}: no answer", self.put)),
        }
    }

    /// Proposes what is there already.
    async fn propose(&mut self, node: &Node) {
        let known = self.group.setting.invariants.ask(|all| all.acknowledged.so_far());
        let Some((digest, bytes)) = self
            .dice
            .one_of(&known)
            .and_then(|digest| Some((*digest, node.read(|state| Some(state.manifest(digest)?.bytes))?)))
        else {
            return;
        };
        let repeat = if self.dice.per_mille(500) { Repeat::Never } else { Repeat::Idempotent };
        let proposing = node.propose(Action::AddManifest { digest, bytes }, repeat);
        match timeout(PATIENCE, proposing).await {
            Ok(Ok(Reply::Accepted(reply))) => self.note(&format!("proposal at n{}: {reply:?}", node.id())),
            Ok(Ok(Reply::Refused(refusal))) => {
                let text = format!("{} at node {}: {refusal}", self.who, node.id());
                self.group.setting.trace.violate("proposals are taken", text);
            }
            Ok(Err(error)) => self.note(&format!("proposal at n{}: {error}", node.id())),
            Err(_) => self.note(&format!("proposal at n{}: no answer", node.id())),
        }
    }

    /// Asks a node for the present: all that was acknowledged before has to be there.
    async fn look(&mut self, node: &Node) {
        let before = self.group.setting.invariants.ask(|all| all.acknowledged.so_far());
        let Ok(Ok(())) = timeout(PATIENCE, node.linearize()).await else { return };
        self.note(&format!("looks at n{}", node.id()));
        let invariants = &self.group.setting.invariants;
        invariants.check(|all| node.read(|state| all.acknowledged.seen(node.id(), &before, state)));
    }
}

/// Whether a node has an archive.
pub(crate) async fn has_archive(socket: &Socket, node: u64, digest: Digest) -> bool {
    let Some(channel) = channel(socket.clone(), &address(host(node))) else { return false };
    let fetching = async {
        let request = FetchArchiveRequest { digest: digest.to_string(), offset: 0 };
        let mut parts = ClusterClient::new(channel).fetch_archive(request).await?.into_inner();
        let mut hasher = Sha256::new();
        while let Some(part) = parts.message().await? {
            hasher.update(&part.data);
        }
        Ok::<_, Status>(Digest(hasher.finalize().into()) == digest)
    };
    matches!(timeout(PATIENCE, fetching).await, Ok(Ok(true)))
}
