//! What an agent is to do, and what it is told for that.

use std::fmt;
use std::sync::Arc;

use throng_control::judge::Standing;
use throng_control::leading::{OwnSummary, SetupReturned};
use throng_control::{AbortReason, Action, AssignmentId, Failure, Order, RunId, Steering, Timestamp};
use throng_stats::Registry;

use super::keeper::KeptWindow;
use crate::observer::LogRecord;
use crate::setup_data::SetupData;
use crate::worker::WorkerEvent;

/// A part of a run that this agent has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId {
    /// The run.
    pub run: RunId,
    /// Which part of it.
    pub assignment: AssignmentId,
}

impl fmt::Display for PartId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "run {}, epoch {}", self.run, self.assignment.epoch)
    }
}

impl From<&Order> for PartId {
    fn from(order: &Order) -> Self {
        Self { run: order.run.clone(), assignment: order.assignment.clone() }
    }
}

/// Something to be done, once, in the order in which it is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Fetch the archive, make a worker, and tell it to prepare; then say [`PartEvent::Begun`] or [`PartEvent::NotBegun`].
    Begin(Box<Order>),
    /// Tell the worker to set up.
    SetUp(PartId),
    /// Tell it to make its VUs ready for iterations.
    InitVus(PartId, SetupData),
    /// Tell it to start.
    Start {
        /// Which one.
        part: PartId,
        /// When the run's load starts or started, in the group's time.
        start: Timestamp,
        /// How far into the load this part begins, in milliseconds.
        from_ms: u64,
        /// How many iterations of each scenario were begun before that.
        begun_before: Vec<u64>,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Tell it how its externally-controlled scenarios are to be.
    Control(PartId, Steering),
    /// Tell it to stop; where there is no worker yet, as soon as there is.
    Stop(PartId),
    /// Tell it to tear down.
    TearDown(PartId),
    /// Tell it to make the script's own summary of this JSON.
    Summarize(PartId, Arc<str>),
    /// Tell it to finish, and forget it.
    Release(PartId),
    /// Say something to the leader.
    Say(PartId, Fact),
    /// Say a window to the leader.
    SayWindow(PartId, KeptWindow),
    /// End the process: the group has no work for it any more.
    Leave,
}

/// What the leader is told of a part.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// Its VUs are made, and this is what that took.
    Ready {
        /// How the part stands then.
        standing: Standing,
        /// Whether they have to be made ready for iterations before the start.
        needs_init: bool,
    },
    /// It can't go on.
    Failed(Failure),
    /// What came of setup.
    SetupDone(Result<SetupReturned, Failure>),
    /// Its load is over.
    Done {
        /// The number of its last window; 0 if it has none.
        last_window: u64,
        /// By what the script marked the run as failed.
        marked_failed: Option<String>,
    },
    /// What came of teardown.
    TeardownDone {
        /// Why it failed, if it did.
        failure: Option<Failure>,
        /// The number of the part's last window.
        last_window: u64,
        /// By what the script marked the run as failed.
        marked_failed: Option<String>,
    },
    /// What came of the script's own summary.
    Summarized(Result<OwnSummary, Failure>),
    /// The script wants the run to end.
    Abort(String),
    /// A message for people, which isn't said again.
    Log(LogRecord),
}

impl Fact {
    /// What enters the log of it. A message for people doesn't.
    #[must_use]
    pub fn actions(self, PartId { run, assignment }: PartId) -> Vec<Action> {
        let mark = |message: Option<String>| message.map(|message| Action::MarkRunFailed { run: run.clone(), message });
        let (mark, action) = match self {
            Self::Ready { needs_init: true, .. } => (None, Action::AgentMade { run, assignment }),
            Self::Ready { .. } => (None, Action::AgentReady { run, assignment }),
            Self::Failed(failure) => (None, Action::AgentFailed { run, assignment, failure }),
            Self::SetupDone(result) => {
                let result = result.map(|returned| returned.encode());
                (None, Action::SetupDone { run, assignment, result })
            }
            Self::Done { last_window, marked_failed } => {
                (mark(marked_failed), Action::AgentDone { run, assignment, last_window })
            }
            Self::TeardownDone { failure, last_window, marked_failed } => {
                (mark(marked_failed), Action::TeardownDone { run, assignment, last_window, failure })
            }
            Self::Summarized(result) => {
                let result = result.map(|own| own.encode());
                (None, Action::Summarized { run, assignment, result })
            }
            Self::Abort(message) => (None, Action::AbortRun { run, reason: AbortReason::Script { message } }),
            Self::Log(_) => return Vec::new(),
        };
        mark.into_iter().chain([action]).collect()
    }
}

/// What happens to a part.
#[derive(Debug)]
pub enum PartEvent {
    /// It has a worker, which makes its VUs.
    Begun {
        /// The metrics of the test.
        registry: Arc<Registry>,
        /// Whether its VUs have to be made ready for iterations.
        has_vu_init: bool,
    },
    /// It can have none.
    NotBegun(Failure),
    /// What its worker says.
    Worker(WorkerEvent),
}
