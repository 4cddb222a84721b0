//! Where the running code stands in the run, and ways to end it.

use crate::bindings::throng::script::execution as host;
use crate::{checks, setup_data};
use serde::de::DeserializeOwned;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A virtual user. Numbers begin at 1; setup and teardown run as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vu {
    /// Its number within this agent.
    pub id_in_instance: u64,
    /// Its number within the whole run.
    pub id_in_test: u64,
    /// Iterations it has begun before this one, in any scenario.
    pub iteration_in_instance: u64,
    /// Iterations it has begun before this one in this scenario.
    pub iteration_in_scenario: u64,
}

/// A scenario in progress.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentScenario {
    /// Its key in the options.
    pub name: String,
    /// k6's name of its load model, for example `constant-vus`.
    pub executor: String,
    /// When it began.
    pub start_time: SystemTime,
    /// The share of it that is over, 0 to 1.
    pub progress: f64,
    /// Iterations begun in this agent before this one.
    pub iteration_in_instance: u64,
    /// This iteration's number in the whole run, from 0. No other iteration of the scenario has it, so it can pick a
    /// row of test data.
    pub iteration_in_test: u64,
}

/// This agent's part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Time since the run began.
    pub current_test_run_duration: Duration,
    /// Iterations that ended by themselves.
    pub iterations_completed: u64,
    /// Iterations that were cut.
    pub iterations_interrupted: u64,
    /// VUs that are in a scenario now.
    pub vus_active: u64,
    /// VUs that exist.
    pub vus_initialized: u64,
}

/// The virtual user that runs this.
pub fn vu() -> Vu {
    let vu = host::vu();
    Vu {
        id_in_instance: vu.id_in_instance,
        id_in_test: vu.id_in_test,
        iteration_in_instance: vu.iteration_in_instance,
        iteration_in_scenario: vu.iteration_in_scenario,
    }
}

/// What the run's `#[setup]` returned, also where a scenario has a setup of its own and its functions are handed that
/// one's data. It is parsed once in a VU.
///
/// Fails when it returned nothing that a `T` can be read from.
pub fn run_setup_data<T: DeserializeOwned + 'static>() -> Result<&'static T, String> {
    setup_data::run_setup_data()
}

/// The scenario in progress; none in setup, teardown and the VU's init. In a setup of its own it hasn't begun, and its
/// start is 1970.
pub fn scenario() -> Option<CurrentScenario> {
    let scenario = host::scenario()?;
    Some(CurrentScenario {
        name: scenario.name,
        executor: scenario.executor,
        start_time: UNIX_EPOCH + Duration::from_millis(scenario.start_time_ms),
        progress: scenario.progress,
        iteration_in_instance: scenario.iteration_in_instance,
        iteration_in_test: scenario.iteration_in_test,
    })
}

/// This agent's part of the run.
pub fn instance() -> Instance {
    let instance = host::instance();
    Instance {
        current_test_run_duration: Duration::from_nanos(instance.current_test_run_duration),
        iterations_completed: instance.iterations_completed,
        iterations_interrupted: instance.iterations_interrupted,
        vus_active: instance.vus_active,
        vus_initialized: instance.vus_initialized,
    }
}

/// Sets a tag that all later samples of this VU carry.
pub fn set_tag(key: &str, value: &str) {
    checks::flush();
    host::set_tag(key, Some(value));
}

/// Takes back what [`set_tag`] did.
pub fn remove_tag(key: &str) {
    checks::flush();
    host::set_tag(key, None);
}

/// Ends the whole run: iterations are cut, teardown still runs, the exit code is 108.
pub fn abort(reason: &str) -> ! {
    checks::flush();
    host::abort(reason);
    unreachable!("the host ends the call to `abort` with a trap");
}

/// Lets the run go on and marks it failed: the exit code is 110.
pub fn fail(reason: &str) {
    checks::flush();
    host::fail(reason);
}
