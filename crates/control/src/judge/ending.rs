//! Why a run ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a run ended. It is kept with results: names stay, and new ones come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Every scenario came to its end.
    Finished,
    /// By a signal, or by whoever started it.
    Interrupted,
    /// By somebody else's decision.
    Stopped,
    /// A threshold with `abortOnFail` failed.
    ThresholdAbort,
    /// The script called `abort`.
    ScriptAbort(String),
    /// setup failed.
    SetupFailed(String),
    /// setup took too long: the run's, or a scenario's own.
    SetupTimeout {
        /// The scenario's name; none for the run's.
        scenario: Option<String>,
        /// How long it may take.
        limit: Duration,
    },
    /// teardown failed.
    TeardownFailed(String),
    /// teardown took too long.
    TeardownTimeout(Duration),
    /// An agent of a group was lost.
    AgentLost(String),
    /// An agent of a group can't do its part.
    AgentFailed(String),
    /// A group had too few agents for too long.
    NoAgents(String),
    /// Something else of a group's.
    Failed(String),
}

impl Ending {
    /// Why the run isn't complete; none if it came to its regular end or a threshold's.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        Some(match self {
            Self::Finished | Self::ThresholdAbort => return None,
            Self::Interrupted => "the run was interrupted".to_owned(),
            Self::Stopped => "the run was stopped".to_owned(),
            Self::ScriptAbort(message) => format!("the script aborted the run: {message}"),
            Self::SetupFailed(message) => format!("setup failed: {message}"),
            Self::TeardownFailed(message) => format!("teardown failed: {message}"),
            Self::SetupTimeout { scenario, limit } => {
                let of = scenario.as_ref().map(|name| format!(" of scenario `{name}`")).unwrap_or_default();
                format!("setup{of} took longer than {limit:?}; the option setupTimeout sets that limit")
            }
            Self::TeardownTimeout(limit) => {
                format!("teardown took longer than {limit:?}; the option teardownTimeout sets that limit")
            }
            Self::AgentLost(message) | Self::AgentFailed(message) | Self::NoAgents(message) | Self::Failed(message) => {
                message.clone()
            }
        })
    }
}

/// How setup, teardown or the script's own summary failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// It took longer than it may.
    Timeout(Duration),
    /// The run was told to stop while it went on.
    Aborted,
    /// The script failed.
    Fault(String),
}
