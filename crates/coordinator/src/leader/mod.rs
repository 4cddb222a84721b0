//! What a node does while it leads.
//!
//! Of what is to be done next the state knows all, and a [`Desk`] makes proposals of it: it has the leads of the live runs and
//! thinks. [`driving`] looks whenever something has been applied or was said, and proposes. Agents' streams ask the
//! [`Leader`], which is the same for all of them.

mod driving;
mod feed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_control::judge::{AgentWindow, NotTaken, Standing};
use throng_control::leading::{Audience, Desk, ResultFacts};
use throng_control::{Action, AgentName, AssignmentId, Incarnation, Reply, RunId};
use throng_stats::Registry;
use tokio::sync::{Notify, watch};

use crate::node::{Node, ProposeError, Repeat};
pub use feed::{Feeds, LOGS_KEPT_MAX, LogLine, LogReader, LogsRead, RunFeed};

/// The leader's work on one node. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Leader {
    shared: Arc<Shared>,
}

struct Shared {
    node: Node,
    feeds: Feeds,
    reign: watch::Sender<Reign>,
    /// There while this node leads.
    desk: Mutex<Option<Desk<Feeds>>>,
    /// Streams of agents, each with the number of the one that an agent has now.
    seats: Mutex<Seats>,
    poked: Notify,
}

/// While a node leads without a break: the term, or none while it doesn't. Each is another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reign {
    number: u64,
    term: Option<u64>,
}

impl Reign {
    /// Whether this node leads.
    pub(crate) fn is_on(self) -> bool {
        self.term.is_some()
    }
}

#[derive(Default)]
struct Seats {
    taken: u64,
    by_agent: BTreeMap<AgentName, (u64, Arc<Notify>)>,
}

/// That of an agent's stream: it is lost when the agent comes by another one, or has to register again.
pub(crate) struct Seat {
    leader: Leader,
    agent: AgentName,
    number: u64,
    lost: Arc<Notify>,
}

impl Leader {
    pub(crate) fn new(node: Node) -> Self {
        let shared = Shared {
            node,
            feeds: Feeds::default(),
            reign: watch::Sender::new(Reign::default()),
            desk: Mutex::default(),
            seats: Mutex::default(),
            poked: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.shared.node
    }

    /// What those see who watch live runs.
    pub(crate) fn feeds(&self) -> &Feeds {
        &self.shared.feeds
    }

    /// The version of throng.
    pub(crate) fn version(&self) -> &str {
        &self.shared.node.shared().config.version
    }

    /// Whether this node leads, whenever that changes.
    pub(crate) fn reign(&self) -> watch::Receiver<Reign> {
        self.shared.reign.subscribe()
    }

    /// The address of the node that leads, if that is another one; else empty.
    pub(crate) fn other_leader(&self) -> String {
        let state = self.node().state();
        let leader = state.leader.filter(|leader| *leader != state.id);
        leader.and_then(|leader| state.address(leader)).unwrap_or_default().to_owned()
    }

    pub(crate) async fn propose(&self, action: Action, repeat: Repeat) -> Result<Reply, ProposeError> {
        self.node().propose(action, repeat).await
    }

    /// The group's time, in microseconds since the epoch.
    pub(crate) fn group_us(&self) -> i64 {
        let (own, us) = (self.clock(), self.node().now_us());
        let ahead_ms = self.node().read(|state| state.clock().at(own)).since(own);
        i64::try_from(us.saturating_add(ahead_ms.saturating_mul(1_000))).unwrap_or(i64::MAX)
    }

    /// An agent is there.
    pub(crate) fn heard(&self, agent: &AgentName, incarnation: Incarnation) {
        if let Some(desk) = &mut *self.desk() {
            desk.heard(agent, incarnation);
        }
    }

    /// The metrics of a live run, by which its windows are read.
    pub(crate) fn registry(&self, run: &RunId) -> Option<Arc<Registry>> {
        let clock = self.clock();
        self.node().read(|state| {
            let now = state.clock().at(clock);
            Some(Arc::clone(self.desk().as_mut()?.lead(state, run, now)?.registry()))
        })
    }

    /// An agent is ready, and stands like this.
    pub(crate) fn note_ready(&self, run: &RunId, assignment: &AssignmentId, standing: Standing) {
        if let Some(desk) = &mut *self.desk() {
            desk.note_ready(run, assignment, standing);
        }
    }

    /// Takes in a window.
    ///
    /// # Errors
    /// When it isn't the next one of its part.
    pub(crate) fn take(&self, run: &RunId, assignment: &AssignmentId, window: AgentWindow) -> Result<(), NotTaken> {
        let unknown = || NotTaken::Unknown(assignment.to_string());
        let clock = self.clock();
        let taken = self.node().read(|state| {
            let run = state.run(run).ok_or_else(unknown)?;
            let mut desk = self.desk();
            let desk = desk.as_mut().ok_or_else(unknown)?;
            desk.take(run, assignment, window, state.clock().at(clock))
        });
        self.shared.poked.notify_one();
        taken
    }

    /// The last window of a part that was taken.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn through(&self, run: &RunId, assignment: &AssignmentId) -> Option<u64> {
        self.desk().as_ref()?.known(run)?.through(assignment)
    }

    /// What a run's own summary is to be made of.
    pub(crate) fn summary_data(&self, run: &RunId) -> Option<String> {
        let clock = self.clock();
        self.node().read(|state| self.desk().as_mut()?.summary_data(state.run(run)?, state.clock().at(clock)))
    }

    /// Passes messages on to those who watch a run.
    pub(crate) fn log(&self, run: &RunId, lines: impl Iterator<Item = LogLine>, left_out: u64) {
        if let Some(feed) = self.shared.feeds.get(run) {
            feed.log(lines, left_out);
        }
    }

    /// Gives an agent's stream its seat; the agent's other streams lose theirs.
    pub(crate) fn seat(&self, agent: &AgentName) -> Seat {
        let lost = Arc::new(Notify::new());
        let mut seats = self.seats();
        seats.taken += 1;
        let number = seats.taken;
        if let Some((_, other)) = seats.by_agent.insert(agent.clone(), (number, Arc::clone(&lost))) {
            other.notify_one();
        }
        Seat { leader: self.clone(), agent: agent.clone(), number, lost }
    }

    fn unseat(&self, agent: &AgentName) {
        if let Some((_, lost)) = self.seats().by_agent.get(agent) {
            lost.notify_one();
        }
    }

    fn begin(&self, term: u64) {
        let facts = ResultFacts { version: self.version().to_owned(), histograms: true, ..ResultFacts::default() };
        *self.desk() = Some(Desk::new(self.shared.feeds.clone(), facts));
        self.shared.reign.send_modify(|reign| *reign = Reign { number: reign.number + 1, term: Some(term) });
    }

    fn end(&self) {
        self.shared.reign.send_modify(|reign| *reign = Reign { number: reign.number + 1, term: None });
        *self.desk() = None;
        self.shared.feeds.close(&|_| true);
    }

    async fn poked(&self) {
        self.shared.poked.notified().await;
    }

    fn desk(&self) -> MutexGuard<'_, Option<Desk<Feeds>>> {
        // Whoever panicked left it whole.
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.shared.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits until it is lost.
    pub(crate) async fn lost(&mut self) {
        self.lost.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.leader.seats();
        if seats.by_agent.get(&self.agent).is_some_and(|(number, _)| *number == self.number) {
            seats.by_agent.remove(&self.agent);
        }
    }
}
