//! From a submission to the plan that the leader judges by.

use std::sync::Arc;
use std::time::Duration;

use throng_plan::{Functions, Layer, OptionErrors, Plan, resolve};
use throng_stats::Registry;

use crate::refusal::Refusal;
use crate::run::{Submission, Wants};

/// Why the leader can't lead a run: its client should have found that.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Its metrics.
    #[error(transparent)]
    Metrics(#[from] Refusal),
    /// Its options.
    #[error("the run's options can't be: {0}")]
    Options(OptionErrors),
    /// Its options aren't even text.
    #[error("the run's options are no text")]
    Text,
}

/// The metrics and the plan of a run. Which functions the script has is its agents' to know.
///
/// # Errors
///
/// When the options or the metrics can't be, with all that is wrong.
pub fn plan_of(submission: &Submission) -> Result<(Arc<Registry>, Arc<Plan>), PlanError> {
    let registry = submission.registry()?;
    let text = std::str::from_utf8(&submission.options).map_err(|_| PlanError::Text)?;
    let resolved = resolve(&[Layer::of_json("submission", text)]).map_err(PlanError::Options)?;
    let options = resolved.options;
    let iterations: Vec<_> = options.scenarios.iter().map(|scenario| scenario.exec.clone()).collect();
    let setups: Vec<_> = options.scenarios.iter().filter_map(|scenario| scenario.setup.clone()).collect();
    let functions = Functions { iterations: &iterations, setups: &setups };
    let plan = Plan::new(options, functions, &registry).map_err(PlanError::Options)?;
    Ok((Arc::new(registry), Arc::new(plan)))
}

/// Which functions a script has that are called once for a whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// The run's own setup. Those of scenarios are in the plan.
    pub setup: bool,
    /// A teardown.
    pub teardown: bool,
    /// A summary of its own.
    pub summary: bool,
}

/// What the group has to know of a run with this plan, as far as its options say it.
#[must_use]
pub fn wants(plan: &Plan, calls: Calls) -> Wants {
    let options = plan.options();
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let scenarios = || plan.scenarios().iter().map(|planned| planned.scenario());
    let setups = scenarios().filter(|scenario| scenario.setup.is_some()).count() + usize::from(calls.setup);
    // Each of them has the time that setupTimeout gives.
    let has_setup = setups > 0 && !options.no_setup;
    Wants {
        agents: options.throng.agents.clone(),
        on_agent_loss: options.throng.on_agent_loss,
        paused: options.paused,
        setup_ms: has_setup.then(|| ms(options.setup_timeout).saturating_mul(setups as u64)),
        teardown_ms: (calls.teardown && !options.no_teardown).then(|| ms(options.teardown_timeout)),
        summary_ms: calls.summary.then(|| ms(options.handle_summary_timeout)),
        graceful_stop_ms: scenarios().map(|scenario| ms(scenario.graceful_stop)).max().unwrap_or(0),
        ..Wants::default()
    }
}
