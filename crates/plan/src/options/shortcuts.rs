//! From short forms to scenarios.

use std::time::Duration;

use super::error::OptionError;
use super::partial::Given;
use super::scenarios::fewer_than_vus;
use crate::load_model::LoadModel;
use crate::scenario::Scenario;

/// What the layers together say about load.
pub(super) struct Shortcuts {
    pub(super) vus: Option<Given<u64>>,
    pub(super) iterations: Option<Given<u64>>,
    pub(super) duration: Option<Given<Duration>>,
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

    fn note_exclusions(&self, errors: &mut Vec<OptionError>) {
        let Some(scenarios) = &self.scenarios else {
            return;
        };
        let given = [
            ("iterations", self.iterations.as_ref().map(|given| &given.origin)),
            ("duration", self.duration.as_ref().map(|given| &given.origin)),
        ];
        for (name, origin) in given {
            if let Some(origin) = origin {
                errors.push(OptionError {
                    path: name.to_owned(),
                    origin: origin.clone(),
                    message: format!(
                        "can't be given together with `scenarios` (from {}); put it into a scenario",
                        scenarios.origin
                    ),
                });
            }
        }
    }
}
