//! Progress: a bar per scenario on a terminal, plain lines elsewhere.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use throng_agent::{Progress, ScenarioProgress};
use throng_plan::Plan;

use super::{clock, short};

/// Steps of a bar.
const STEPS: u64 = 1000;

/// The bars of a terminal.
pub(super) struct Bars {
    all: MultiProgress,
    running: ProgressBar,
    scenarios: Vec<ProgressBar>,
}

impl Bars {
    pub(super) fn new(plan: &Plan) -> Self {
        let all = MultiProgress::new();
        let running = all.add(ProgressBar::new(1));
        running.set_style(style("{msg}"));
        let width = plan.scenarios().iter().map(|planned| planned.scenario().name.len()).max().unwrap_or(0);
        let scenarios = plan
            .scenarios()
            .iter()
            .map(|planned| {
                let bar = all.add(ProgressBar::new(STEPS));
                bar.set_style(style("{prefix} [{bar:38.green}] {msg}").progress_chars("=>-"));
                bar.set_prefix(format!("{:width$}", planned.scenario().name));
                bar
            })
            .collect();
        Self { all, running, scenarios }
    }

    pub(super) fn update(&self, progress: &Progress) {
        self.running.set_message(running(progress));
        for (bar, scenario) in self.scenarios.iter().zip(&progress.scenarios) {
            bar.set_position((share(scenario) * STEPS as f64) as u64);
            bar.set_message(state(scenario));
        }
    }

    pub(super) fn print_above(&self, text: &str) {
        // A terminal that is gone can't be told so.
        let _ = self.all.println(text);
    }

    pub(super) fn finish(self) {
        self.running.abandon();
        self.scenarios.iter().for_each(ProgressBar::abandon);
    }
}

/// The templates are constants of this file and valid.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// k6's line for the whole run.
pub(super) fn running(progress: &Progress) -> String {
    format!(
        "running ({}), {:02}/{} VUs, {} complete and {} interrupted iterations",
        clock(progress.elapsed),
        progress.vus_active,
        progress.vus_initialized,
        progress.completed,
        progress.interrupted,
    )
}

/// k6's line for a scenario.
pub(super) fn plain(scenario: &ScenarioProgress) -> String {
    let percent = (share(scenario) * 100.0) as u64;
    let mark = if scenario.ended { "✓" } else { " " };
    format!("{} {mark} [ {percent:3}% ] {}", scenario.name, state(scenario))
}

fn state(scenario: &ScenarioProgress) -> String {
    let elapsed = clock(scenario.elapsed.min(scenario.duration));
    let time = match scenario.duration {
        Duration::MAX => elapsed,
        duration => format!("{elapsed}/{}", short(duration)),
    };
    let vus = match scenario.executor {
        "constant-vus" | "per-vu-iterations" | "shared-iterations" => format!("{} VUs", scenario.vus),
        _ => format!("{}/{} VUs", scenario.vus, scenario.vus_max),
    };
    let dropped = match scenario.dropped {
        0 => String::new(),
        dropped => format!("  {dropped} dropped"),
    };
    match (scenario.rate, scenario.planned) {
        (Some(_), _) if scenario.ended => format!("{vus}  {time}  {} iters{dropped}", scenario.iterations),
        (Some(rate), _) => format!("{vus}  {time}  {:.2}/{:.2} iters/s{dropped}", rate.actual, rate.planned),
        (None, Some(planned)) => format!("{vus}  {time}  {}/{planned} iters{dropped}", scenario.iterations),
        (None, None) => format!("{vus}  {time}"),
    }
}

fn share(scenario: &ScenarioProgress) -> f64 {
    if scenario.ended {
        return 1.0;
    }
    let by_time = ratio(scenario.elapsed, scenario.duration);
    let by_iterations = scenario.planned.map_or(0.0, |planned| scenario.iterations as f64 / planned.max(1) as f64);
    if scenario.planned.is_some() { by_iterations } else { by_time }.clamp(0.0, 1.0)
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 1.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}
