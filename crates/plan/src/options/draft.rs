//! From layers to options: what they mean together, and all that is wrong.

use std::collections::BTreeMap;

use throng_stats::{Registry, Thresholds};

use super::partial::{Given, Partial};
use super::{Layer, OptionError, OptionErrors, Options, fields, origins};
use crate::names::{NamedFunctions, unknown_functions, unknown_metrics};
use crate::plan::Functions;

/// Options that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The options.
    pub options: Options,
    /// What the user should know, each a sentence.
    pub warnings: Vec<String>,
    /// The layer that each option comes from, by its key; those under `throng` as `throng.seed`. What isn't given
    /// anywhere isn't here.
    pub origins: BTreeMap<String, String>,
}

/// Layers as far as they could be read. What else is wrong is noted here too, so that all of it is told at once.
#[derive(Debug)]
pub struct Draft {
    options: Options,
    /// The functions that scenarios name, also those that are wrong otherwise; none if the layers give no scenarios.
    functions: Option<Given<Vec<NamedFunctions>>>,
    /// Whether a layer is no options at all, so that nobody knows which scenarios it has.
    is_partial: bool,
    warnings: Vec<String>,
    origins: BTreeMap<String, String>,
    errors: Vec<OptionError>,
}

/// Lays options over each other, the lowest layer first, and reads what they mean.
///
/// A key in a higher layer replaces that of a lower one, maps included. A layer that sets
/// `duration`, `iterations`, `stages` or `scenarios` drops all four of lower layers (k6's
/// rule). Of what is left, the first that is given decides: `iterations`
/// (shared-iterations), `duration` (constant-vus), `stages` (ramping-vus), `vus` alone (as many
/// shared iterations as VUs, instead of scenarios), `scenarios`, or one iteration of one VU.
///
/// # Errors
///
/// Everything that is wrong in any layer, even where a higher layer replaces it: unknown keys,
/// wrong types, values out of range, options of k6 that aren't supported yet, short forms
/// that exclude each other.
pub fn resolve(layers: &[Layer]) -> Result<Resolved, OptionErrors> {
    Draft::read(layers).finish()
}

impl Draft {
    /// Reads layers as [`resolve`] does.
    pub fn read(layers: &[Layer]) -> Self {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let mut merged = Partial::default();
        for layer in layers {
            let upper = Partial::read(layer, &mut errors);
            merged = merged.overlaid(upper, &mut warnings);
            warnings.extend(without_effect(layer));
        }
        let functions = merged.functions.take();
        let options = merged.into_options(&mut errors, &mut warnings);
        let is_whole = |layer: &Layer| layer.value.is_object() || layer.value.is_null() && layer.faults.is_empty();
        let is_partial = !layers.iter().all(is_whole);
        Self { options, functions, is_partial, warnings, origins: origins::of(layers), errors }
    }

    /// The options; where one couldn't be read, its default.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The layer that an option comes from, as [`Resolved::origins`] has it.
    pub fn origin_of(&self, key: &str) -> &str {
        self.origins.get(key).map_or("defaults", String::as_str)
    }

    /// Leaves thresholds aside, right or wrong as they may be for the metrics that there are.
    pub fn drop_thresholds(&mut self) {
        self.options.thresholds = Thresholds::new();
    }

    /// Notes every scenario that names functions that the script doesn't have, and every threshold that the metrics
    /// don't allow; see [`Plan::new`](crate::Plan::new).
    pub fn check_names(&mut self, functions: Functions<'_>, registry: &Registry) {
        let unknown = match &self.functions {
            // What was wrong otherwise may be what would have given other scenarios.
            Some(given) if !self.errors.is_empty() => unknown_functions(&given.value, functions, &given.origin),
            None if self.is_partial => Vec::new(),
            _ => {
                let named: Vec<_> = self.options.scenarios.iter().map(NamedFunctions::of).collect();
                unknown_functions(&named, functions, &self.options.scenarios_origin)
            }
        };
        self.errors.extend(unknown);
        self.errors.extend(unknown_metrics(&self.options, registry));
    }

    /// Notes what else is wrong.
    pub fn note(&mut self, errors: impl IntoIterator<Item = OptionError>) {
        self.errors.extend(errors);
    }

    /// The options, if nothing is wrong.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    pub fn finish(self) -> Result<Resolved, OptionErrors> {
        if !self.errors.is_empty() {
            return Err(OptionErrors(self.errors));
        }
        Ok(Resolved { options: self.options, warnings: self.warnings, origins: self.origins })
    }
}

/// A sentence on each option that is read for k6's sake only.
fn without_effect(layer: &Layer) -> impl Iterator<Item = String> {
    let given =
        fields::TOP_WITHOUT_EFFECT.into_iter().filter(|(key, _)| layer.value.get(key).is_some_and(|at| !at.is_null()));
    given.filter_map(|(key, why)| Some(format!("`{key}` from {} is of no effect: {}", layer.origin_of(key), why?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn errors(layers: &[Layer], functions: &[&str]) -> Vec<String> {
        let mut draft = Draft::read(layers);
        let functions: Vec<_> = functions.iter().map(|name| (*name).to_owned()).collect();
        draft.check_names(Functions { iterations: &functions, setups: &[] }, &Registry::new());
        let errors = draft.finish().map_or_else(|errors| errors.0, |_| Vec::new());
        errors.iter().map(|error| format!("{} (from {})", error.path, error.origin)).collect()
    }

    fn script(value: Value) -> Layer {
        Layer::new("script", value)
    }

    #[test]
    fn unknown_names_are_told_together_with_all_else() {
        let options = json!({
            "vuss": 1,
            "scenarios": {
                "a": {"executor": "constant-vus", "exec": "nope", "setup": "missing"},
                "b": {"executor": "constant-vu", "exec": "nor this"},
                "c": {"executor": "constant-vus", "duration": "5s", "exec": 5},
                "d e": {"executor": "constant-vus", "duration": "5s"},
            },
            "thresholds": {
                "chekcs": ["rat>1", "rate>1"],
                "http_reqs": ["p(95)<1", {"threshold": "count>1", "abortOnFail": 1}],
                "checks": 5,
                "no_metric": {},
            },
        });
        assert_eq!(
            errors(&[script(options)], &["one"]),
            [
                "vuss (from script)",
                "scenarios.a.duration (from script)",
                "scenarios.b.executor (from script)",
                "scenarios.c.exec (from script)",
                "scenarios[\"d e\"] (from script)",
                "thresholds.chekcs[0] (from script)",
                "thresholds.http_reqs[1].abortOnFail (from script)",
                "thresholds.checks (from script)",
                "thresholds.no_metric (from script)",
                "scenarios.a.exec (from script)",
                "scenarios.a.setup (from script)",
                "scenarios.b.exec (from script)",
                "scenarios[\"d e\"].exec (from script)",
                "thresholds.chekcs (from script)",
                "thresholds.http_reqs (from script)",
                "thresholds.no_metric (from script)",
            ]
        );
    }

    #[test]
    fn no_name_is_unknown_only_since_something_else_is_wrong() {
        let scenarios = json!({"scenarios": {"a": {"executor": "constant-vus", "exec": "one", "duration": 0}}});
        for (layers, wanted) in [
            (vec![script(scenarios.clone())], vec!["scenarios.a.duration (from script)"]),
            (vec![script(json!({"scenarios": 5}))], vec!["scenarios (from script)"]),
            (vec![script(json!([]))], vec!["options (from script)"]),
            (vec![Layer::of_json("file", "{")], vec!["line 1, column 1 (from file)"]),
            (
                vec![script(json!({"duration": "x"}))],
                vec!["duration (from script)", "scenarios.default.exec (from defaults)"],
            ),
            // What replaces the scenarios is wrong, and does so all the same.
            (
                vec![
                    script(json!({"scenarios": {"a": {"executor": "constant-vus", "exec": "nope", "duration": "5s"}}})),
                    Layer::new("flags", json!({"iterations": 5, "vuss": 1})),
                ],
                vec!["vuss (from flags)", "scenarios.default.exec (from flags)"],
            ),
        ] {
            assert_eq!(errors(&layers, &["one"]), wanted);
        }
    }

    #[test]
    fn thresholds_that_are_left_aside_need_no_metrics() {
        let mut draft = Draft::read(&[script(json!({"thresholds": {"chekcs": ["rate>1"]}}))]);
        draft.drop_thresholds();
        let functions = ["default".to_owned()];
        draft.check_names(Functions { iterations: &functions, setups: &[] }, &Registry::new());
        assert!(draft.finish().is_ok_and(|resolved| resolved.options.thresholds.is_empty()));
    }
}
