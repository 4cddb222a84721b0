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

    /// VUs whose number goes in straight lines from 1 over the targets of its [stages](Scenario::stage).
    ///
    /// ```
    /// # use throng::prelude::*;
    /// let day = Scenario::ramping_vus().stage("10s", 50).stage("1m", 50).stage("10s", 0);
    /// ```
    pub fn ramping_vus() -> Self {
        Self::new("ramping-vus")
    }

    /// So many iterations a second, begun on whichever of its VUs is idle.
    pub fn constant_arrival_rate(rate: u64, duration: impl Into<DurationText>, pre_allocated_vus: u32) -> Self {
        let scenario = Self::new("constant-arrival-rate").set("rate", rate).set("duration", duration.into());
        scenario.set("preAllocatedVUs", pre_allocated_vus)
    }

    /// The same with a rate that goes in straight lines from 0 over the targets of its [stages](Scenario::stage).
    pub fn ramping_arrival_rate(pre_allocated_vus: u32) -> Self {
        Self::new("ramping-arrival-rate").set("preAllocatedVUs", pre_allocated_vus)
    }

    /// VUs whose number is changed while it runs, `max_vus` at most.
    pub fn externally_controlled(vus: u32, max_vus: u32, duration: impl Into<DurationText>) -> Self {
        let scenario = Self::new("externally-controlled").set("vus", vus).set("maxVUs", max_vus);
        scenario.set("duration", duration.into())
    }

    /// Adds a stretch of time at whose end there are `target` VUs, or iterations a second.
    pub fn stage(mut self, duration: impl Into<DurationText>, target: u64) -> Self {
        let mut stage = Map::new();
        stage.insert("duration".to_owned(), duration.into().into());
        stage.insert("target".to_owned(), target.into());
        if let Value::Array(stages) = self.0.entry("stages").or_insert_with(|| Value::Array(Vec::new())) {
            stages.push(Value::Object(stage));
        }
        self
    }

    /// Up to how many VUs there may be when too few are idle.
    pub fn max_vus(self, vus: u32) -> Self {
        self.set("maxVUs", vus)
    }

    /// The name of the function it runs; `default` otherwise.
    pub fn exec(self, function: &str) -> Self {
        self.set("exec", function)
    }

    /// The name of a `#[setup(scenario)]` function that runs once before the load and returns the data of this
    /// scenario.
    pub fn setup(self, function: &str) -> Self {
        self.set("setup", function)
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
