//! What comes of a command.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::refusal::Refusal;
use crate::run::RunState;

/// What came of a command: the same on all nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It holds now.
    Accepted(Accepted),
    /// Nothing changed.
    Refused(Refusal),
}

/// What is so after a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accepted {
    /// What was said.
    Done,
    /// What was said, and it was so before.
    Already,
    /// The agent is alive until then, unless it renews its lease.
    Leased(Timestamp),
    /// All leases are prolonged but for those of these, which have to register.
    Renewed {
        /// Agents that the group doesn't know, or knows as another process.
        unknown: Vec<AgentName>,
    },
    /// These agents are lost.
    Lost(Vec<AgentName>),
    /// The run is there: where it is, and whether it was there before.
    Run {
        /// Where it is.
        state: RunState,
        /// Whether it was there before.
        again: bool,
    },
}

impl Reply {
    /// Whether it was accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// The reply as a result.
    ///
    /// # Errors
    ///
    /// When it is a refusal.
    pub fn into_result(self) -> Result<Accepted, Refusal> {
        match self {
            Self::Accepted(accepted) => Ok(accepted),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

impl From<Result<Accepted, Refusal>> for Reply {
    fn from(result: Result<Accepted, Refusal>) -> Self {
        result.map_or_else(Self::Refused, Self::Accepted)
    }
}
