//! What the conductor knows of a run that goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use throng_plan::segment::Fraction;
use throng_plan::{Arrivals, LoadModel, Plan, Portion, Scenario};
use throng_stats::{
    Aggregate, Outcome, Recorder, Registry, SourceId, Stamp, TagSet, Thresholds, Totals, Window, WindowSeries, builtin,
};
use throng_transport::{Clock, Nanos};

use super::vus::VusAt;
use crate::command::{ScenarioCounts, ShardReport};
use crate::handle::RunStatus;
use crate::health::ShardUsage;
use crate::observer::{Progress, Rate, ScenarioProgress};

/// What one shard has said last.
#[derive(Default)]
pub(super) struct ShardState {
    pub(super) scenarios: Vec<ScenarioCounts>,
    /// Iterations begun a second, by scenario, between the last two windows.
    rates: Vec<f64>,
    /// The time of the last window.
    reported_at: Duration,
    pub(super) vus_initialized: u64,
    /// When the load began, and last.
    pub(super) usage: (ShardUsage, ShardUsage),
    /// Whether its scenarios had ended a second ago.
    had_ended: bool,
}

/// What is known of a scenario from the beginning.
struct Outline {
    /// Iterations of this agent.
    planned: Option<u64>,
    arrivals: Option<Arrivals>,
}

/// The merged run so far.
pub(super) struct RunState {
    pub(super) totals: Totals,
    thresholds: Thresholds,
    /// For the samples that belong to no shard: iterations that nobody took.
    recorder: Recorder,
    run_tags: TagSet,
    pub(super) shards: Vec<ShardState>,
    pub(super) outcomes: Vec<Outcome>,
    /// When the run began, which is before setup and after the VUs were made (k6's rule).
    began: (Instant, Nanos),
    pub(super) load_began: Option<Instant>,
    pub(super) load_ended: Option<Instant>,
    peak_sockets: u32,
    vus_at: VusAt,
    /// Iterations of shared counters that nobody took, by scenario.
    dropped_by_all: Vec<u64>,
    outlines: Vec<Outline>,
    agent_part: Fraction,
}

impl RunState {
    /// `portions` are the shards'.
    pub(super) fn new(registry: &Arc<Registry>, plan: &Plan, portions: &[Portion], detail: bool) -> Self {
        let thresholds = plan.options().thresholds.clone();
        let totals = Totals::new(Arc::clone(registry), &thresholds.selectors()).with_spans(&thresholds.spans());
        let mut states = Vec::new();
        states.resize_with(portions.len(), ShardState::default);
        let count = plan.scenarios().len();
        for (shard, portion) in states.iter_mut().zip(portions) {
            let planned = portion.scenarios().iter().map(|own| own.planned_vus());
            let counts = planned.map(|vus_max| ScenarioCounts { vus_max, ..ScenarioCounts::default() });
            (shard.scenarios, shard.rates) = (counts.collect(), vec![0.0; count]);
        }
        let outlines = plan.scenarios().iter().enumerate().map(|(index, planned)| {
            let own = portions.iter().map(|portion| portion.scenarios()[index].planned_iterations());
            let is_shared = matches!(planned.scenario().model, LoadModel::SharedIterations { .. });
            // Shared iterations are the agent's, and 0 for a shard that has no VU for them.
            let add = |sum: u64, own: u64| if is_shared { sum.max(own) } else { sum.saturating_add(own) };
            let planned_iterations = own.reduce(|sum, own| Some(add(sum?, own?))).flatten();
            Outline { planned: planned_iterations, arrivals: planned.scenario().model.arrivals().ok().flatten() }
        });
        let outlines = outlines.collect();
        Self {
            totals: if detail { totals.with_detail() } else { totals },
            thresholds,
            recorder: Recorder::new(Arc::clone(registry), SourceId(u32::MAX)),
            run_tags: TagSet::from_pairs(plan.options().tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
            shards: states,
            outcomes: Vec::new(),
            began: (Instant::now(), Clock::now()),
            load_began: None,
            load_ended: None,
            peak_sockets: 0,
            vus_at: VusAt::default(),
            dropped_by_all: vec![0; count],
            outlines,
            agent_part: plan.options().segment.length(),
        }
    }

    /// The run's time counts from now on.
    pub(super) fn begin(&mut self) {
        self.began = (Instant::now(), Clock::now());
    }

    /// When the run began, by the shards' clock.
    pub(super) fn began(&self) -> Nanos {
        self.began.1
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.0.elapsed()
    }

    /// Takes in what a shard says of a second. Returns what the person who runs the test should know of it.
    pub(super) fn merge(&mut self, shard: usize, report: ShardReport) -> Vec<String> {
        self.totals.merge(&report.window);
        let registry = self.totals.registry();
        let overflows = report.window.overflows.iter();
        let messages = overflows.map(|overflow| overflow.message(&registry.get(overflow.metric).name)).collect();
        self.vus_at.note(shard, &report);
        let state = &mut self.shards[shard];
        let seconds = report.window.at.saturating_sub(state.reported_at).as_secs_f64();
        if seconds > 0.0 {
            let both = report.scenarios.iter().zip(&state.scenarios);
            state.rates = both.map(|(now, before)| (now.begun - before.begun) as f64 / seconds).collect();
            state.reported_at = report.window.at;
        }
        state.scenarios = report.scenarios;
        state.vus_initialized = report.vus_initialized;
        state.usage.1 = report.usage;
        let sockets = self.shards.iter().map(|shard| shard.usage.1.sockets).sum();
        self.peak_sockets = self.peak_sockets.max(sockets);
        messages
    }

    /// The seconds of which all shards that still run have said how many VUs they had: active, initialised.
    pub(super) fn counted_vus(&mut self) -> Vec<(u64, u64)> {
        let shards = &self.shards;
        let has_ended = |shard: usize| shards[shard].scenarios.iter().all(|counts| counts.ended);
        self.vus_at.take_complete(shards.len(), has_ended)
    }

    /// A shard whose scenarios have ended says nothing more of its VUs. While others go on, it has none.
    pub(super) fn sample_ended(&mut self) {
        if self.load_began.is_none() || self.load_ended.is_some() {
            return;
        }
        let at = self.elapsed();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            let has_ended = shard.scenarios.iter().all(|counts| counts.ended);
            if std::mem::replace(&mut shard.had_ended, has_ended) && has_ended {
                let source = SourceId(number as u32);
                let stamp = Stamp { at, source, order: 0 };
                let delta = Aggregate::Gauge { last: 0.0, min: 0.0, max: 0.0, stamp };
                let series = vec![WindowSeries { metric: builtin::VUS, tags: TagSet::empty(), delta }];
                self.totals.merge(&Window { source, at, series, overflows: Vec::new() });
            }
        }
    }

    pub(super) fn peak_sockets(&self) -> u32 {
        self.peak_sockets
    }

    /// Iterations that this agent is to start, where that is fixed.
    pub(super) fn planned_iterations(&self, index: usize) -> Option<u64> {
        self.outlines[index].planned
    }

    /// Iterations of a shared counter that nobody took.
    pub(super) fn add_dropped(&mut self, index: usize, scenario: &str, tags: &BTreeMap<String, String>, count: u64) {
        self.dropped_by_all[index] += count;
        let tags = TagSet::from_pairs(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let tags = self.run_tags.merged(&tags).with("scenario", scenario);
        let [dropped, ratio] = [builtin::DROPPED_ITERATIONS, builtin::DROPPED_ITERATIONS_RATIO]
            .map(|metric| self.recorder.series(metric, &tags));
        self.recorder.increment(dropped, count);
        self.recorder.rates(ratio, count, count);
        let window = self.recorder.take(self.elapsed());
        self.totals.merge(&window);
        self.recorder.recycle(window);
    }

    /// VUs in a scenario, and all that there are.
    pub(super) fn vus(&self) -> (u64, u64) {
        let active = self.shards.iter().flat_map(|shard| &shard.scenarios).map(|counts| counts.vus).sum();
        let initialized = self.shards.iter().map(|shard| shard.vus_initialized).sum();
        (active, initialized)
    }

    /// Judges the thresholds; true if the run is to be aborted.
    pub(super) fn judge(&mut self, last: bool) -> bool {
        let elapsed = self.elapsed();
        self.outcomes = self.thresholds.evaluate(&mut self.totals, elapsed, last);
        self.outcomes.iter().any(|outcome| outcome.abort)
    }

    /// Sum of one scenario's counts over the shards.
    fn scenario(&self, index: usize) -> ScenarioCounts {
        let mut sum = ScenarioCounts { ended: true, dropped: self.dropped_by_all[index], ..ScenarioCounts::default() };
        for counts in self.shards.iter().filter_map(|shard| shard.scenarios.get(index)) {
            sum.vus += counts.vus;
            sum.vus_max += counts.vus_max;
            sum.begun += counts.begun;
            sum.completed += counts.completed;
            sum.interrupted += counts.interrupted;
            sum.failed += counts.failed;
            sum.dropped += counts.dropped;
            sum.ended &= counts.ended;
        }
        sum
    }

    pub(super) fn progress(&self, plan: &Plan) -> Progress {
        let (vus_active, vus_initialized) = self.vus();
        let load = self
            .load_began
            .map_or(Duration::ZERO, |began| self.load_ended.map_or_else(|| began.elapsed(), |ended| ended - began));
        let scenarios = plan.scenarios().iter().enumerate();
        let scenarios: Vec<_> =
            scenarios.map(|(index, planned)| self.scenario_progress(index, planned.scenario(), load)).collect();
        let sum = |of: fn(&ScenarioCounts) -> u64| (0..scenarios.len()).map(|index| of(&self.scenario(index))).sum();
        Progress {
            elapsed: load,
            vus_active,
            vus_initialized,
            completed: sum(|counts| counts.completed),
            interrupted: sum(|counts| counts.interrupted),
            dropped: sum(|counts| counts.dropped),
            scenarios,
        }
    }

    fn scenario_progress(&self, index: usize, scenario: &Scenario, load: Duration) -> ScenarioProgress {
        let (counts, outline, model) = (self.scenario(index), &self.outlines[index], &scenario.model);
        let elapsed = load.saturating_sub(scenario.start);
        let rate = outline.arrivals.as_ref().map(|arrivals| {
            let part = self.agent_part.numerator() as f64 / self.agent_part.denominator() as f64;
            let actual = self.shards.iter().filter_map(|shard| shard.rates.get(index)).sum();
            Rate { planned: arrivals.rate_at(elapsed) * part, actual: if counts.ended { 0.0 } else { actual } }
        });
        ScenarioProgress {
            name: scenario.name.clone(),
            elapsed,
            duration: model.regular_duration(),
            vus: counts.vus,
            vus_max: counts.vus_max,
            iterations: counts.completed,
            dropped: counts.dropped,
            planned: outline.planned,
            rate,
            ended: counts.ended,
            executor: model.executor_name(),
        }
    }

    /// The run as the outside sees it; where it stands is the caller's to say.
    pub(super) fn status(&self, plan: &Plan) -> RunStatus {
        let progress = self.progress(plan);
        RunStatus {
            elapsed: progress.elapsed,
            vus: progress.vus_active,
            vus_max: progress.vus_initialized,
            completed: progress.completed,
            interrupted: progress.interrupted,
            dropped: progress.dropped,
            scenarios: progress.scenarios,
            thresholds: self.outcomes.clone(),
            ..RunStatus::default()
        }
    }
}
