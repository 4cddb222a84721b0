//! How far a run of a cluster is, as runs on this machine tell it.

use std::time::Duration;

use throng_agent::{Progress, Rate, ScenarioProgress};
use throng_plan::Plan;
use throng_protocol::control::{RunStatus, ScenarioStatus, from_ms};

/// A run's progress; scenarios that the plan doesn't have are left out.
pub(super) fn progress(status: &RunStatus, plan: &Plan) -> Progress {
    let named = |name: &str| status.scenarios.iter().find(|one| one.name == name);
    let scenarios = plan.scenarios().iter().filter_map(|planned| {
        let scenario = planned.scenario();
        Some(of_scenario(named(&scenario.name)?, scenario.model.executor_name()))
    });
    Progress {
        elapsed: from_ms(status.elapsed_ms),
        vus_active: status.vus,
        vus_initialized: status.vus_max,
        completed: status.iterations_completed,
        interrupted: status.iterations_interrupted,
        dropped: status.iterations_dropped,
        scenarios: scenarios.collect(),
    }
}

fn of_scenario(status: &ScenarioStatus, executor: &'static str) -> ScenarioProgress {
    let rate = status.rate_planned.zip(status.rate_actual);
    ScenarioProgress {
        name: status.name.clone(),
        elapsed: from_ms(status.elapsed_ms),
        duration: status.duration_ms.map_or(Duration::MAX, from_ms),
        vus: status.vus,
        vus_max: status.vus_max,
        iterations: status.iterations_completed,
        dropped: status.iterations_dropped,
        planned: status.iterations_planned,
        rate: rate.map(|(planned, actual)| Rate { planned, actual }),
        ended: status.ended,
        executor,
    }
}
