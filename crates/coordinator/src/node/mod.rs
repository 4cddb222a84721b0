//! One node of a group: what the rest of the program knows of the consensus.

mod formation;
mod membership;
mod notices;
mod pacing;
mod peers;
mod proposing;
mod state;
#[cfg(test)]
mod tests;
mod timing;
mod watching;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use throng_control::State;
use throng_plan::AllowedTargets;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::raft::{Identity, LinkFactory, Links, LogStore, Machine, Metrics, Raft, StoreError, scope};

pub use membership::GroupError;
pub(crate) use notices::Notices;
pub use peers::{Peers, PeersError};
pub use proposing::{ProposeError, Repeat};
pub use state::{Leadership, Member, NodeState};
pub use timing::{Timing, TimingError};

/// How many nodes a planned hand-over is tried with, and how long each may take: it takes some 20 ms.
const HANDOVERS_MAX: usize = 2;
const HANDOVER_TIME_MAX: Duration = Duration::from_millis(500);

/// What a node is started with.
#[derive(Clone)]
pub struct NodeConfig {
    /// Its id.
    pub id: u64,
    /// All nodes of the group that is to form, itself too. A node that is in a group already, or is to be added to one,
    /// needs the address of itself and of those that may call it first.
    pub peers: Peers,
    /// Heartbeats, elections, snapshots.
    pub timing: Timing,
    /// The program's version.
    pub version: String,
    /// Where agents let connections of runs go; anywhere without a list. The same for all nodes: that of the leader counts.
    pub allowed_targets: Option<AllowedTargets>,
    /// What its operator should know: that the group has formed, who is refused and why.
    pub notify: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Why a node can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its data directory can't be used; the text names the remedy.
    #[error("{0}")]
    Store(String),
    /// The list of peers.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// The times.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The consensus.
    #[error("the node can't start: {0}")]
    Raft(String),
}

/// Why a node takes part no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// It was asked to.
    #[error("the node has stopped")]
    Planned,
    /// It has been taken out of its group.
    #[error("node {0} has been removed from its group")]
    Removed(u64),
    /// It doesn't belong to the nodes that it was told of.
    #[error("{0}")]
    Refused(String),
    /// What has to be durable can't be written.
    #[error(
        "the data directory {place} can't be written to ({why}), so this node takes part no more: make room there, and \
         start it again"
    )]
    Disk {
        /// The directory.
        place: String,
        /// What the kernel says.
        why: String,
    },
    /// A fault of the consensus.
    #[error("the node has stopped by a fault: {0}")]
    Fault(String),
}

/// A node that runs. Clones are the same one.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: NodeConfig,
    pub(crate) environment: Environment,
    pub(crate) identity: Arc<Identity>,
    pub(crate) links: Arc<Links>,
    pub(crate) notices: Notices,
    pub(crate) pace: pacing::Pace,
    raft: Raft,
    log: LogStore,
    machine: Machine,
    seeds: Seeds,
    /// What the clock showed when the node started, in microseconds since the epoch.
    began: (u64, Instant),
    leadership: watch::Sender<Leadership>,
    stopped: watch::Sender<Option<Stopped>>,
}

/// Seeds for everything that a node does, from the one that it was started with.
struct Seeds(AtomicU64);

impl Seeds {
    fn next(&self) -> u64 {
        // Steps of the golden ratio never meet; openraft mixes them.
        self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self::Store(format!("{error}{source}"))
    }
}

impl Node {
    /// Opens the data directory and takes part. It calls others at once; whoever starts it serves their calls.
    ///
    /// # Errors
    /// When the data directory can't be used, or the configuration makes no sense.
    pub async fn start(config: NodeConfig, environment: Environment) -> Result<Self, StartError> {
        config.peers.has(config.id)?;
        let timing = Arc::new(config.timing.config()?);
        let seeds = Seeds(AtomicU64::new(environment.seed));
        // Never 0, which stands for one that isn't known.
        let incarnation = environment.seed.rotate_left(32) | 1;
        let opening = environment.clone();
        let id = config.id;
        let opened = move || -> Result<_, StoreError> {
            let log = LogStore::open(&opening, id, incarnation)?;
            Ok((log, Machine::open(&opening)?))
        };
        let ((log, incarnation, known), machine) = opened()?;
        let notices = Notices::new(Arc::clone(&config.notify));
        let identity = Identity::new(config.id, incarnation, config.peers.clone(), known, log.clone());
        let identity = Arc::new(identity);
        let links = Arc::new(Links::new(environment.clone(), Arc::clone(&identity), notices.clone()));
        let starting = Raft::new(config.id, timing, LinkFactory(Arc::clone(&links)), log.clone(), machine.clone());
        let raft = scope(seeds.next(), starting).await.map_err(|error| StartError::Raft(error.to_string()))?;
        let began = (environment.clock.now_us(), Instant::now());
        let shared = Shared {
            config,
            environment,
            identity,
            links,
            notices,
            pace: pacing::Pace::new(),
            raft,
            log,
            machine,
            seeds,
            began,
            leadership: watch::channel(Leadership::default()).0,
            stopped: watch::channel(None).0,
        };
        let node = Self { shared: Arc::new(shared) };
        tokio::spawn(watching::watch(node.clone()));
        tokio::spawn(pacing::pace(node.clone()));
        tokio::spawn(formation::form(node.clone()));
        Ok(node)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.shared.config.id
    }

    /// Looks at the state as this node has applied it, which may be behind the leader's. Nothing is applied meanwhile,
    /// so it has to be short.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.shared.machine.read(look)
    }

    /// How many entries this node has applied, whenever it changes.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.shared.machine.applied()
    }

    /// Who leads, whenever it changes.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.shared.leadership.subscribe()
    }

    /// Why it takes part no more, once it doesn't.
    #[must_use]
    pub fn stopped(&self) -> watch::Receiver<Option<Stopped>> {
        self.shared.stopped.subscribe()
    }

    /// How it does.
    #[must_use]
    pub fn state(&self) -> NodeState {
        state::of(&self.metrics(), &self.shared)
    }

    /// Lets another node lead first if this one does, then stops.
    pub async fn stop(&self) {
        if self.state().leads() {
            // If nobody takes over the others elect one by themselves.
            let _ = self.hand_over(None).await;
        }
        self.end(Stopped::Planned).await;
    }

    /// Has another node lead: this one, or the one that has most of the log.
    ///
    /// # Errors
    /// When this node doesn't lead, or there is no other that can.
    pub async fn hand_over(&self, to: Option<u64>) -> Result<u64, GroupError> {
        let mut leadership = self.leadership();
        let mut tried = BTreeSet::new();
        for _ in 0..HANDOVERS_MAX {
            let state = self.state();
            if !state.leads() {
                return state.leader.ok_or(GroupError::NoLeader);
            }
            let others = state.members.iter().filter(|member| member.votes && member.id != state.id);
            let heir = match to {
                Some(to) => others.clone().find(|member| member.id == to),
                None => others
                    .filter(|member| !tried.contains(&member.id))
                    .max_by_key(|member| (member.last_log_index, std::cmp::Reverse(member.id))),
            };
            let Some(heir) = heir.map(|heir| heir.id) else { break };
            tried.insert(heir);
            let transferring = async { self.shared.raft.trigger().transfer_leader(heir).await };
            self.scoped(transferring).await.map_err(|error| GroupError::Stopped(error.to_string()))?;
            let changed = leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != state.id));
            if let Ok(Ok(now)) = tokio::time::timeout(HANDOVER_TIME_MAX, changed).await {
                return now.leader.ok_or(GroupError::NoLeader);
            }
        }
        if tried.is_empty() {
            return Err(GroupError::NobodyElse);
        }
        Err(GroupError::NobodyTakesOver)
    }

    /// Ends without letting another node lead first; what was acknowledged is durable anyway.
    pub(crate) async fn end(&self, why: Stopped) {
        let is_first = self.shared.stopped.send_if_modified(|stopped| {
            let is_first = stopped.is_none();
            stopped.get_or_insert(why);
            is_first
        });
        if is_first {
            // Its tasks have ended when this returns; an error is that of a task which has ended before.
            let _ = self.scoped(self.shared.raft.shutdown()).await;
            let _ = self.shared.log.flush().await;
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.shared.raft
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.shared.raft.metrics().borrow_watched().clone()
    }

    /// Does something with openraft.
    pub(crate) async fn scoped<F: Future>(&self, work: F) -> F::Output {
        scope(self.shared.seeds.next(), work).await
    }

    /// The node's time, in microseconds since the epoch: that of its clock when it started, and what has passed since then.
    /// A clock that is set while it runs changes no lease.
    pub(crate) fn now_us(&self) -> u64 {
        let (began, at) = self.shared.began;
        began.saturating_add(u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// A random number.
    pub(crate) fn draw(&self) -> u64 {
        let hasher = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
        std::hash::BuildHasher::hash_one(&hasher, self.shared.seeds.next())
    }

    /// The entries of its log, each with its index, by whom it was written, and a checksum, for a simulation to compare.
    #[cfg(any(test, feature = "simulation"))]
    #[must_use]
    pub fn log_entries(&self) -> Vec<(u64, crate::WrittenBy, u32)> {
        let entry = |entry: crate::raft::Entry| {
            let by = entry.log_id.committed_leader_id();
            let checksum = crc32fast::hash(&crate::raft::encode(&entry.payload));
            (entry.log_id.index, (by.term, by.node_id), checksum)
        };
        self.shared.log.all().unwrap_or_default().into_iter().map(entry).collect()
    }

    /// What it has voted for last, for a simulation to compare: a term and a node.
    #[cfg(any(test, feature = "simulation"))]
    #[must_use]
    pub fn vote(&self) -> (u64, u64) {
        let vote = self.metrics().vote;
        (vote.leader_id.term, vote.leader_id.node_id)
    }

    /// Waits until this node has applied so many entries.
    pub(crate) async fn until_applied(&self, entries: u64, deadline: Instant) -> bool {
        let mut applied = self.applied();
        let reached = applied.wait_for(|applied| *applied >= entries);
        tokio::time::timeout_at(deadline, reached).await.is_ok_and(|reached| reached.is_ok())
    }
}
