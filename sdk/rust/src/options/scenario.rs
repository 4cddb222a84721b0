//! One entry of `scenarios`.

use super::{DurationText, entry};
use serde_json::{Map, Value};

/// How a function is run: by how many VUs, how often, when.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario(Map<String, Value>);

impl Scenario {
    /// A scenario of any executor by its k6 name; its fields are given with [`Scenario::set`].
    pub fn new(executor: &str) -> Self {
        Self(Map::new()).set("executor", executor)
    }

    /// A fixed number of VUs that run iterations for some time.
    pub fn constant_vus(vus: u32, duration: impl Into<DurationText>) -> Self {
        Self::new("constant-vus").set("vus", vus).set("duration", duration.into())
    }

    /// Each VU runs this many iterations.
    pub fn per_vu_iterations(vus: u32, iterations: u64) -> Self {
        Self::new("per-vu-iterations").set("vus", vus).set("iterations", iterations)
    }

    /// All VUs together run this many iterations; fast ones run more of them.
    pub fn shared_iterations(vus: u32, iterations: u64) -> Self {
        Self::new("shared-iterations").set("vus", vus).set("iterations", iterations)
    }

    /// The name of the function it runs; `default` otherwise.
    pub fn exec(self, function: &str) -> Self {
        self.set("exec", function)
    }

    /// When it begins, after the start of the run.
    pub fn start_time(self, offset: impl Into<DurationText>) -> Self {
        self.set("startTime", offset.into())
    }

    /// How long iterations may go on after its end; 30 s otherwise.
    pub fn graceful_stop(self, duration: impl Into<DurationText>) -> Self {
        self.set("gracefulStop", duration.into())
    }

    /// When executors that count iterations give up; 10 minutes otherwise.
    pub fn max_duration(self, duration: impl Into<DurationText>) -> Self {
        self.set("maxDuration", duration.into())
    }

    /// Adds a tag for its samples.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        entry(&mut self.0, "tags").insert(key.to_owned(), value.into());
        self
    }

    /// Adds a variable that only it sees.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        entry(&mut self.0, "env").insert(name.to_owned(), value.into());
        self
    }

    /// Sets any field by k6's name.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl From<Scenario> for Value {
    fn from(scenario: Scenario) -> Self {
        Self::Object(scenario.0)
    }
}
