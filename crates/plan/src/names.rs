//! Names in options that only a script gives a meaning: of functions and of metrics.

use throng_stats::{Registry, ValidationError};

use crate::options::{OptionError, Options, member, suggestion};
use crate::plan::Functions;
use crate::scenario::Scenario;

/// The functions that a scenario names; none where it names none.
#[derive(Debug, Clone)]
pub(crate) struct NamedFunctions {
    pub(crate) scenario: String,
    pub(crate) exec: Option<String>,
    pub(crate) setup: Option<String>,
}

impl NamedFunctions {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        Self { scenario: scenario.name.clone(), exec: Some(scenario.exec.clone()), setup: scenario.setup.clone() }
    }
}

/// What is wrong with scenarios whose functions the script doesn't have.
pub(crate) fn unknown_functions(
    scenarios: &[NamedFunctions],
    functions: Functions<'_>,
    origin: &str,
) -> Vec<OptionError> {
    let unknown = |scenario: &str, key: &str, message: String| OptionError {
        path: format!("{}.{key}", member("scenarios", scenario)),
        origin: origin.to_owned(),
        message,
    };
    let mut errors = Vec::new();
    for NamedFunctions { scenario, exec, setup } in scenarios {
        if let Some(exec) = exec.as_ref().filter(|exec| !functions.iterations.contains(exec)) {
            errors.push(unknown(scenario, "exec", unknown_function(exec, functions)));
        }
        if let Some(setup) = setup.as_ref().filter(|setup| !functions.setups.contains(setup)) {
            errors.push(unknown(scenario, "setup", unknown_setup(setup, functions)));
        }
    }
    errors
}

/// What is wrong with thresholds that the metrics don't allow.
pub(crate) fn unknown_metrics(options: &Options, registry: &Registry) -> Vec<OptionError> {
    let misfits = options.thresholds.validate(registry).into_iter();
    misfits
        .map(|misfit| OptionError {
            path: member("thresholds", misfit.metric()),
            origin: options.thresholds_origin.clone(),
            message: format!("{misfit}{}", nearest_metric(&misfit, registry)),
        })
        .collect()
}

fn unknown_function(name: &str, functions: Functions<'_>) -> String {
    let other =
        if functions.setups.iter().any(|setup| setup == name) { " for iterations, only for `setup`" } else { "" };
    format!("the script has no function `{name}`{other}; {}", there_are(functions.iterations))
}

fn unknown_setup(name: &str, functions: Functions<'_>) -> String {
    let other = if functions.iterations.iter().any(|one| one == name) { ", only for `exec`" } else { "" };
    format!("the script has no function `{name}` for setting up a scenario{other}; {}", there_are(functions.setups))
}

fn there_are(names: &[String]) -> String {
    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
}

/// The metric that may have been meant, as text to append.
fn nearest_metric(misfit: &ValidationError, registry: &Registry) -> String {
    let ValidationError::UnknownMetric { metric } = misfit else { return String::new() };
    let known = registry.iter().map(|(_, definition)| definition.name.as_str());
    suggestion(metric, known).unwrap_or_default()
}
