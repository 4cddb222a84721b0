//! What an agent is to do now.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, AssignmentId, Digest, RunId};
use crate::state::State;

/// What an agent is to do now. Saying it again changes nothing, so that a lost message is cured by the next one. What isn't
/// ordered any more is over: the agent lets go of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// One for each part that it has.
    pub parts: Vec<Order>,
    /// It isn't needed any more: it has been told to drain, and has no work.
    pub leave: bool,
}

/// What an agent is to do with one part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The run.
    pub run: RunId,
    /// Which part.
    pub assignment: AssignmentId,
    /// The test.
    pub archive: Digest,
    /// The segment, as the option `executionSegment` has it.
    pub segment: String,
    /// All segments, as the option `executionSegmentSequence` has them.
    pub sequence: String,
    /// What is to be done.
    pub task: Task,
    /// The last window that is in a checkpoint: the agent needs to keep those that come later.
    pub included: u64,
    /// Whether the run is paused.
    pub paused: bool,
    /// VUs of externally-controlled scenarios in the whole run, if they were changed.
    pub vus: Option<u64>,
    /// The most of them.
    pub max_vus: Option<u64>,
}

/// How far an agent is to go with a part. Each includes all before it that has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Fetch the archive, compile it, make VUs, say that it is ready, and wait.
    Prepare,
    /// Call setup, once, and say what came of it.
    Setup,
    /// Start.
    Run {
        /// When the run starts or started, in the group's time.
        start: Timestamp,
        /// How far into the run the agent's part begins.
        from_ms: u64,
        /// Iterations of each scenario that were started before that.
        begun_before: Vec<u64>,
        /// Whether there is setup data, which [`crate::Run::setup_data`] has.
        setup_data: bool,
    },
    /// Stop: cut iterations, give the last windows, say that it is done.
    Stop {
        /// Why, for people.
        reason: String,
    },
    /// Keep what there is until the run has ended; windows that aren't in a checkpoint are given again.
    Hold,
    /// Call teardown, once, and say what came of it.
    Teardown,
    /// Call the script's own summary, once, and say what came of it.
    Summarize,
}

impl State {
    /// What an agent is to do now. Nothing if it isn't known or alive.
    pub fn orders(&self, agent: &AgentName) -> Orders {
        let _ = agent;
        Orders::default()
    }
}
