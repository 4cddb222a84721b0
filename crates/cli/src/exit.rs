//! Exit codes: k6's, and our own from 111 up.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use throng_agent::RunError;
use throng_protocol::{ControlError, ErrorKind};

/// How the process ends. The numbers are k6's (`errext/exitcodes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    /// The doctor: no run would work here.
    Unfit = 1,
    ThresholdsFailed = 99,
    SetupTimeout = 100,
    TeardownTimeout = 101,
    /// By whoever controls the run.
    Stopped = 103,
    InvalidConfig = 104,
    Interrupted = 105,
    /// A service can't listen where it is to.
    CannotListen = 106,
    /// The script failed in its init, setup or teardown, or isn't one.
    ScriptFailed = 107,
    ScriptAborted = 108,
    MarkedFailed = 110,
    /// The script could not be built.
    BuildFailed = 111,
    /// This machine lacks what a run needs.
    Machine = 112,
    /// The run went well, and what was to be written of it could not be.
    OutputFailed = 113,
    /// No test runs that could be controlled, or none answers.
    NoSuchRun = 114,
    /// A test that runs, or a group of coordinators, refuses what it was asked for.
    Refused = 115,
    /// An agent of a group was lost, and the run ended for that.
    AgentLost = 116,
    /// A group had too few agents for the run.
    NoAgents = 117,
    /// It would be a success, but an agent was lost: the result doesn't cover all of the run.
    Incomplete = 118,
    /// No coordinator has told for long how a run goes on.
    NoQuorum = 119,
    Other = 255,
}

impl Exit {
    const ALL: [Self; 22] = [
        Self::Success,
        Self::Unfit,
        Self::ThresholdsFailed,
        Self::SetupTimeout,
        Self::TeardownTimeout,
        Self::Stopped,
        Self::InvalidConfig,
        Self::Interrupted,
        Self::CannotListen,
        Self::ScriptFailed,
        Self::ScriptAborted,
        Self::MarkedFailed,
        Self::BuildFailed,
        Self::Machine,
        Self::OutputFailed,
        Self::NoSuchRun,
        Self::Refused,
        Self::AgentLost,
        Self::NoAgents,
        Self::Incomplete,
        Self::NoQuorum,
        Self::Other,
    ];

    /// The exit that has this code.
    pub(crate) fn of(code: u32) -> Self {
        Self::ALL.into_iter().find(|exit| *exit as u32 == code).unwrap_or(Self::Other)
    }

    /// What the code means, for those who see a run from outside.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Success => "the run ended and all thresholds hold",
            Self::Unfit => "no run would work on this machine",
            Self::ThresholdsFailed => "a threshold failed",
            Self::SetupTimeout => "setup took too long",
            Self::TeardownTimeout => "teardown took too long",
            Self::Stopped => "stopped by whoever controls the run",
            Self::InvalidConfig => "flags or options are wrong",
            Self::Interrupted => "ended by Ctrl-C or SIGTERM",
            Self::CannotListen => "a service can't listen where it is to",
            Self::ScriptFailed => "the script failed in its options, setup or teardown, or isn't one",
            Self::ScriptAborted => "the script aborted the run",
            Self::MarkedFailed => "the script marked the run as failed",
            Self::BuildFailed => "the script could not be built",
            Self::Machine => "this machine lacks what a run needs",
            Self::OutputFailed => "what was to be written of the run could not be",
            Self::NoSuchRun => "no such test runs, or none answers; no coordinator answers, or none leads",
            Self::Refused => "the test, or the group, refuses",
            Self::AgentLost => "an agent was lost, which ended the run",
            Self::NoAgents => "the group had too few agents for the run",
            Self::Incomplete => "the result doesn't cover all of the run",
            Self::NoQuorum => "no coordinator told how the run goes on: too many are down, or can't be reached",
            Self::Other => "something else failed",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error with the code that the process ends with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// Why a test could not run; a file that is no script is named.
    pub(crate) fn of_test(error: RunError, path: &Path) -> Self {
        let is_no_script = matches!(error, RunError::Load(_));
        let Self { exit, error } = Self::from(error);
        let error = if is_no_script { error.context(format!("{} can't be used", path.display())) } else { error };
        Self { exit, error }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The whole chain: a cause is never part of its effect's own text.
        write!(formatter, "{:#}", self.error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Options(_) | RunError::Metric(_) | RunError::Tls(_) | RunError::Portion(_) => Exit::InvalidConfig,
            RunError::Load(_) | RunError::Init(_) | RunError::Files(_) => Exit::ScriptFailed,
            RunError::Engine(_) | RunError::Shard(_) | RunError::Vus(_) | RunError::Thread(_) => Exit::Machine,
            RunError::ShardLost | RunError::Unled(_) | RunError::Output(_) => Exit::Other,
        };
        Self::new(exit, error)
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let exit = match error.kind {
            ErrorKind::NotFound | ErrorKind::Unavailable | ErrorKind::TimedOut => Exit::NoSuchRun,
            ErrorKind::InvalidArgument => Exit::InvalidConfig,
            ErrorKind::Refused | ErrorKind::Exhausted | ErrorKind::Denied | ErrorKind::Unsupported => Exit::Refused,
            ErrorKind::Internal => Exit::Other,
        };
        Self::new(exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_exit_with_a_meaning_of_its_own() {
        for exit in Exit::ALL {
            assert_eq!(Exit::of(exit as u32), exit);
            let others = Exit::ALL.iter().filter(|other| other.meaning() == exit.meaning());
            assert_eq!(others.count(), 1, "{exit:?}");
        }
        assert_eq!(Exit::of(12_345), Exit::Other);
    }
}
