//! Groups of nodes in one process, over loopback and on simulated disks.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use throng_control::{Accepted, Action, Digest, Reply};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::environment::{DiskImage, Simulation, SystemClock, SystemNetwork};
use crate::{Coordinator, CoordinatorError};

const PATIENCE: Duration = Duration::from_secs(30);

/// A node that serves, and what it said.
struct Running {
    node: Node,
    ending: watch::Sender<bool>,
    task: JoinHandle<Stopped>,
    said: Arc<Mutex<String>>,
}

/// Addresses that are free now. No connection comes from their host, so that none takes their ports.
fn peers(count: u64) -> Peers {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.3.2:0").unwrap()).collect();
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string());
    Peers::new((1..).zip(addresses).collect())
}

fn config(id: u64, peers: &Peers, said: &Arc<Mutex<String>>) -> NodeConfig {
    let said = Arc::clone(said);
    NodeConfig {
        id,
        peers: peers.clone(),
        timing: Timing { snapshot_entries: 50, kept_entries: 10, ..Timing::default() },
        version: "0.0.0".to_owned(),
        allowed_targets: None,
        notify: Arc::new(move |text| *said.lock().unwrap() += &format!("{text}\n")),
    }
}

async fn start(id: u64, peers: &Peers, image: &DiskImage, seed: u64) -> Result<Running, CoordinatorError> {
    let said = Arc::new(Mutex::new(String::new()));
    let environment = Environment {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(image.start(Duration::from_micros(200))),
        clock: Arc::new(SystemClock),
        seed: seed * 1_000 + id,
        simulation: Simulation::default(),
    };
    let (ending, ended) = watch::channel(false);
    let (sender, started) = oneshot::channel();
    let (config, listen) = (config(id, peers, &said), peers.address(id).unwrap().to_owned());
    let running = async move {
        let on_start = |node| drop(sender.send(node));
        Coordinator::run(config, listen, environment, on_start, ended).await
    };
    let (failing, failed) = oneshot::channel();
    let task = tokio::spawn(async move {
        match running.await {
            Ok(why) => why,
            Err(error) => {
                drop(failing.send(error));
                Stopped::Planned
            }
        }
    });
    match started.await {
        Ok(node) => Ok(Running { node, ending, task, said }),
        Err(_) => Err(failed.await.unwrap()),
    }
}

impl Running {
    async fn stop(self) -> Stopped {
        self.ending.send_replace(true);
        timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }

    async fn ended(self) -> Stopped {
        timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

struct Group {
    peers: Peers,
    images: BTreeMap<u64, DiskImage>,
    nodes: BTreeMap<u64, Running>,
}

impl Group {
    async fn start(count: u64) -> Self {
        let peers = peers(count);
        let mut group = Self { peers, images: BTreeMap::new(), nodes: BTreeMap::new() };
        for id in 1..=count {
            group.images.insert(id, DiskImage::default());
            group.boot(id, 1).await;
        }
        group
    }

    async fn boot(&mut self, id: u64, seed: u64) {
        let running = start(id, &self.peers, &self.images[&id], seed).await.unwrap();
        self.nodes.insert(id, running);
    }

    fn node(&self, id: u64) -> &Node {
        &self.nodes[&id].node
    }

    /// Waits until all nodes see the same leader.
    async fn leader(&self) -> u64 {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen: Vec<_> = self.nodes.values().map(|running| running.node.leadership().borrow().leader).collect();
            if let Some(Some(leader)) = seen.first()
                && seen.iter().all(|other| *other == Some(*leader))
                && self.nodes.contains_key(leader)
            {
                return *leader;
            }
            let said: Vec<_> = self.nodes.values().map(|running| running.said.lock().unwrap().clone()).collect();
            assert!(Instant::now() < until, "no leader: {seen:?} {said:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until all nodes have the manifests of these numbers.
    async fn all_have(&self, numbers: std::ops::Range<u64>) {
        for running in self.nodes.values() {
            let until = Instant::now() + PATIENCE;
            loop {
                let missing = numbers
                    .clone()
                    .find(|number| running.node.read(|state| state.manifest(&digest_of(*number)).is_none()));
                let Some(missing) = missing else { break };
                assert!(Instant::now() < until, "node {} lacks {missing}", running.node.id());
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

fn digest_of(number: u64) -> Digest {
    Digest(Sha256::digest(number.to_le_bytes()).into())
}

async fn add(node: &Node, number: u64) -> Result<Reply, ProposeError> {
    let action = Action::AddManifest { digest: digest_of(number), bytes: 8 };
    node.propose(action, Repeat::Idempotent).await
}

#[tokio::test]
async fn three_nodes_form_a_group_and_any_takes_proposals() {
    let group = Group::start(3).await;
    group.leader().await;
    for number in 0..9 {
        let reply = add(group.node(1 + number % 3), number).await.unwrap();
        assert_eq!(reply, Reply::Accepted(Accepted::Done));
    }
    for id in 1..=3 {
        // What was acknowledged is there at once for whoever asks for the present.
        group.node(id).linearize().await.unwrap();
        assert_eq!(group.node(id).read(|state| state.manifests().count()), 9, "node {id}");
    }
    let state = group.node(2).state();
    assert_eq!((state.members.len(), state.cluster_id.len()), (3, 32));
    assert_eq!(state.cluster_id, group.node(3).state().cluster_id);
}

#[tokio::test]
async fn a_planned_stop_hands_over_and_all_come_back_from_disk() {
    let mut group = Group::start(3).await;
    let first = group.leader().await;
    let term = group.node(first).state().term;
    for number in 0..120 {
        add(group.node(first), number).await.unwrap();
    }
    let began = Instant::now();
    assert_eq!(group.nodes.remove(&first).unwrap().stop().await, Stopped::Planned);
    let heir = group.leader().await;
    println!("handed over and stopped in {:?}", began.elapsed());
    assert_ne!(heir, first);
    assert_eq!(group.node(heir).state().term, term + 1);
    add(group.node(heir), 120).await.unwrap();
    for id in 1..=3 {
        if let Some(running) = group.nodes.remove(&id) {
            running.stop().await;
        }
    }
    for id in 1..=3 {
        group.boot(id, 2).await;
    }
    group.leader().await;
    group.all_have(0..121).await;
}

#[tokio::test]
async fn a_node_that_was_away_gets_a_snapshot() {
    let mut group = Group::start(3).await;
    let leader = group.leader().await;
    let away = if leader == 1 { 2 } else { 1 };
    group.nodes.remove(&away).unwrap().stop().await;
    for number in 0..300 {
        add(group.node(leader), number).await.unwrap();
    }
    group.boot(away, 2).await;
    group.all_have(0..300).await;
    let purged = group.node(away).metrics().purged;
    assert!(purged.is_some_and(|purged| purged.index > 100), "{purged:?}");
}

#[tokio::test]
async fn nodes_are_added_replaced_and_removed() {
    let mut group = Group::start(3).await;
    let leader = group.leader().await;
    add(group.node(leader), 0).await.unwrap();
    let more = peers(1);
    let address = more.address(1).unwrap().to_owned();
    let mut all: BTreeMap<u64, String> = group.peers.iter().map(|(id, at)| (id, at.to_owned())).collect();
    all.insert(4, address.clone());
    group.peers = Peers::new(all);
    let error = group.node(leader).add(4, &address).await.unwrap_err();
    assert!(error.to_string().contains("is it started"), "{error}");
    group.images.insert(4, DiskImage::default());
    group.boot(4, 1).await;
    let error = group.node(leader).add(5, &address).await.unwrap_err();
    assert!(error.to_string().contains("reaches node 4"), "{error}");
    group.node(leader).add(4, &address).await.unwrap();
    group.all_have(0..1).await;
    assert!(matches!(group.node(leader).add(4, "127.0.0.1:9").await, Err(GroupError::IdTaken { id: 4, .. })));
    assert!(matches!(group.node(leader).remove(9).await, Err(GroupError::Unknown(9))));
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    group.node(leader).remove(follower).await.unwrap();
    assert_eq!(group.nodes.remove(&follower).unwrap().ended().await, Stopped::Removed(follower));
    // A leader can go as well.
    group.node(leader).remove(leader).await.unwrap();
    assert_eq!(group.nodes.remove(&leader).unwrap().ended().await, Stopped::Removed(leader));
    let last = group.leader().await;
    add(group.node(last), 1).await.unwrap();
    let members: Vec<_> = group.node(last).state().members.iter().map(|member| (member.id, member.votes)).collect();
    assert_eq!(members.len(), 2, "{members:?}");
    assert!(members.contains(&(4, true)), "{members:?}");
}

#[tokio::test]
async fn nodes_that_do_not_belong_together_are_told_so() {
    let three = peers(3);
    let mut wrong: BTreeMap<u64, String> = three.iter().map(|(id, at)| (id, at.to_owned())).collect();
    wrong.insert(3, "127.0.0.1:9".to_owned());
    let mut wrong_list = wrong.clone();
    wrong_list.insert(3, three.address(3).unwrap().to_owned());
    wrong_list.insert(2, "127.0.0.1:9".to_owned());
    let images: Vec<DiskImage> = (0..3).map(|_| DiskImage::default()).collect();
    let one = start(1, &three, &images[0], 1).await.unwrap();
    let two = start(2, &three, &images[1], 1).await.unwrap();
    let until = Instant::now() + PATIENCE;
    while !one.node.state().leads() && !two.node.state().leads() {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(10)).await;
    }
    // The third was told another address of the second one.
    let three_wrong = start(3, &Peers::new(wrong_list), &images[2], 1).await.unwrap();
    let Stopped::Refused(why) = three_wrong.ended().await else { panic!("it isn't refused") };
    assert!(why.contains("2=127.0.0.1:9") && why.contains(three.address(2).unwrap()), "{why}");
    // With the right ones it joins; once it has lost its disk it isn't the same any more.
    let three_right = start(3, &three, &DiskImage::default(), 2).await.unwrap();
    timeout(PATIENCE, three_right.node.leadership().wait_for(|now| now.leader.is_some())).await.unwrap().unwrap();
    three_right.node.linearize().await.unwrap();
    three_right.stop().await;
    let lost = start(3, &three, &DiskImage::default(), 3).await.unwrap();
    let Stopped::Refused(why) = lost.ended().await else { panic!("it isn't refused") };
    assert!(why.contains("lost its data") && why.contains("--replaces 3"), "{why}");
}

#[tokio::test]
async fn a_node_of_another_group_and_two_with_one_id_are_refused() {
    let pair = peers(2);
    let other = DiskImage::default();
    let alone = start(2, &Peers::alone(2, pair.address(2).unwrap()), &other, 1).await.unwrap();
    timeout(PATIENCE, alone.node.leadership().wait_for(|now| now.leads)).await.unwrap().unwrap();
    let group = alone.node.state().cluster_id;
    // It is in a group of its own already, and comes to another one's peers.
    let one = start(1, &pair, &DiskImage::default(), 1).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(one.node.state().cluster_id, "", "it waits: {}", one.said.lock().unwrap());
    let twin_peers = Peers::alone(2, pair.address(2).unwrap());
    let listen = peers(1).address(1).unwrap().to_owned();
    let said = Arc::new(Mutex::new(String::new()));
    let environment = Environment {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(DiskImage::default().start(Duration::ZERO)),
        clock: Arc::new(SystemClock),
        seed: 77,
        simulation: Simulation::default(),
    };
    let (_ending, ended) = watch::channel(false);
    let running = Coordinator::run(config(2, &twin_peers, &said), listen, environment, |_| {}, ended);
    let Stopped::Refused(why) = timeout(PATIENCE, running).await.unwrap().unwrap() else { panic!("it isn't refused") };
    assert!(why.contains("two nodes say that they are node 2"), "{why}");
    assert_eq!(alone.node.state().cluster_id, group);
}

#[tokio::test]
async fn a_node_whose_disk_is_full_steps_out_and_the_others_go_on() {
    let mut group = Group::start(3).await;
    let leader = group.leader().await;
    add(group.node(leader), 0).await.unwrap();
    let image = group.images[&leader].clone();
    image.limit(Some(image.bytes()));
    let running = group.nodes.remove(&leader).unwrap();
    let node = running.node.clone();
    let filling = tokio::spawn(async move {
        for number in 1_000..3_000 {
            if add(&node, number).await.is_err() {
                return;
            }
        }
    });
    let why = running.ended().await;
    assert!(matches!(&why, Stopped::Disk { why, .. } if !why.is_empty()), "{why}");
    assert!(why.to_string().contains("make room"), "{why}");
    filling.abort();
    group.leader().await;
    add(group.nodes.values().next().map(|running| &running.node).unwrap(), 1).await.unwrap();
    group.all_have(0..2).await;
}

#[tokio::test]
async fn without_a_majority_nothing_is_acknowledged() {
    let mut group = Group::start(3).await;
    let leader = group.leader().await;
    for id in (1..=3).filter(|id| *id != leader) {
        group.nodes.remove(&id).unwrap().stop().await;
    }
    let error = add(group.node(leader), 0).await.unwrap_err();
    assert!(matches!(error, ProposeError::NoLeader | ProposeError::Unknown), "{error}");
    assert!(group.node(leader).linearize().await.is_err());
}
