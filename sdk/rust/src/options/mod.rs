//! The options of a script: how it is run, and when it counts as passed.

mod duration;
mod scenario;

pub use duration::DurationText;
pub use scenario::Scenario;
use serde_json::{Map, Value};
use std::fmt;

/// Options in k6's shape. Built step by step, or from JSON, or both.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let built = Options::new()
///     .scenario("browse", Scenario::constant_vus(20, "1m").exec("browse"))
///     .threshold("http_req_duration", "p(95)<500")
///     .tag("team", "shop");
///
/// let same = Options::json(json!({
///     "scenarios": { "browse": { "executor": "constant-vus", "vus": 20, "duration": "1m", "exec": "browse" } },
///     "thresholds": { "http_req_duration": ["p(95)<500"] },
///     "tags": { "team": "shop" },
/// }));
/// assert_eq!(built, same);
/// ```
///
/// What a builder has no method for is set by its name with [`Options::set`]. The host checks names and values and
/// reports all mistakes at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options(Map<String, Value>);

impl Options {
    /// No options: one VU, one iteration of `default`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Options from JSON.
    ///
    /// # Panics
    ///
    /// When it isn't an object.
    #[track_caller]
    pub fn json(json: Value) -> Self {
        match json {
            Value::Object(map) => Self(map),
            other => panic!("options are a JSON object, not {other}"),
        }
    }

    /// How many VUs run. With neither iterations nor a duration each runs one iteration.
    pub fn vus(self, vus: u32) -> Self {
        self.set("vus", vus)
    }

    /// How many iterations all VUs run together.
    pub fn iterations(self, iterations: u64) -> Self {
        self.set("iterations", iterations)
    }

    /// For how long VUs run iterations.
    pub fn duration(self, duration: impl Into<DurationText>) -> Self {
        self.set("duration", duration.into())
    }

    /// Adds a scenario under a name of letters, digits, `_` and `-`.
    pub fn scenario(mut self, name: &str, scenario: Scenario) -> Self {
        entry(&mut self.0, "scenarios").insert(name.to_owned(), scenario.into());
        self
    }

    /// Adds a condition for passing, such as `p(95)<500`, on a metric or a part of one,
    /// `http_req_duration{name:login}`.
    pub fn threshold(mut self, metric: &str, condition: &str) -> Self {
        self.push_threshold(metric, condition.into());
        self
    }

    /// Adds a condition that ends the run at once when it doesn't hold.
    pub fn threshold_or_abort(mut self, metric: &str, condition: &str) -> Self {
        self.push_threshold(metric, serde_json::json!({ "threshold": condition, "abortOnFail": true }));
        self
    }

    /// Adds a tag that all samples carry.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        entry(&mut self.0, "tags").insert(key.to_owned(), value.into());
        self
    }

    /// Whether bodies of responses are counted and dropped, unless a request says otherwise.
    pub fn discard_response_bodies(self, discard: bool) -> Self {
        self.set("discardResponseBodies", discard)
    }

    /// Sets any option by k6's name.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn push_threshold(&mut self, metric: &str, condition: Value) {
        let conditions = entry(&mut self.0, "thresholds").entry(metric).or_insert_with(|| Value::Array(Vec::new()));
        match conditions {
            Value::Array(list) => list.push(condition),
            // k6 takes one condition without a list, too.
            single => *single = Value::Array(vec![single.take(), condition]),
        }
    }
}

/// The object under a name; another value there, which the host would refuse, gives way to an empty one.
fn entry<'a>(map: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("made an object above"),
    }
}

impl From<Value> for Options {
    #[track_caller]
    fn from(json: Value) -> Self {
        Self::json(json)
    }
}

impl fmt::Display for Options {
    /// Writes the JSON.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_string(&self.0) {
            Ok(json) => formatter.write_str(&json),
            Err(_) => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn what_is_built_is_what_k6_would_be_given() {
        let options = Options::new()
            .vus(3)
            .duration(Duration::from_millis(1500))
            .threshold("http_reqs", "count>1")
            .threshold_or_abort("http_reqs", "rate>2")
            .scenario("a", Scenario::per_vu_iterations(2, 5).start_time("1s").tag("x", "y").env("N", "1"))
            .set("userAgent", "me");
        let expected = json!({
            "vus": 3,
            "duration": "1500ms",
            "thresholds": { "http_reqs": ["count>1", { "threshold": "rate>2", "abortOnFail": true }] },
            "scenarios": { "a": {
                "executor": "per-vu-iterations", "vus": 2, "iterations": 5,
                "startTime": "1s", "tags": { "x": "y" }, "env": { "N": "1" },
            } },
            "userAgent": "me",
        });
        assert_eq!(options, Options::json(expected));
    }

    #[test]
    fn every_executor_has_its_fields() {
        let rate = Scenario::constant_arrival_rate(50, "1m", 10).max_vus(20);
        let ramp = Scenario::ramping_vus().stage("10s", 5).stage("0s", 0);
        let options = Options::new()
            .scenario("a", rate)
            .scenario("b", ramp)
            .scenario("c", Scenario::ramping_arrival_rate(7).stage("1s", 9))
            .scenario("d", Scenario::externally_controlled(1, 4, "0s"));
        let expected = json!({ "scenarios": {
            "a": {
                "executor": "constant-arrival-rate", "rate": 50, "duration": "1m", "preAllocatedVUs": 10, "maxVUs": 20,
            },
            "b": { "executor": "ramping-vus", "stages": [
                { "duration": "10s", "target": 5 }, { "duration": "0s", "target": 0 },
            ] },
            "c": {
                "executor": "ramping-arrival-rate", "preAllocatedVUs": 7, "stages": [{ "duration": "1s", "target": 9 }],
            },
            "d": { "executor": "externally-controlled", "vus": 1, "maxVUs": 4, "duration": "0s" },
        } });
        assert_eq!(options, Options::json(expected));
    }

    #[test]
    fn conditions_are_added_to_those_given_as_json() {
        let options = Options::json(json!({ "thresholds": { "checks": "rate>0.9" } })).threshold("checks", "rate<2");
        assert_eq!(options.to_string(), r#"{"thresholds":{"checks":["rate>0.9","rate<2"]}}"#);
    }
}
