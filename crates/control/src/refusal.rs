//! Why a command changes nothing.

use serde::{Deserialize, Serialize};

use crate::id::{AgentName, AssignmentId, Digest, RunId};
use crate::run::RunState;

/// Why a command is of no effect, told to whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Another process has this name.
    #[error("an agent `{agent}` is alive already; give one of the two another name, or wait until the first is gone")]
    DuplicateAgent {
        /// The name.
        agent: AgentName,
    },
    /// There is no such agent, or it is another process.
    #[error("the agent `{agent}` isn't registered; it must register first")]
    UnknownAgent {
        /// The name.
        agent: AgentName,
    },
    /// The archive isn't at most nodes.
    #[error("the group has no archive {digest}; upload it first")]
    UnknownArchive {
        /// Its name.
        digest: Digest,
    },
    /// A run needs the archive.
    #[error("the archive {digest} is used by the run `{run}`; wait until that has ended")]
    ArchiveInUse {
        /// Its name.
        digest: Digest,
        /// The run.
        run: RunId,
    },
    /// There is no such run.
    #[error("there is no run `{run}`; it may have ended long ago")]
    UnknownRun {
        /// Its id.
        run: RunId,
    },
    /// Another test has this id.
    #[error("the run `{run}` is one of another archive, {digest}; choose another id")]
    OtherRun {
        /// The id.
        run: RunId,
        /// The archive of the run that has the id.
        digest: Digest,
    },
    /// The agent has no such part of the run.
    #[error("the agent has no such part of the run `{run}`: {assignment}")]
    UnknownAssignment {
        /// The run.
        run: RunId,
        /// What was named.
        assignment: AssignmentId,
    },
    /// The run isn't where that can be.
    #[error("the run `{run}` is {state}, so it can't be {what}")]
    NotNow {
        /// The run.
        run: RunId,
        /// Where it is.
        state: RunState,
        /// What was to be.
        what: String,
    },
    /// Windows that don't follow those that the state has.
    #[error(
        "windows of {assignment} from {after} on don't follow what the run `{run}` has, which ends with {included}"
    )]
    OutOfStep {
        /// The run.
        run: RunId,
        /// Whose windows.
        assignment: AssignmentId,
        /// What they are said to follow.
        after: u64,
        /// The last that the state has.
        included: u64,
    },
    /// There are as many as may be.
    #[error("there are too many {what}; at most {limit} may be")]
    TooMany {
        /// Of what.
        what: String,
        /// How many may be.
        limit: u64,
    },
    /// It has too many bytes.
    #[error("{what} is too large; it may have {limit} bytes")]
    TooLarge {
        /// What.
        what: String,
        /// How many bytes it may have.
        limit: u64,
    },
    /// It can't be so, whatever the state.
    #[error("{0}")]
    Invalid(String),
}
