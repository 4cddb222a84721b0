//! How a group forms: the node with the lowest id begins it, once most nodes say that they were told of the same ones.

use std::collections::BTreeMap;
use std::time::Duration;

use openraft::BasicNode;
use throng_protocol::raft::{HelloRequest, HelloResponse, Peer};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use super::{Node, Peers, Stopped};
use crate::raft::{ClusterId, distrust, raft_client};

/// Between two rounds of asking who is there.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long an answer may take.
const HELLO_TIME_MAX: Duration = Duration::from_millis(500);
/// Rounds after which it is told who is missing.
const PATIENCE_ROUNDS: u32 = 50;

/// What a peer answered.
enum Heard {
    /// It was told of the same nodes, and is in no group yet.
    Agrees,
    /// It is in a group already.
    InGroup(String),
    /// It was told of other nodes, and is in no group yet either.
    Differs(String),
    /// It, or its group, doesn't want this node.
    Refuses(String),
    /// One of both doesn't believe who the other one is.
    Distrusts(String),
    Nothing,
}

/// Asks peers until this node is in a group, and begins it if it is this node's turn.
pub(super) async fn form(node: Node) {
    let mut rounds = 0;
    let mut stopped = node.stopped();
    while stopped.borrow_and_update().is_none() {
        if node.is_in_group().await {
            check_once(&node).await;
            return;
        }
        if let Err(why) = round(&node, rounds).await {
            return node.end(Stopped::Refused(why)).await;
        }
        rounds += 1;
        sleep(ASK_EVERY).await;
    }
}

/// A node that is in a group already asks once, so that one that lost its data, or has another one's id, is told at once.
async fn check_once(node: &Node) {
    for (peer, heard) in ask_all(node).await {
        match heard {
            Heard::Refuses(why) | Heard::Differs(why) => {
                node.shared().notices.tell(format!("node {peer} refuses: {why}"));
            }
            Heard::Distrusts(why) => node.shared().notices.tell(format!("there is no way to node {peer}: {why}")),
            Heard::Agrees | Heard::InGroup(_) | Heard::Nothing => {}
        }
    }
}

async fn round(node: &Node, rounds: u32) -> Result<(), String> {
    let (mut agree, mut differ, mut silent, mut is_formed) = (1, Vec::new(), Vec::new(), false);
    let mut distrusts = Vec::new();
    let own = node.id();
    let peers = &node.shared().config.peers;
    for (peer, heard) in ask_all(node).await {
        match heard {
            Heard::Agrees => agree += 1,
            Heard::InGroup(group) => {
                is_formed |= Some(group) != node.shared().identity.cluster().map(|id| id.to_string())
            }
            Heard::Differs(why) => differ.push(why),
            Heard::Refuses(why) => return Err(why),
            // Alone nobody else needs to find it.
            Heard::Distrusts(_) if peer == own && peers.count() == 1 => {}
            Heard::Distrusts(why) if peer == own => {
                node.shared().notices.tell(format!("other nodes won't believe this one: {why}"));
            }
            Heard::Distrusts(why) => distrusts.push((peer, why)),
            Heard::Nothing => silent.push(peer),
        }
    }
    if let Some(why) = differ.first() {
        // Those that agree go on; whoever most others contradict has the wrong list.
        if peers.count() - differ.len() < peers.majority() {
            return Err(why.clone());
        }
        node.shared().notices.tell(why.clone());
    }
    if let Some((peer, why)) = distrusts.first() {
        // As above: whoever is believed by too few is the wrong one.
        if peers.count() - distrusts.len() < peers.majority() {
            return Err(format!("there is no way to node {peer}: {why}"));
        }
        node.shared().notices.tell(format!("there is no way to node {peer}: {why}"));
    }
    if is_formed {
        if rounds == PATIENCE_ROUNDS {
            node.shared().notices.tell(format!(
                "the group has formed, and node {} waits for its leader: if it isn't one of its nodes, add it by `throng \
                 cluster add {}={}`",
                node.id(),
                node.id(),
                peers.address(node.id()).unwrap_or_default()
            ));
        }
        return Ok(());
    }
    if peers.lowest() == Some(node.id()) && agree >= peers.majority() {
        return begin(node).await;
    }
    if rounds == PATIENCE_ROUNDS {
        let silent = silent.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let lowest = peers.lowest().unwrap_or_default();
        node.shared().notices.tell(format!(
            "the group hasn't formed yet: it takes most of its {} nodes, node {lowest} among them; there is no answer \
             from node {silent}",
            peers.count()
        ));
    }
    Ok(())
}

/// Begins the group.
async fn begin(node: &Node) -> Result<(), String> {
    let shared = node.shared();
    let drawn = ClusterId((u128::from(node.draw()) << 64) | u128::from(node.draw()));
    // After a crash in between it begins again under the same id.
    let cluster = shared.identity.cluster().unwrap_or(drawn);
    shared.identity.join(cluster).await.map_err(|error| error.to_string())?;
    let nodes = shared.config.peers.iter().map(|(id, address)| (id, BasicNode::new(address)));
    let nodes: BTreeMap<u64, BasicNode> = nodes.collect();
    node.scoped(node.raft().initialize(nodes)).await.map_err(|error| error.to_string())?;
    shared.notices.tell(format!("the group {cluster} begins with the nodes {}", shared.config.peers));
    Ok(())
}

/// Says hello to all peers at once, and to the address that this node is to have.
async fn ask_all(node: &Node) -> BTreeMap<u64, Heard> {
    let asking = node.shared().config.peers.iter().map(|(peer, address)| {
        let (node, address) = (node.clone(), address.to_owned());
        (peer, tokio::spawn(async move { ask(&node, peer, &address).await }))
    });
    let asking: Vec<_> = asking.collect();
    let mut heard = BTreeMap::new();
    for (peer, asked) in asking {
        let answer = asked.await.unwrap_or(Heard::Nothing);
        let is_self = peer == node.id();
        // Of its own address only counts that another node is there, or that its certificate isn't for it.
        if !is_self || matches!(answer, Heard::Refuses(_) | Heard::Distrusts(_)) {
            heard.insert(peer, answer);
        }
    }
    heard
}

async fn ask(node: &Node, peer: u64, address: &str) -> Heard {
    let links = &node.shared().links;
    let Ok(channel) = links.channel(peer, address) else { return Heard::Nothing };
    match timeout(HELLO_TIME_MAX, raft_client(channel).hello(node.hello(peer))).await {
        Ok(Ok(response)) => {
            let response = response.into_inner();
            links.note_version(peer, &response.version);
            judge(node, peer, &response)
        }
        Ok(Err(status)) => {
            links.forget_channel(peer);
            match status.code() {
                Code::FailedPrecondition => Heard::Refuses(status.message().to_owned()),
                Code::Aborted => Heard::Differs(status.message().to_owned()),
                _ => distrust(&status, address).map_or(Heard::Nothing, Heard::Distrusts),
            }
        }
        Err(_) => {
            links.forget_channel(peer);
            Heard::Nothing
        }
    }
}

fn judge(node: &Node, peer: u64, response: &HelloResponse) -> Heard {
    let identity = &node.shared().identity;
    if let Err(error) = identity.same_group(peer, &response.cluster_id) {
        return Heard::Refuses(error.to_string());
    }
    if let Err(error) = identity.is_known_as(peer, response.incarnation) {
        return Heard::Differs(error.to_string());
    }
    if !response.cluster_id.is_empty() {
        return Heard::InGroup(response.cluster_id.clone());
    }
    Heard::Agrees
}

fn listed(peers: &[Peer]) -> BTreeMap<u64, String> {
    peers.iter().map(|peer| (peer.id, peer.address.clone())).collect()
}

impl Node {
    /// Whether there is a group that this node is in.
    pub(crate) async fn is_in_group(&self) -> bool {
        self.scoped(self.raft().is_initialized()).await.unwrap_or(true)
    }

    fn hello(&self, to: u64) -> HelloRequest {
        let shared = self.shared();
        let peers = shared.config.peers.iter();
        let peers = peers.map(|(id, address)| Peer { id, address: address.to_owned() }).collect();
        let allowed_targets =
            shared.config.allowed_targets.as_ref().map_or_else(Vec::new, |list| list.entries().to_vec());
        HelloRequest { parties: Some(shared.identity.parties(to)), peers, allowed_targets }
    }

    /// Answers another node's hello.
    pub(crate) fn greet(&self, request: &HelloRequest) -> Result<HelloResponse, Status> {
        let shared = self.shared();
        let parties = request.parties.as_ref().ok_or_else(|| Status::invalid_argument("who calls isn't said"))?;
        let refuse = |why: String| {
            shared.notices.tell(format!("node {} is refused: {why}", parties.from));
            Status::failed_precondition(why)
        };
        let identity = &shared.identity;
        identity.is_meant(parties).map_err(|error| refuse(error.to_string()))?;
        identity.same_group(parties.from, &parties.cluster_id).map_err(|error| refuse(error.to_string()))?;
        if parties.from != self.id() {
            let known = identity.is_known_as(parties.from, parties.from_incarnation);
            known.map_err(|error| refuse(error.to_string()))?;
        }
        let ours = shared.config.allowed_targets.as_ref().map_or(&[][..], |list| list.entries());
        if *ours != request.allowed_targets {
            let list = |entries: &[String]| if entries.is_empty() { "all".to_owned() } else { entries.join(", ") };
            shared.notices.tell(format!(
                "the lists of allowed targets differ: node {} has {}, and node {} has {}; the leader's counts, so start all \
                 nodes with the same --allowed-targets",
                self.id(),
                list(ours),
                parties.from,
                list(&request.allowed_targets)
            ));
        }
        let theirs = listed(&request.peers);
        let members = self.state().members;
        if members.is_empty() {
            let ours = &shared.config.peers;
            if *ours != Peers::new(theirs.clone()) {
                let theirs = Peers::new(theirs);
                return Err(Status::aborted(format!(
                    "the lists of peers differ: node {} has {ours}, and node {} has {theirs}: start all nodes with the \
                     same --peers",
                    self.id(),
                    parties.from
                )));
            }
        } else if parties.cluster_id.is_empty() {
            let members = members.into_iter().map(|member| (member.id, member.address)).collect();
            if let Some(error) = identity.contradicts(parties.from, &theirs, &Peers::new(members)) {
                return Err(refuse(error.to_string()));
            }
        }
        Ok(HelloResponse {
            id: self.id(),
            incarnation: identity.incarnation,
            cluster_id: identity.cluster().map(|cluster| cluster.to_string()).unwrap_or_default(),
            peers: shared.config.peers.iter().map(|(id, address)| Peer { id, address: address.to_owned() }).collect(),
            version: shared.config.version.clone(),
        })
    }

    /// Says hello to a node that is to be added.
    pub(crate) async fn visit(&self, peer: u64, address: &str) -> Result<HelloResponse, Status> {
        let channel = self.shared().links.connect(address)?;
        let answer = timeout(HELLO_TIME_MAX, raft_client(channel).hello(self.hello(peer))).await;
        let silent = || Status::unavailable(format!("node {peer} doesn't answer at {address}: is it started?"));
        match answer {
            Ok(Ok(response)) => Ok(response.into_inner()),
            // It was told of other nodes than the group's first ones, which is as it should be.
            Ok(Err(status)) if std::error::Error::source(&status).is_some() => Err(silent()),
            Ok(Err(status)) => Err(status),
            Err(_) => Err(silent()),
        }
    }
}
