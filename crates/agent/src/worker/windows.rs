//! From the windows of shards to those of the agent: one a second, numbered.

use std::time::{Duration, Instant};

use throng_control::judge::{AgentWindow, ScenarioCounts, ShardUsage, Standing, VUS_SECONDS_MAX, VuCount, VusAt};
use throng_plan::{Plan, Portion};
use throng_stats::{Aggregate, Recorder, SourceId, Stamp, TagSet, Window, WindowMerger, WindowSeries, builtin};
use throng_transport::source::DestinationUse;

use super::sources;
use crate::command::ShardReport;

/// A shard that is later than this with its window of a second isn't waited for: its window goes into the next one.
const LATE: Duration = Duration::from_millis(1250);

/// What one shard has said last.
#[derive(Debug, Default)]
struct ShardState {
    scenarios: Vec<ScenarioCounts>,
    vus_initialized: u64,
    usage: ShardUsage,
    sources: Vec<DestinationUse>,
    /// Whether its scenarios had ended a second ago.
    had_ended: bool,
}

impl ShardState {
    fn has_ended(&self) -> bool {
        self.scenarios.iter().all(|counts| counts.ended)
    }
}

/// What was recorded since the last window, and how the shards stand.
#[derive(Debug)]
pub(super) struct Windows {
    first_source: SourceId,
    merger: WindowMerger,
    /// The time of the newest window of a shard.
    at: Duration,
    shards: Vec<ShardState>,
    vus_at: VusAt<usize>,
    /// The full seconds that are known since the last window.
    vus: Vec<VuCount>,
    /// Iterations of shared counters that nobody took, by scenario.
    unstarted: Vec<u64>,
    /// Since when something waits; none if nothing does.
    waits_since: Option<Instant>,
    /// Whether it has waited for all that it is to wait for.
    is_due: bool,
    /// The number of the last window.
    last: u64,
}

impl Windows {
    pub(super) fn new(first_source: SourceId, portions: &[Portion]) -> Self {
        let shards = portions.iter().map(|portion| {
            let planned = portion.scenarios().iter().map(|own| own.planned_vus());
            let counts = planned.map(|vus_max| ScenarioCounts { vus_max, ..ScenarioCounts::default() });
            ShardState { scenarios: counts.collect(), ..ShardState::default() }
        });
        Self {
            first_source,
            merger: WindowMerger::new(first_source),
            at: Duration::ZERO,
            shards: shards.collect(),
            vus_at: VusAt::default(),
            vus: Vec::new(),
            unstarted: vec![0; portions.first().map_or(0, |portion| portion.scenarios().len())],
            waits_since: None,
            is_due: false,
            last: 0,
        }
    }

    /// A shard has made its VUs.
    pub(super) fn note_ready(&mut self, shard: usize, vus: u64, usage: ShardUsage) {
        (self.shards[shard].vus_initialized, self.shards[shard].usage) = (vus, usage);
    }

    /// Takes in a shard's window. Without a `load` under way nobody else is waited for.
    pub(super) fn add(&mut self, shard: usize, report: ShardReport, load: bool, now: Instant) {
        let at = report.window.at;
        self.at = self.at.max(at);
        if let Some(active) = report.vus {
            self.vus_at.note(shard, VuCount { at, active, initialized: report.vus_initialized });
        }
        self.merger.add(report.window);
        let state = &mut self.shards[shard];
        state.scenarios = report.scenarios;
        (state.vus_initialized, state.usage) = (report.vus_initialized, report.usage);
        state.sources = report.sources;
        self.waits_since.get_or_insert(now);
        self.is_due |= self.count_vus() || !load;
    }

    /// Notes the seconds of which all shards that still run have spoken; whether there is one.
    fn count_vus(&mut self) -> bool {
        let shards = &self.shards;
        let complete = self.vus_at.take_complete(|said| {
            shards.iter().enumerate().all(|(shard, state)| said.contains_key(&shard) || state.has_ended())
        });
        let Some(newest) = complete.last().map(|count| count.at) else { return false };
        self.vus.extend(complete);
        self.vus.drain(..self.vus.len().saturating_sub(VUS_SECONDS_MAX));
        self.sample_ended(newest);
        true
    }

    /// A shard whose scenarios have ended says nothing more of its VUs. While others go on, it has none.
    fn sample_ended(&mut self, at: Duration) {
        let mut series = Vec::new();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            let has_ended = shard.has_ended();
            if std::mem::replace(&mut shard.had_ended, has_ended) && has_ended {
                let source = SourceId(self.first_source.0 + number as u32);
                let delta = Aggregate::Gauge { last: 0.0, min: 0.0, max: 0.0, stamp: Stamp { at, source, order: 0 } };
                series.push(WindowSeries { metric: builtin::VUS, tags: TagSet::empty(), delta });
            }
        }
        self.merger.add(Window { source: self.first_source, at, series, overflows: Vec::new() });
    }

    /// Iterations of a shared counter that no VU took are counted with the last window.
    pub(super) fn add_unstarted(&mut self, plan: &Plan, recorder: &mut Recorder, unstarted: &[u64]) {
        let pairs = |tags: &std::collections::BTreeMap<String, String>| {
            TagSet::from_pairs(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        };
        let run_tags = pairs(&plan.options().tags);
        for ((planned, count), sum) in plan.scenarios().iter().zip(unstarted).zip(&mut self.unstarted) {
            if *count == 0 {
                continue;
            }
            let scenario = planned.scenario();
            let tags = run_tags.merged(&pairs(&scenario.tags)).with("scenario", &scenario.name);
            let [dropped, ratio] = [builtin::DROPPED_ITERATIONS, builtin::DROPPED_ITERATIONS_RATIO]
                .map(|metric| recorder.series(metric, &tags));
            recorder.increment(dropped, *count);
            recorder.rates(ratio, *count, *count);
            *sum += count;
        }
        self.merger.add(recorder.take(self.at));
    }

    /// Whether it is time for a window.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.waits_since.is_some_and(|since| self.is_due || now.saturating_duration_since(since) >= LATE)
    }

    /// Whether anything has been recorded since the last window.
    pub(super) fn has_any(&self) -> bool {
        self.waits_since.is_some()
    }

    /// Takes what was recorded as the next window.
    pub(super) fn take(&mut self) -> AgentWindow {
        self.last += 1;
        (self.waits_since, self.is_due) = (None, false);
        AgentWindow {
            first: self.last,
            last: self.last,
            window: self.merger.take(),
            vus: std::mem::take(&mut self.vus),
            standing: self.standing(),
        }
    }

    /// The number of the last window.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How the shards stand together.
    pub(super) fn standing(&self) -> Standing {
        let sum = |(index, unstarted): (usize, &u64)| {
            let mut sum = ScenarioCounts { dropped: *unstarted, ..ScenarioCounts::none() };
            let counts = self.shards.iter().filter_map(|shard| shard.scenarios.get(index));
            counts.for_each(|counts| sum.add(counts));
            sum
        };
        Standing {
            scenarios: self.unstarted.iter().enumerate().map(sum).collect(),
            vus_initialized: self.shards.iter().map(|shard| shard.vus_initialized).sum(),
            shards: self.shards.iter().map(|shard| shard.usage).collect(),
            sources: sources::of_agent(self.shards.iter().map(|shard| &shard.sources[..])),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use throng_plan::segment::SegmentTuple;
    use throng_plan::{Functions, Layer, Shard, resolve};
    use throng_stats::Registry;

    use super::*;

    fn plan() -> Plan {
        let scenarios = json!({ "a": { "executor": "shared-iterations", "vus": 2, "iterations": 10 } });
        let functions = Functions { iterations: &["default".to_owned()], setups: &[] };
        let options = resolve(&[Layer::new("script", json!({ "scenarios": scenarios }))]).unwrap().options;
        Plan::new(options, functions, &Registry::new()).unwrap()
    }

    fn windows() -> Windows {
        let plan = plan();
        let portions: Vec<_> =
            (0..2).map(|index| plan.portion(&SegmentTuple::whole(), Shard::new(index, 2)).unwrap()).collect();
        Windows::new(SourceId(0), &portions)
    }

    fn recorder(shard: u32) -> Recorder {
        Recorder::new(Arc::new(Registry::new()), SourceId(shard))
    }

    /// A shard's word of a full second of the load, or of its end.
    fn report(shard: u32, second: u64, iterations: u64, vus: Option<u64>) -> ShardReport {
        let mut recorder = recorder(shard);
        let series = recorder.series(builtin::ITERATIONS, &TagSet::empty());
        recorder.increment(series, iterations);
        let counts = ScenarioCounts { ended: vus.is_none(), completed: iterations, ..ScenarioCounts::default() };
        ShardReport {
            window: recorder.take(Duration::from_secs(second)),
            scenarios: vec![counts],
            vus_initialized: 1,
            vus,
            usage: ShardUsage::default(),
            sources: Vec::new(),
        }
    }

    fn count(second: u64, active: u64) -> VuCount {
        VuCount { at: Duration::from_secs(second), active, initialized: active }
    }

    #[test]
    fn a_second_of_all_shards_is_one_window_and_numbers_have_no_gaps() {
        let (mut windows, now) = (windows(), Instant::now());
        for second in 1..=3 {
            windows.add(0, report(0, second, 5, Some(1)), true, now);
            assert!(!windows.is_due(now), "the other shard is yet to speak");
            windows.add(1, report(1, second, 7, Some(1)), true, now);
            assert!(windows.is_due(now));
            let window = windows.take();
            assert_eq!((window.first, window.last, window.window.at), (second, second, Duration::from_secs(second)));
            assert_eq!(window.vus, [count(second, 2)]);
            assert_eq!((window.standing.scenarios[0].completed, window.standing.vus_initialized), (12, 2));
            assert!(!windows.has_any());
        }
    }

    #[test]
    fn a_shard_that_is_late_is_not_waited_for() {
        let (mut windows, now) = (windows(), Instant::now());
        windows.add(0, report(0, 1, 5, Some(1)), true, now);
        assert!(!windows.is_due(now + LATE / 2));
        assert!(windows.is_due(now + LATE));
        assert_eq!(windows.take().vus, [], "the second isn't known yet");
        windows.add(1, report(1, 1, 5, Some(1)), true, now + LATE);
        assert_eq!((windows.is_due(now + LATE), windows.take().vus), (true, vec![count(1, 2)]));
    }

    #[test]
    fn what_is_recorded_outside_of_the_load_is_told_at_once() {
        let (mut windows, now) = (windows(), Instant::now());
        windows.add(0, report(0, 1, 5, None), false, now);
        assert!(windows.is_due(now));
    }

    #[test]
    fn a_shard_that_has_ended_has_no_vus_while_the_other_goes_on() {
        let (mut windows, now) = (windows(), Instant::now());
        let of_vus =
            |window: &AgentWindow| window.window.series.iter().filter(|series| series.metric == builtin::VUS).count();
        windows.add(0, report(0, 1, 5, None), true, now);
        assert!(!windows.is_due(now));
        windows.add(1, report(1, 1, 5, Some(1)), true, now);
        let window = windows.take();
        assert_eq!((of_vus(&window), window.vus), (0, vec![count(1, 1)]), "it may just have ended");
        windows.add(1, report(1, 2, 5, Some(1)), true, now);
        assert_eq!(of_vus(&windows.take()), 1);
    }

    #[test]
    fn iterations_that_nobody_took_are_in_the_last_window() {
        let mut windows = windows();
        windows.add(0, report(0, 1, 5, None), true, Instant::now());
        windows.add_unstarted(&plan(), &mut recorder(0), &[3]);
        let window = windows.take();
        let dropped = window.window.series.iter().find(|series| series.metric == builtin::DROPPED_ITERATIONS).unwrap();
        assert_eq!(dropped.tags.get("scenario"), Some("a"));
        assert_eq!((window.standing.scenarios[0].dropped, window.last), (3, windows.last()));
    }
}
