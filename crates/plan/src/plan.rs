//! A run's plan: checked, ordered, numbered.

use std::ops::Range;
use std::time::Duration;

use throng_stats::{Registry, ValidationError};

use crate::options::{OptionError, OptionErrors, Options, member, suggestion};
use crate::portion::{Portion, PortionError};
use crate::scenario::Scenario;
use crate::segment::SegmentTuple;

#[cfg(test)]
mod tests;

/// Executors that are read and have a schedule, and that no agent drives yet: [`Plan::new`] refuses them. Who teaches the
/// agent one takes it off this list.
const NOT_DRIVEN_YET: [&str; 4] =
    ["ramping-vus", "constant-arrival-rate", "ramping-arrival-rate", "externally-controlled"];

/// Everything that a run needs to know before it starts.
///
/// VUs have numbers from 0 to [`Plan::max_vus`]. A scenario takes the lowest numbers
/// that no scenario before it holds at that time, so scenarios that don't overlap share VUs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    options: Options,
    scenarios: Vec<PlannedScenario>,
    max_vus: u64,
    duration: Duration,
}

/// A scenario with the function it calls and the VUs it uses.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedScenario {
    scenario: Scenario,
    function: u32,
    vus: Vec<Range<u64>>,
}

/// One of several shards that share a run: VU n belongs to the shard n modulo their count.
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

    /// Whether a VU belongs to it.
    pub fn owns(self, vu: u64) -> bool {
        vu % u64::from(self.count) == u64::from(self.index)
    }

    /// How many of the VUs 0 to `vus` (exclusive) belong to it.
    pub fn share_of(self, vus: u64) -> u64 {
        let (index, count) = (u64::from(self.index), u64::from(self.count));
        vus / count + u64::from(index < vus % count)
    }

    /// Its VUs of a range of numbers, lowest first.
    pub fn vus_in(self, range: Range<u64>) -> impl Iterator<Item = u64> {
        let (index, count) = (u64::from(self.index), u64::from(self.count));
        let behind = (range.start + count - index) % count;
        let first = range.start + (count - behind) % count;
        (first..range.end).step_by(self.count as usize)
    }
}

impl Plan {
    /// Checks options against the script and the metrics, and plans.
    ///
    /// `functions` are the names of the script's functions in the script's order;
    /// `registry` holds the script's metrics too.
    ///
    /// # Errors
    ///
    /// Every scenario that names a function that the script doesn't have or whose load model isn't driven
    /// yet, and every threshold that the metrics don't allow.
    pub fn new(options: Options, functions: &[String], registry: &Registry) -> Result<Self, OptionErrors> {
        let mut errors = Vec::new();
        let mut scenarios = options.scenarios.clone();
        scenarios.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
        let mut planned: Vec<PlannedScenario> = Vec::new();
        for scenario in scenarios {
            let function = functions.iter().position(|name| *name == scenario.exec);
            if function.is_none() {
                errors.push(unknown_function(&scenario, functions, &options.scenarios_origin));
            }
            errors.extend(not_driven(&scenario, &options.scenarios_origin));
            planned.push(PlannedScenario {
                vus: free_vus(&planned, &scenario),
                function: function.unwrap_or_default() as u32,
                scenario,
            });
        }
        let misfits = options.thresholds.validate(registry).into_iter();
        errors.extend(misfits.map(|misfit| OptionError {
            path: member("thresholds", misfit.metric()),
            origin: options.thresholds_origin.clone(),
            message: format!("{misfit}{}", nearest_metric(&misfit, registry)),
        }));
        if !errors.is_empty() {
            return Err(OptionErrors(errors));
        }
        let ends = planned.iter().flat_map(|planned| planned.vus.last());
        let hard_ends = planned.iter().map(|planned| planned.scenario.hard_end());
        Ok(Self {
            max_vus: ends.map(|range| range.end).max().unwrap_or_default(),
            duration: hard_ends.max().unwrap_or_default(),
            scenarios: planned,
            options,
        })
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

    /// How many VUs there must be: the largest number planned at any time, graceful
    /// periods counted.
    pub fn max_vus(&self) -> u64 {
        self.max_vus
    }

    /// The longest the scenarios can take, graceful periods counted; setup and
    /// teardown aren't.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The VUs that a shard must have, lowest number first.
    pub fn vus_on(&self, shard: Shard) -> impl Iterator<Item = u64> {
        shard.vus_in(0..self.max_vus)
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

    /// The numbers of its VUs.
    pub fn vus(&self) -> &[Range<u64>] {
        &self.vus
    }

    /// The numbers of its VUs on a shard, lowest first.
    pub fn vus_on(&self, shard: Shard) -> impl Iterator<Item = u64> {
        let ranges = self.vus.iter().cloned();
        ranges.flat_map(move |range| shard.vus_in(range))
    }
}

/// The lowest numbers that are free while the scenario runs. `earlier` begin before it or at
/// the same time, so those in its way are the ones that aren't over when it begins; as it
/// always takes the lowest numbers, the highest ever used is the most VUs used at a time.
fn free_vus(earlier: &[PlannedScenario], scenario: &Scenario) -> Vec<Range<u64>> {
    let in_the_way = earlier.iter().filter(|other| other.scenario.hard_end() > scenario.start);
    let mut taken: Vec<_> = in_the_way.flat_map(|other| other.vus.iter().cloned()).collect();
    taken.sort_by_key(|range| range.start);
    let mut free = Vec::new();
    let (mut missing, mut next) = (scenario.model.vus(), 0);
    for range in taken {
        let gap = range.start.saturating_sub(next).min(missing);
        if gap > 0 {
            free.push(next..next + gap);
            missing -= gap;
        }
        next = next.max(range.end);
    }
    if missing > 0 {
        free.push(next..next + missing);
    }
    free
}

fn not_driven(scenario: &Scenario, origin: &str) -> Option<OptionError> {
    let executor = scenario.model.executor_name();
    NOT_DRIVEN_YET.contains(&executor).then(|| OptionError {
        path: format!("scenarios.{}.executor", scenario.name),
        origin: origin.to_owned(),
        message: format!(
            "`{executor}` can't be run yet; use constant-vus, per-vu-iterations or shared-iterations (of the short forms, \
             `stages` is a ramping-vus scenario)"
        ),
    })
}

fn unknown_function(scenario: &Scenario, functions: &[String], origin: &str) -> OptionError {
    let there_are = match functions {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    };
    OptionError {
        path: format!("scenarios.{}.exec", scenario.name),
        origin: origin.to_owned(),
        message: format!("the script has no function `{}`; {there_are}", scenario.exec),
    }
}

/// The metric that may have been meant, as text to append.
fn nearest_metric(misfit: &ValidationError, registry: &Registry) -> String {
    let ValidationError::UnknownMetric { metric } = misfit else { return String::new() };
    let known = registry.iter().map(|(_, definition)| definition.name.as_str());
    suggestion(metric, known).unwrap_or_default()
}
