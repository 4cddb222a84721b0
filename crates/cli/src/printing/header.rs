//! What is about to run, in k6's layout.

use std::path::Path;

use throng_plan::{LoadModel, Plan, PlannedScenario};

use super::short;

/// The lines above the progress: the script, and every scenario.
pub(super) fn render(script: &Path, plan: &Plan) -> String {
    let scenarios = plan.scenarios();
    let plural = if scenarios.len() == 1 { "" } else { "s" };
    let mut text = format!(
        "\n     execution: local\n        script: {}\n\n     scenarios: (100.00%) {} scenario{plural}, {} max VUs, {} \
         max duration (incl. graceful stop):\n",
        script.display(),
        scenarios.len(),
        plan.max_vus(),
        short(plan.duration()),
    );
    for planned in scenarios {
        text.push_str(&format!("              * {}: {}\n", planned.scenario().name, describe(planned)));
    }
    text
}

/// What a scenario does, in a line.
pub(super) fn describe(planned: &PlannedScenario) -> String {
    let scenario = planned.scenario();
    let mut notes = Vec::new();
    let what = match &scenario.model {
        LoadModel::ConstantVus { vus, duration } => format!("{vus} looping VUs for {}", short(*duration)),
        LoadModel::SharedIterations { vus, iterations, max_duration } => {
            notes.push(format!("maxDuration: {}", short(*max_duration)));
            format!("{iterations} iterations shared among {vus} VUs")
        }
        LoadModel::PerVuIterations { vus, iterations, max_duration } => {
            notes.push(format!("maxDuration: {}", short(*max_duration)));
            format!("{iterations} iterations for each of {vus} VUs")
        }
    };
    if scenario.exec != "default" {
        notes.push(format!("exec: {}", scenario.exec));
    }
    if !scenario.start.is_zero() {
        notes.push(format!("startTime: {}", short(scenario.start)));
    }
    if !scenario.graceful_stop.is_zero() {
        notes.push(format!("gracefulStop: {}", short(scenario.graceful_stop)));
    }
    if notes.is_empty() { what } else { format!("{what} ({})", notes.join(", ")) }
}
