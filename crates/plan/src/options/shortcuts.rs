//! From short forms to scenarios.

use std::time::Duration;

use super::error::OptionError;
use super::models::{ramp_fault, schedule_fault};
use super::partial::{Given, MAX_VUS};
use super::scenarios::fewer_than_vus;
use crate::load_model::{LoadModel, Stage};
use crate::scenario::Scenario;

/// What the layers together say about load.
pub(super) struct Shortcuts {
    pub(super) vus: Option<Given<u64>>,
    pub(super) iterations: Option<Given<u64>>,
    pub(super) duration: Option<Given<Duration>>,
    pub(super) stages: Option<Given<Vec<Stage>>>,
    pub(super) scenarios: Option<Given<Vec<Scenario>>>,
}

impl Shortcuts {
    /// Applies k6's order: the first that is given decides.
    pub(super) fn into_scenarios(
        self,
        errors: &mut Vec<OptionError>,
        warnings: &mut Vec<String>,
    ) -> Given<Vec<Scenario>> {
        self.note_exclusions(errors);
        self.note_no_vus(errors);
        let vus = self.vus.as_ref().map_or(1, |given| given.value);
        let single = |model, origin: String| Given { value: vec![Scenario::new(Scenario::DEFAULT, model)], origin };
        if let Some(iterations) = self.iterations {
            if iterations.value < vus {
                errors.push(OptionError {
                    path: "iterations".to_owned(),
                    origin: iterations.origin.clone(),
                    message: fewer_than_vus(iterations.value, vus),
                });
            }
            let max = self.duration.map(|given| given.value);
            let model = LoadModel::SharedIterations {
                vus,
                iterations: iterations.value,
                max_duration: max.unwrap_or(LoadModel::DEFAULT_MAX_DURATION),
            };
            return single(model, iterations.origin);
        }
        if let Some(Given { value, origin }) = self.duration {
            return single(LoadModel::ConstantVus { vus, duration: value }, origin);
        }
        if let Some(Given { value: stages, origin }) = self.stages {
            if !stages.is_empty() {
                return single(ramping_vus(vus, stages, &origin, errors), origin);
            }
            warnings.push(format!("`stages` from {origin} is empty, so it is of no effect"));
        }
        if let Some(Given { value: vus, origin }) = self.vus {
            if self.scenarios.is_some() {
                warnings.push(format!(
                    "`vus` from {origin} replaces the scenarios: {vus} VUs share {vus} iterations; \
                     set `vus` within a scenario to keep it"
                ));
            }
            let model =
                LoadModel::SharedIterations { vus, iterations: vus, max_duration: LoadModel::DEFAULT_MAX_DURATION };
            return single(model, origin);
        }
        if let Some(scenarios) = self.scenarios {
            if !scenarios.value.is_empty() {
                return scenarios;
            }
            warnings.push(format!("`scenarios` from {} is empty: one VU runs one iteration", scenarios.origin));
        }
        let model = LoadModel::PerVuIterations { vus: 1, iterations: 1, max_duration: LoadModel::DEFAULT_MAX_DURATION };
        single(model, "defaults".to_owned())
    }

    /// Notes what can't be given together: the short forms that each say how much load there is, and scenarios.
    fn note_exclusions(&self, errors: &mut Vec<OptionError>) {
        let origin = |given: Option<&String>| given.cloned();
        let iterations = origin(self.iterations.as_ref().map(|given| &given.origin));
        let duration = origin(self.duration.as_ref().map(|given| &given.origin));
        let has_stages = self.stages.as_ref().filter(|given| !given.value.is_empty());
        let stages = origin(has_stages.map(|given| &given.origin));
        let scenarios = self.scenarios.as_ref().map(|given| &given.origin);
        let mut note = |name: &str, origin: &Option<String>, other: &str, other_origin: &str, remedy: &str| {
            let Some(origin) = origin else { return };
            errors.push(OptionError {
                path: name.to_owned(),
                origin: origin.clone(),
                message: format!("can't be given together with `{other}` (from {other_origin}); {remedy}"),
            });
        };
        if let Some(scenarios) = scenarios {
            for (name, origin) in [("iterations", &iterations), ("duration", &duration), ("stages", &stages)] {
                note(name, origin, "scenarios", scenarios, "put it into a scenario");
            }
        }
        if let Some(stages) = &stages {
            note("iterations", &iterations, "stages", stages, "leave one of them out");
            note("duration", &duration, "stages", stages, "give the stages the durations");
        }
    }

    /// Only a ramp may begin without VUs.
    fn note_no_vus(&self, errors: &mut Vec<OptionError>) {
        let ramps = self.stages.as_ref().is_some_and(|given| !given.value.is_empty());
        if let Some(vus) = self.vus.as_ref().filter(|vus| vus.value == 0 && !ramps) {
            errors.push(OptionError {
                path: "vus".to_owned(),
                origin: vus.origin.clone(),
                message: format!("must be 1 to {MAX_VUS}, not 0"),
            });
        }
    }
}

fn ramping_vus(start_vus: u64, stages: Vec<Stage>, origin: &str, errors: &mut Vec<OptionError>) -> LoadModel {
    let fault = ramp_fault(start_vus, &stages);
    let graceful_ramp_down = LoadModel::DEFAULT_GRACEFUL_RAMP_DOWN;
    let model = LoadModel::RampingVus { start_vus, stages, graceful_ramp_down };
    let fault = fault.or_else(|| schedule_fault(&model).map(|error| error.to_string()));
    errors.extend(fault.map(|message| OptionError { path: "stages".to_owned(), origin: origin.to_owned(), message }));
    model
}
