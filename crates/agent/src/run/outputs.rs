//! The run's own part of the outputs: what they say of metrics, samples of no shard, and intervals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};
use throng_control::judge::VuCount;
use throng_output::junit::Verdicts;
use throng_output::{Context, Interval, MetricHead, Outlet, OutputReport, OutputSpec, Outputs, RunHead, Sample};
use throng_plan::duration::format as format_duration;
use throng_plan::{Plan, SystemTag};
use throng_stats::{Aggregate, Registry, Report, Selector, TagSet, Threshold, Window, builtin};
use throng_transport::Clock;

use super::{Planned, RunError};
use crate::samples::epoch_ns;
use crate::worker::WorkerEvent;

/// All outputs of a run, for whoever leads it.
pub(super) struct RunOutputs {
    outputs: Outputs,
    /// For the samples that belong to no shard.
    outlet: Option<Outlet>,
    /// The interval that goes on; none if no output takes intervals.
    interval: Option<Interval>,
    began: Instant,
    tags: TagSet,
    plan_has_scenario_tag: bool,
}

impl RunOutputs {
    pub(super) fn start(specs: &[OutputSpec], plan: &Plan, registry: &Registry) -> Result<Self, RunError> {
        let options = plan.options();
        let tag_is_on = |tag: &SystemTag| options.system_tags.contains(*tag);
        // As in k6 these two are numbers beside the tags.
        let columns = SystemTag::ALL.into_iter().filter(tag_is_on).map(SystemTag::as_str);
        let mut columns: Vec<String> = columns.filter(|key| !["vu", "iter"].contains(key)).map(str::to_owned).collect();
        columns.sort();
        let head = RunHead { metrics: heads(plan, registry), columns, started: SystemTime::now() };
        let outputs = Outputs::start(specs, head)?;
        let empty = Interval { from: Duration::ZERO, to: Duration::ZERO, trends: Vec::new() };
        Ok(Self {
            outlet: outputs.outlet(),
            interval: outputs.takes_intervals().then_some(empty),
            outputs,
            began: Instant::now(),
            tags: TagSet::from_pairs(options.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
            plan_has_scenario_tag: options.system_tags.contains(SystemTag::Scenario),
        })
    }

    /// A shard's end.
    pub(super) fn outlet(&self) -> Option<Outlet> {
        self.outputs.outlet()
    }

    /// Notes what a worker says, as far as outputs have it.
    pub(super) fn hear(&mut self, event: &WorkerEvent, plan: &Plan) {
        match event {
            WorkerEvent::Window(window) => self.note_window(&window.window),
            WorkerEvent::Done { unstarted, .. } => {
                for (planned, count) in plan.scenarios().iter().zip(unstarted).filter(|(_, count)| **count > 0) {
                    self.note_dropped(&planned.scenario().name, &planned.scenario().tags, *count);
                }
            }
            _ => {}
        }
    }

    /// Notes an agent's window.
    fn note_window(&mut self, window: &Window) {
        let Some(interval) = &mut self.interval else { return };
        for series in &window.series {
            let Aggregate::Trend(trend) = &series.delta else { continue };
            match interval.trends.iter_mut().find(|(metric, _)| *metric == series.metric) {
                Some((_, values)) => values.merge(trend),
                None => interval.trends.push((series.metric, (**trend).clone())),
            }
        }
    }

    /// Notes how many VUs there were at a full second, active and initialised.
    pub(super) fn note_vus(&mut self, count: VuCount) {
        let samples = [(builtin::VUS, count.active), (builtin::VUS_MAX, count.initialized)];
        for (metric, value) in samples {
            self.add(&self.tags.clone(), Sample { metric, value: value as f64 });
        }
    }

    /// Does what is to be done every second, and says what has gone wrong.
    pub(super) fn second(&mut self) -> Vec<String> {
        if let Some(outlet) = &mut self.outlet {
            outlet.flush();
        }
        self.end_interval();
        self.outputs.troubles()
    }

    /// Notes iterations of a scenario that no VU took.
    fn note_dropped(&mut self, scenario: &str, tags: &BTreeMap<String, String>, count: u64) {
        let own = TagSet::from_pairs(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let own = if self.plan_has_scenario_tag { own.with("scenario", scenario) } else { own };
        self.add(&self.tags.merged(&own), Sample { metric: builtin::DROPPED_ITERATIONS, value: count as f64 });
    }

    /// Waits for what is on its way, and says what became of each output.
    pub(super) fn finish(&mut self) -> Vec<OutputReport> {
        self.outlet.take();
        self.end_interval();
        self.outputs.finish()
    }

    /// Writes the reports that are made of the summary, and says which could not be written.
    pub(super) fn write_reports(&mut self, report: &Report, test: &str, trouble: Option<String>) -> Vec<OutputReport> {
        self.outputs.write_reports(&Verdicts::of(report, test, trouble))
    }

    fn add(&mut self, tags: &TagSet, sample: Sample) {
        if let Some(outlet) = &mut self.outlet {
            let at_unix_ns = epoch_ns() + Clock::now().0;
            outlet.add(Context { at_unix_ns, tags: tags.clone(), vu: None, iteration: None }, &[sample]);
        }
    }

    fn end_interval(&mut self) {
        let Some(interval) = &mut self.interval else { return };
        let to = self.began.elapsed();
        let mut ended = std::mem::replace(interval, Interval { from: to, to, trends: Vec::new() });
        ended.to = to;
        ended.trends.sort_by_key(|(metric, _)| *metric);
        self.outputs.send_interval(&ended);
    }
}

/// What an agent of a group writes of a part that it has of a run: its own samples and seconds.
pub struct PartOutputs {
    outputs: RunOutputs,
    plan: Arc<Plan>,
}

impl fmt::Debug for PartOutputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PartOutputs").finish_non_exhaustive()
    }
}

impl PartOutputs {
    /// Opens them.
    ///
    /// # Errors
    /// When one can't be opened.
    pub fn start(specs: &[OutputSpec], planned: &Planned) -> Result<Self, RunError> {
        let outputs = RunOutputs::start(specs, &planned.plan, &planned.registry)?;
        Ok(Self { outputs, plan: Arc::clone(&planned.plan) })
    }

    /// An end for each of so many shards; none if no output takes samples.
    #[must_use]
    pub fn outlets(&self, shards: usize) -> Vec<Outlet> {
        (0..shards).map_while(|_| self.outputs.outlet()).collect()
    }

    /// Notes what the part's worker says. Returns what has gone wrong, once for each output.
    pub fn hear(&mut self, event: &WorkerEvent) -> Vec<String> {
        self.outputs.hear(event, &self.plan);
        let WorkerEvent::Window(window) = event else { return Vec::new() };
        window.vus.iter().for_each(|count| self.outputs.note_vus(*count));
        self.outputs.second()
    }

    /// Waits for what is on its way, once the worker has finished. Returns what is missing.
    pub fn finish(&mut self) -> Vec<String> {
        self.outputs.finish().iter().filter_map(OutputReport::trouble).collect()
    }
}

/// Outputs as the JSON summary shows them.
pub(super) fn describe(reports: &[OutputReport]) -> Vec<Value> {
    let describe = |report: &OutputReport| {
        let OutputReport { output, written, lost, failure } = report;
        json!({ "output": output, "samplesWritten": written, "samplesLost": lost, "failure": failure })
    };
    reports.iter().map(describe).collect()
}

/// What outputs say of each metric, in k6's shape.
fn heads(plan: &Plan, registry: &Registry) -> Vec<MetricHead> {
    let mut heads: Vec<MetricHead> = registry
        .iter()
        .map(|(_, definition)| MetricHead {
            definition: definition.clone(),
            thresholds: Vec::new(),
            submetrics: Vec::new(),
        })
        .collect();
    // What the summary shows beside thresholds; as in k6 not where no sample has the tag.
    let has_tag = plan.options().system_tags.contains(SystemTag::ExpectedResponse);
    let always = has_tag.then(|| Selector::parse("http_req_duration{expected_response:true}")).and_then(Result::ok);
    let given = plan.options().thresholds.iter().map(|(selector, list)| (selector.clone(), list));
    for (selector, list) in given.chain(always.into_iter().map(|selector| (selector, &[][..]))) {
        let Some(metric) = registry.find(selector.metric()) else { continue };
        let head = &mut heads[metric.index()];
        if !selector.is_submetric() {
            head.thresholds.extend(list.iter().map(threshold));
        } else if head.submetrics.iter().all(|known| known["name"] != selector.to_string()) {
            head.submetrics.push(submetric(&selector));
        }
    }
    heads
}

fn threshold(threshold: &Threshold) -> Value {
    let source = threshold.expression().source();
    match threshold.abort() {
        None => json!(source),
        Some(delay) => {
            json!({ "threshold": source, "abortOnFail": true, "delayAbortEval": delay.map(format_duration) })
        }
    }
}

fn submetric(selector: &Selector) -> Value {
    let name = selector.to_string();
    let suffix = name.split_once('{').map_or("", |(_, tags)| tags.strip_suffix('}').unwrap_or(tags));
    let tags: Map<String, Value> =
        selector.tags().iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    json!({ "name": name, "suffix": suffix, "tags": tags })
}
