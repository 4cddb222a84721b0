//! A run's plan: checked and ordered.

use std::time::Duration;

use throng_stats::Registry;

use crate::names::{NamedFunctions, unknown_functions, unknown_metrics};
use crate::options::{OptionErrors, Options};
use crate::portion::{Portion, PortionError};
use crate::requirements::Requirements;
use crate::scenario::Scenario;
use crate::segment::{SegmentTuple, Share};

#[cfg(test)]
mod tests;

/// Everything that a run needs to know before it starts.
///
/// VUs aren't tied to scenarios: a scenario takes any that are idle, so scenarios that don't overlap share them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    options: Options,
    scenarios: Vec<PlannedScenario>,
    requirements: Requirements,
}

/// A scenario with the function it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedScenario {
    scenario: Scenario,
    function: u32,
    setup: Option<u32>,
}

/// Names of a script's functions, each kind in the script's order.
#[derive(Debug, Clone, Copy)]
pub struct Functions<'a> {
    /// Those that iterations call.
    pub iterations: &'a [String],
    /// Those that may be a scenario's setup.
    pub setups: &'a [String],
}

/// One of several shards that share an agent's part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// A shard's place among all.
    ///
    /// # Panics
    ///
    /// When `index` isn't below `count`.
    pub fn new(index: u32, count: u32) -> Self {
        assert!(index < count, "shard {index} of {count}");
        Self { index, count }
    }

    /// Its place.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub(crate) fn count(self) -> u32 {
        self.count
    }

    /// The place that it has when counting begins after so many elements.
    pub(crate) fn after(self, elements: u64) -> Self {
        let begin = (elements % u64::from(self.count)) as u32;
        let index = if self.index >= begin { self.index - begin } else { self.index + self.count - begin };
        Self { index, count: self.count }
    }
}

impl Plan {
    /// Checks options against the script and the metrics, and plans.
    ///
    /// `registry` holds the script's metrics too.
    ///
    /// # Errors
    ///
    /// Every scenario that names functions that the script doesn't have, and every threshold that the metrics don't allow.
    pub fn new(options: Options, functions: Functions<'_>, registry: &Registry) -> Result<Self, OptionErrors> {
        let mut scenarios = options.scenarios.clone();
        scenarios.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
        let named: Vec<_> = scenarios.iter().map(NamedFunctions::of).collect();
        let mut errors = unknown_functions(&named, functions, &options.scenarios_origin);
        errors.extend(unknown_metrics(&options, registry));
        if !errors.is_empty() {
            return Err(OptionErrors(errors));
        }
        let mut planned: Vec<PlannedScenario> = Vec::new();
        for scenario in scenarios {
            let function = functions.iterations.iter().position(|name| *name == scenario.exec).unwrap_or_default();
            let named = scenario.setup.as_ref();
            let setup = named.and_then(|setup| functions.setups.iter().position(|name| name == setup));
            let (function, setup) = (function as u32, setup.map(|place| place as u32));
            planned.push(PlannedScenario { function, setup, scenario });
        }
        let scenarios: Vec<_> = planned.iter().map(|planned| planned.scenario.clone()).collect();
        // Options whose scenarios have no schedule were refused.
        let requirements = Requirements::of(&scenarios, &Share::of_agent(options.segment.clone())).unwrap_or_default();
        Ok(Self { scenarios: planned, requirements, options })
    }

    /// The part of a shard of an agent.
    ///
    /// # Errors
    ///
    /// When a scenario can't be divided so.
    pub fn portion(&self, agent: &SegmentTuple, shard: Shard) -> Result<Portion, PortionError> {
        let scenarios: Vec<_> = self.scenarios.iter().map(|planned| planned.scenario.clone()).collect();
        Portion::new(&scenarios, agent, shard)
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The scenarios by start and name.
    pub fn scenarios(&self) -> &[PlannedScenario] {
        &self.scenarios
    }

    /// How many VUs there may be at any time in the segment of the options, graceful periods counted.
    pub fn max_vus(&self) -> u64 {
        self.requirements.max_vus
    }

    /// The longest the scenarios can take, graceful periods counted; setup and teardown aren't. [`Duration::MAX`] if one has
    /// no end.
    pub fn duration(&self) -> Duration {
        self.requirements.end
    }
}

impl PlannedScenario {
    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Index of its function among those of the script.
    pub fn function(&self) -> u32 {
        self.function
    }

    /// Index of its setup among the functions of the script for that; none without.
    pub fn setup(&self) -> Option<u32> {
        self.setup
    }
}
