//! What enters the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agent::AgentInfo;
use crate::clock::Timestamp;
use crate::id::{AgentName, AssignmentId, Digest, Incarnation, RunId};
use crate::run::{AbortReason, Failure, Submission, Verdict};
use crate::totals::MergedWindows;

/// A fact or a wish, with the leader's time at which it was proposed.
///
/// It is in the log in the form that serde derives, where variants go by number and fields by place: new ones come last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What the leader's clock showed.
    pub now: Timestamp,
    /// The rest.
    pub action: Action,
}

impl Command {
    /// A command of that time.
    pub fn new(now: Timestamp, action: Action) -> Self {
        Self { now, action }
    }
}

/// What a command says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// There is a new leader, whose clock the times are from now on. It says so before anything else. Everyone alive gets a
    /// whole lease.
    TakeOver {
        /// Its node's id.
        leader: u64,
    },
    /// An agent is there, or back.
    RegisterAgent(AgentInfo),
    /// These agents are still there.
    RenewLeases(Vec<(AgentName, Incarnation)>),
    /// Time has passed: agents may be past their leases, and runs past their deadlines.
    ExpireLeases,
    /// An agent is to get no more work, and leaves when it has none.
    DrainAgent(AgentName),
    /// An agent is gone for good.
    ForgetAgent(AgentName),
    /// Most nodes have an archive.
    AddManifest {
        /// Its name.
        digest: Digest,
        /// Its length.
        bytes: u64,
    },
    /// An archive isn't needed any more.
    RemoveManifest(Digest),
    /// A run is wanted.
    SubmitRun(Box<Submission>),
    /// An agent has made its VUs.
    AgentReady {
        /// Of which run.
        run: RunId,
        /// For which part.
        assignment: AssignmentId,
    },
    /// An agent can't do its part.
    AgentFailed {
        /// Of which run.
        run: RunId,
        /// Which part.
        assignment: AssignmentId,
        /// Why.
        failure: Failure,
    },
    /// Setup returned its data as JSON, or failed.
    SetupDone {
        /// Of which run.
        run: RunId,
        /// Where.
        assignment: AssignmentId,
        /// What came of it.
        result: Result<Vec<u8>, Failure>,
    },
    /// All agents start at that instant of the group's time.
    StartRun {
        /// Which run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// An agent that took over a part begins with it that far into the run.
    StartAssignment {
        /// Of which run.
        run: RunId,
        /// Which part.
        assignment: AssignmentId,
        /// Milliseconds after the run's start.
        from_ms: u64,
    },
    /// The windows that came since the last checkpoint.
    Checkpoint(Box<Checkpoint>),
    /// An agent's load is over.
    AgentDone {
        /// Of which run.
        run: RunId,
        /// Which part.
        assignment: AssignmentId,
        /// The number of its last window; 0 if it has none.
        last_window: u64,
    },
    /// Teardown returned, or failed.
    TeardownDone {
        /// Of which run.
        run: RunId,
        /// Where.
        assignment: AssignmentId,
        /// The number of its last window, teardown's included.
        last_window: u64,
        /// Why it failed, if it did.
        failure: Option<Failure>,
    },
    /// The script's own summary returned, or failed. What it returned is part of the leader's summary.
    Summarized {
        /// Of which run.
        run: RunId,
        /// Where.
        assignment: AssignmentId,
        /// What came of it.
        result: Result<Vec<u8>, Failure>,
    },
    /// A run is to end early.
    AbortRun {
        /// Which.
        run: RunId,
        /// Why.
        reason: AbortReason,
    },
    /// A run is to pause, or to go on.
    PauseRun {
        /// Which.
        run: RunId,
        /// Whether it pauses.
        paused: bool,
    },
    /// The leader has written the result.
    ConcludeRun {
        /// Of which run.
        run: RunId,
        /// What the thresholds say at last.
        verdict: Verdict,
        /// The summary, by [`crate::judge::RunSummary::encode`]. Not looked at.
        summary: Vec<u8>,
    },
    /// The script marked the run as failed. The first message stays.
    MarkRunFailed {
        /// Which run.
        run: RunId,
        /// What it said.
        message: String,
    },
    /// An agent has made its VUs, which have to be made ready for iterations before the start; then it is
    /// [`Action::AgentReady`].
    AgentMade {
        /// Of which run.
        run: RunId,
        /// For which part.
        assignment: AssignmentId,
    },
    /// An externally-controlled scenario is to have other numbers of VUs.
    ScaleScenario {
        /// Of which run.
        run: RunId,
        /// Its place in the plan.
        scenario: u32,
        /// What is to be.
        scale: Scale,
    },
}

/// Windows of some agents, merged, which follow those of the checkpoint before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Of which run.
    pub run: RunId,
    /// Which windows of each agent that has new ones.
    pub windows: BTreeMap<AssignmentId, WindowSpan>,
    /// All of them as one. Empty for none.
    pub delta: MergedWindows,
    /// How far the run is, in milliseconds since its start.
    pub elapsed_ms: u64,
    /// What the thresholds say. [`Verdict::Abort`] ends the run by itself, and stays.
    pub verdict: Verdict,
    /// The metric whose threshold says so.
    pub failed_metric: Option<String>,
    /// What a new leader has to know beside the merged windows, in place of what was noted before. Not looked at.
    pub notes: Option<Vec<u8>>,
}

/// Windows of one agent in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSpan {
    /// They follow this one, which must be the last that the state has.
    pub after: u64,
    /// The last of them.
    pub last: u64,
    /// How far into the run that one reaches, in milliseconds.
    pub covered_ms: u64,
    /// How many iterations of each scenario, in the plan's order, the agent has started since the run's start.
    pub begun: Vec<u64>,
}

/// VUs of an externally-controlled scenario in the whole run. What is none stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// How many there are.
    pub vus: Option<u64>,
    /// How many there may be.
    pub max_vus: Option<u64>,
}
