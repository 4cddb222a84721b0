//! From a submission to the plan that the leader judges by.

use std::sync::Arc;

use throng_plan::{Functions, Layer, OptionErrors, Plan, resolve};
use throng_stats::Registry;

use crate::refusal::Refusal;
use crate::run::Submission;

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
