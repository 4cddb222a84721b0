//! How runs end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, AssignmentId};
use crate::limits::TEXT_BYTES_MAX;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RunState {
    /// It waits for agents.
    Submitted,
    /// Agents fetch the archive, compile it and make VUs.
    Preparing,
    /// All agents are ready; the start instant isn't chosen yet, or the run is paused.
    Ready,
    /// Setup runs on one agent.
    Setup,
    /// There is load, or will be at the start instant.
    Running,
    /// No iteration starts; agents come to an end and give their last windows.
    Draining,
    /// All windows are there. Teardown and the script's own summary run on one agent, then the leader writes the result.
    Teardown,
    /// It ended by itself. Its thresholds may have failed.
    Finished,
    /// It was stopped: by a client, a threshold, or the script.
    Aborted,
    /// Something went wrong.
    Failed,
}

impl RunState {
    /// Whether nothing happens any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Aborted | Self::Failed)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submitted => "submitted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Setup => "in setup",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Teardown => "in teardown",
            Self::Finished => "finished",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
        })
    }
}

/// What thresholds say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// All hold.
    #[default]
    Pass,
    /// One doesn't hold.
    Fail,
    /// One doesn't hold, and is to end the run.
    Abort,
}

/// What kind of thing went wrong, by which the exit code is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The script.
    Script,
    /// It took too long.
    TimedOut,
    /// The options.
    Options,
    /// The machine lacks what the run needs.
    Machine,
    /// The archive couldn't be fetched or read.
    Archive,
    /// Something else.
    Other,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// By which the exit code is chosen.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
    /// The scenario whose own setup it was, if it was one's.
    pub scenario: Option<String>,
}

impl Failure {
    /// One that is no scenario's own.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), scenario: None }
    }

    pub(crate) fn cut(mut self) -> Self {
        cut(&mut self.message);
        self.scenario.iter_mut().for_each(cut);
        self
    }
}

/// Why a run came to an end before its time. The first reason stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AbortReason {
    /// A client stopped it.
    Stopped {
        /// Who.
        by: String,
    },
    /// Whoever submitted it interrupted it.
    Interrupted {
        /// Who.
        by: String,
    },
    /// A threshold with `abortOnFail` failed.
    Threshold {
        /// The metric.
        metric: String,
    },
    /// The script called `abort`.
    Script {
        /// What it said.
        message: String,
    },
    /// Agents were lost.
    AgentLost {
        /// The first of them.
        agent: AgentName,
        /// Why that ends the run.
        message: String,
    },
    /// An agent can't do its part.
    AgentFailed {
        /// Which.
        agent: AgentName,
        /// Why.
        failure: Failure,
    },
    /// Setup failed.
    Setup(Failure),
    /// There were too few agents for too long.
    NoAgents {
        /// What is missing.
        message: String,
    },
    /// Something took too long that is no script's time limit.
    Overdue {
        /// What.
        message: String,
    },
    /// The merged windows became too large.
    TotalsTooLarge,
    /// The leader can't lead it.
    Unled {
        /// Why.
        message: String,
    },
}

impl AbortReason {
    /// Whether somebody wanted it so; else something went wrong.
    pub fn is_wanted(&self) -> bool {
        matches!(self, Self::Stopped { .. } | Self::Interrupted { .. } | Self::Threshold { .. } | Self::Script { .. })
    }

    pub(crate) fn cut(mut self) -> Self {
        match &mut self {
            Self::Stopped { by: text }
            | Self::Interrupted { by: text }
            | Self::Threshold { metric: text }
            | Self::Script { message: text }
            | Self::AgentLost { message: text, .. }
            | Self::NoAgents { message: text }
            | Self::Overdue { message: text }
            | Self::Unled { message: text } => cut(text),
            Self::AgentFailed { failure, .. } | Self::Setup(failure) => *failure = failure.clone().cut(),
            Self::TotalsTooLarge => {}
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scenario {
            Some(scenario) => write!(f, "scenario `{scenario}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { by } => write!(f, "stopped by {by}"),
            Self::Interrupted { by } => write!(f, "interrupted by {by}"),
            Self::Threshold { metric } => write!(f, "a threshold of `{metric}` failed"),
            Self::Script { message } => write!(f, "the script aborted: {message}"),
            Self::AgentLost { agent, message } => write!(f, "the agent `{agent}` was lost: {message}"),
            Self::AgentFailed { agent, failure } => write!(f, "the agent `{agent}` failed: {failure}"),
            Self::Setup(failure) => write!(f, "setup failed: {failure}"),
            Self::NoAgents { message } | Self::Overdue { message } | Self::Unled { message } => f.write_str(message),
            Self::TotalsTooLarge => f.write_str("the run has too many series with too many different values"),
        }
    }
}

/// An agent whose part is not, or not wholly, in the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Which part.
    pub assignment: AssignmentId,
    /// When the agent was lost.
    pub at: Timestamp,
    /// The last of its windows that the result includes; 0 if none.
    pub last_window: u64,
    /// How far into the run that window reaches, in milliseconds.
    pub covered_ms: u64,
    /// Who took over what was left.
    pub taken_over_by: Option<AssignmentId>,
}

/// How much of a run its result covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// Parts of the run, those that were taken over and those that took over included.
    pub assignments: u32,
    /// Those of which something is missing, in the order in which they were made.
    pub losses: Vec<Loss>,
    /// Checkpoints whose windows aren't in the merged ones, which had become too large.
    pub left_out: u64,
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_complete() {
            return f.write_str("the result is complete");
        }
        let mut parts = self.losses.iter().map(ToString::to_string).collect::<Vec<_>>();
        if self.left_out > 0 {
            let plural = if self.left_out == 1 { "" } else { "s" };
            parts.push(format!("{} checkpoint{plural} had no room", self.left_out));
        }
        write!(f, "the result isn't complete: {}", parts.join("; "))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { assignment, last_window, covered_ms, taken_over_by, .. } = self;
        write!(f, "the agent `{}` was lost, and ", assignment.agent)?;
        match last_window {
            0 => f.write_str("nothing of it is in the result")?,
            last => {
                let seconds = covered_ms / 1_000;
                write!(f, "what it did after {seconds}.{} s (window {last}) is missing", covered_ms % 1_000 / 100)?;
            }
        }
        match taken_over_by {
            Some(heir) => write!(f, "; `{}` took over", heir.agent),
            None => Ok(()),
        }
    }
}

impl Completeness {
    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.losses.is_empty() && self.left_out == 0
    }
}

/// What is kept of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// When.
    pub at: Timestamp,
    /// Why it ended early; none if it ended by itself.
    pub reason: Option<AbortReason>,
    /// What the thresholds said at last.
    pub verdict: Verdict,
    /// What is missing.
    pub completeness: Completeness,
    /// What the leader made of it, by [`crate::judge::RunSummary::encode`]. Not looked at.
    pub summary: Vec<u8>,
}

/// Cuts a text to [`TEXT_BYTES_MAX`] bytes.
pub(crate) fn cut(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX - '…'.len_utf8()).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_scenario() {
        let failure = Failure::new(FailureKind::Script, "no");
        assert_eq!(failure.to_string(), "no");
        let of_scenario = Failure { scenario: Some("a".to_owned()), ..failure };
        assert_eq!(of_scenario.to_string(), "scenario `a`: no");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let failure = Failure::new(FailureKind::Other, "ä".repeat(TEXT_BYTES_MAX)).cut();
        assert!(failure.message.ends_with("ä…") && failure.message.len() <= TEXT_BYTES_MAX);
        let reason = AbortReason::Script { message: "short".to_owned() };
        assert_eq!(reason.clone().cut(), reason);
    }
}
