//! How far a run is.

use std::time::Duration;

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
