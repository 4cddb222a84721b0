//! What is about to run, in k6's layout.

use std::path::Path;
use std::time::Duration;

use throng_plan::{LoadModel, Plan, PlannedScenario};

use super::short;

/// The lines above the progress: the script, and every scenario.
pub(super) fn render(script: &Path, execution: &str, plan: &Plan) -> String {
    let scenarios = plan.scenarios();
    let part = plan.options().segment.length();
    let percent = part.numerator() as f64 / part.denominator() as f64 * 100.0;
    let plural = if scenarios.len() == 1 { "" } else { "s" };
    let mut text = format!(
        "\n     execution: {execution}\n        script: {}\n\n     scenarios: ({percent:.2}%) {} scenario{plural}, {} max VUs, \
         {} (incl. graceful stop):\n",
        script.display(),
        scenarios.len(),
        plan.max_vus(),
        longest(plan.duration()),
    );
    for planned in scenarios {
        text.push_str(&format!("              * {}: {}\n", planned.scenario().name, describe(planned)));
    }
    text
}

/// What a load model with a schedule of its own does, in k6's words.
fn describe_schedule(model: &LoadModel, notes: &mut Vec<String>) -> String {
    let length = short(model.regular_duration());
    match model {
        LoadModel::RampingVus { stages, graceful_ramp_down, .. } => {
            notes.push(format!("gracefulRampDown: {}", short(*graceful_ramp_down)));
            format!("Up to {} looping VUs for {length} over {} stages", model.vus(), stages.len())
        }
        LoadModel::ConstantArrivalRate { rate, time_unit, pre_allocated_vus, max_vus, .. } => {
            notes.push(max_vus_note(*pre_allocated_vus, *max_vus));
            format!("{:.2} iterations/s for {length}", per_second(*rate, *time_unit))
        }
        LoadModel::RampingArrivalRate { start_rate, time_unit, stages, pre_allocated_vus, max_vus } => {
            notes.push(max_vus_note(*pre_allocated_vus, *max_vus));
            let highest = stages.iter().map(|stage| stage.target).fold(*start_rate, u64::max);
            let rate = per_second(highest, *time_unit);
            format!("Up to {rate:.2} iterations/s for {length} over {} stages", stages.len())
        }
        LoadModel::ExternallyControlled { vus, max_vus, duration } => {
            let length =
                duration.map_or_else(|| "until it is stopped".to_owned(), |time| format!("for {}", short(time)));
            format!("{vus} VUs, up to {max_vus} as commands say, {length}")
        }
        model => format!("{} VUs for {length}", model.vus()),
    }
}

/// The longest that something takes.
pub(super) fn longest(duration: Duration) -> String {
    if duration == Duration::MAX { "no end".to_owned() } else { format!("{} max duration", short(duration)) }
}

fn max_vus_note(pre_allocated: u64, max: u64) -> String {
    if pre_allocated == max { format!("maxVUs: {max}") } else { format!("maxVUs: {pre_allocated}-{max}") }
}

fn per_second(rate: u64, time_unit: Duration) -> f64 {
    rate as f64 / time_unit.as_secs_f64()
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
        model => describe_schedule(model, &mut notes),
    };
    if scenario.exec != "default" {
        notes.push(format!("exec: {}", scenario.exec));
    }
    if let Some(setup) = &scenario.setup {
        notes.push(format!("setup: {setup}"));
    }
    if !scenario.start.is_zero() {
        notes.push(format!("startTime: {}", short(scenario.start)));
    }
    if !scenario.graceful_stop.is_zero() {
        notes.push(format!("gracefulStop: {}", short(scenario.graceful_stop)));
    }
    if notes.is_empty() { what } else { format!("{what} ({})", notes.join(", ")) }
}
