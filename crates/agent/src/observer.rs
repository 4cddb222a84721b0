//! What the outside sees of a run.

use std::time::Duration;

use throng_vu::LogLevel;

/// A message for the person who runs the test.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// How important it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// Where it comes from, for example `scenario=default vu=3`; empty for the run itself.
    pub source: String,
}

/// Iterations of an open model, per second.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// As planned now.
    pub planned: f64,
    /// Begun in the last second.
    pub actual: f64,
}

/// How far one scenario is.
#[derive(Clone, Debug)]
pub struct ScenarioProgress {
    /// Its name.
    pub name: String,
    /// Time since it began; zero before.
    pub elapsed: Duration,
    /// Its regular duration; [`Duration::MAX`] without an end.
    pub duration: Duration,
    /// VUs that run it; in open models those within an iteration.
    pub vus: u64,
    /// VUs that it has, or may have.
    pub vus_max: u64,
    /// Iterations completed.
    pub iterations: u64,
    /// Iterations that could not be started.
    pub dropped: u64,
    /// Iterations in all, if that is fixed.
    pub planned: Option<u64>,
    /// How many begin, in open models.
    pub rate: Option<Rate>,
    /// Whether it has ended.
    pub ended: bool,
    /// k6's name of its load model.
    pub executor: &'static str,
}

/// How far the run is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Time since the run began.
    pub elapsed: Duration,
    /// VUs in a scenario.
    pub vus_active: u64,
    /// VUs initialised.
    pub vus_initialized: u64,
    /// Iterations that ended by themselves.
    pub completed: u64,
    /// Iterations that were cut.
    pub interrupted: u64,
    /// Iterations that could not be started.
    pub dropped: u64,
    /// Every scenario.
    pub scenarios: Vec<ScenarioProgress>,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every scenario came to its end.
    Finished,
    /// By a signal, or by [`RunHandle::interrupt`](crate::RunHandle::interrupt).
    Interrupted,
    /// By [`RunHandle::stop`](crate::RunHandle::stop).
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
        })
    }
}

/// Sees a run. Called on the conductor's thread; what takes long delays the next window, nothing else.
pub trait Observer: Send {
    /// The plan stands and the VUs are being made.
    fn planned(&mut self, plan: &throng_plan::Plan);
    /// Twice a second or so, and once at the end.
    fn progress(&mut self, progress: &Progress);
    /// A message.
    fn log(&mut self, record: LogRecord);
}
