//! Exit codes: k6's, and our own from 111 up.

use std::fmt;
use std::process::ExitCode;

use throng_agent::RunError;

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
    /// The script failed in its init, setup or teardown, or isn't one.
    ScriptFailed = 107,
    ScriptAborted = 108,
    MarkedFailed = 110,
    /// The script could not be built.
    BuildFailed = 111,
    /// This machine lacks what a run needs.
    Machine = 112,
    Other = 255,
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
            RunError::Options(_)
            | RunError::OptionsJson(_)
            | RunError::Metric(_)
            | RunError::Tls(_)
            | RunError::Portion(_) => Exit::InvalidConfig,
            RunError::Load(_) | RunError::Init(_) | RunError::Files(_) => Exit::ScriptFailed,
            RunError::Engine(_) | RunError::Shard(_) | RunError::Vus(_) | RunError::Thread(_) => Exit::Machine,
            RunError::ShardLost => Exit::Other,
        };
        Self::new(exit, error)
    }
}
