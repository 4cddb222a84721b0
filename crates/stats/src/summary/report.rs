//! What a run came to, ready to be printed.

use std::time::Duration;

use serde_json::Value;

use super::section::by_dictionary;
use super::stat::{TimeUnit, TrendStat};
use crate::aggregate::Aggregate;
use crate::checks::Check;
use crate::interval_log::IntervalLog;
use crate::metric::{Contains, Definition, Kind, MetricId};
use crate::registry::Registry;
use crate::threshold::Outcome;
use crate::totals::{GroupTotals, Tally, Totals};

#[cfg(test)]
mod tests;

/// How a run is to be summed up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From before setup until after teardown; counter rates are per second of it.
    pub run_duration: Duration,
    /// What setup returned.
    pub setup_data: Option<Value>,
    /// The statistics of trends, in the order in which they are shown.
    pub trend_stats: Vec<TrendStat>,
    /// The unit of all times; by size without one.
    pub time_unit: Option<TimeUnit>,
    /// What is to be known of the result beside its numbers, a sentence each; shown where it is printed.
    pub remarks: Vec<String>,
    /// Whether trends come with their distributions.
    pub histograms: bool,
    /// When it was summed up, as RFC 3339.
    pub generated_at: String,
    /// What was run.
    pub test: Option<String>,
    /// Who ran it.
    pub agents: Vec<AgentReport>,
    /// The block `throng` of the JSON summary.
    pub throng: Value,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether the user wants no colours.
    pub no_color: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            run_duration: Duration::ZERO,
            setup_data: None,
            trend_stats: TrendStat::defaults(),
            time_unit: None,
            remarks: Vec::new(),
            histograms: false,
            generated_at: String::new(),
            test: None,
            agents: Vec::new(),
            throng: Value::Object(serde_json::Map::new()),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            no_color: false,
        }
    }
}

/// One agent's part in a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentReport {
    /// What it is called.
    pub name: String,
    /// How many threads it ran VUs on.
    pub shards: usize,
    /// Whether all that it recorded is in the result.
    pub complete: bool,
}

/// The summary of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it is summed up.
    pub settings: Settings,
    /// The whole run. Only here do metrics have thresholds and submetrics.
    pub total: ScopeReport,
    /// Groups outside of scenarios, and those of a single scenario called `default`.
    pub groups: Vec<ScopeReport>,
    /// The scenarios, sorted by name; empty with the single scenario `default`.
    pub scenarios: Vec<ScopeReport>,
    /// Paths of all groups, the first seen first.
    pub group_paths: Vec<String>,
}

/// The part of a summary that belongs to the run, a scenario or a group.
#[derive(Debug, Clone, Default)]
pub struct ScopeReport {
    /// Name of the scenario or group.
    pub name: String,
    /// Its metrics, sorted by name, submetrics after their metric.
    pub metrics: Vec<MetricReport>,
    /// Its checks by group and name, the first seen first.
    pub checks: Vec<Check>,
    /// The groups within it.
    pub groups: Vec<ScopeReport>,
}

/// One metric or submetric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricReport {
    /// The name, with the tags of a submetric.
    pub name: String,
    /// The metric.
    pub metric: MetricId,
    /// What its values are.
    pub contains: Contains,
    /// What its samples come to.
    pub values: Values,
    /// Its thresholds, in the user's order.
    pub thresholds: Vec<ThresholdReport>,
    /// Of a trend, and where that is asked for: the distribution, in HdrHistogram's compressed encoding V2 and base64.
    pub histogram: Option<String>,
}

/// One threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdReport {
    /// As the user wrote it.
    pub expression: String,
    /// Whether it holds.
    pub ok: bool,
    /// What it compared, in the metric's unit.
    pub value: Option<f64>,
}

/// What samples come to, in the metric's unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Of a counter.
    Counter {
        /// The sum.
        count: f64,
        /// The sum per second of the run.
        rate: f64,
    },
    /// Of a gauge.
    Gauge {
        /// The last value.
        value: f64,
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// Of a rate.
    Rate {
        /// Samples that weren't zero.
        passes: u64,
        /// Samples that were.
        fails: u64,
    },
    /// Of a trend: the statistics in the order of [`Settings::trend_stats`].
    Trend(Vec<f64>),
}

impl Report {
    /// Sums up a run. `outcomes` are those of the last evaluation of its thresholds.
    ///
    /// Metrics without samples are left out, but for those that have thresholds and the
    /// submetrics that were asked for.
    pub fn new(totals: &Totals, outcomes: &[Outcome], settings: Settings) -> Self {
        let mut total = scope(totals.registry(), "", totals.tally(), &settings);
        add_submetrics(&mut total.metrics, totals, &settings);
        add_thresholds(&mut total.metrics, totals.registry(), outcomes, &settings);
        sort(&mut total.metrics);

        let (mut groups, mut scenarios) = (Vec::new(), Vec::new());
        if let Some(detail) = totals.detail() {
            let within = |totals_of: &[GroupTotals]| scopes(totals.registry(), totals_of, &settings);
            groups = within(detail.outside());
            match detail.scenarios() {
                [(name, only)] if name == "default" => groups.extend(within(&only.groups)),
                several => scenarios.extend(several.iter().map(|(name, all)| ScopeReport {
                    groups: within(&all.groups),
                    ..scope(totals.registry(), name, &all.tally, &settings)
                })),
            }
            scenarios.sort_by(|a, b| by_dictionary(&a.name, &b.name));
        }
        Self { settings, total, groups, scenarios, group_paths: totals.groups().to_vec() }
    }

    /// Whether all thresholds hold.
    pub fn passed(&self) -> bool {
        let metrics = self.total.metrics.iter();
        metrics.flat_map(|metric| &metric.thresholds).all(|threshold| threshold.ok)
    }
}

impl Values {
    fn new(aggregate: &Aggregate, settings: &Settings) -> Self {
        match aggregate {
            Aggregate::Counter { .. } => {
                let count = aggregate.sum();
                let seconds = settings.run_duration.as_secs_f64();
                let rate = if seconds > 0.0 { count / seconds } else { 0.0 };
                Self::Counter { count, rate }
            }
            Aggregate::Gauge { last, min, max, .. } => Self::Gauge { value: *last, min: *min, max: *max },
            Aggregate::Rate { trues, total } => Self::Rate { passes: *trues, fails: total - trues },
            Aggregate::Trend(trend) => {
                let stats = settings.trend_stats.iter();
                Self::Trend(stats.map(|stat| stat.value_of(trend)).collect())
            }
        }
    }

    /// The kind of metric they are of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Counter { .. } => Kind::Counter,
            Self::Gauge { .. } => Kind::Gauge,
            Self::Rate { .. } => Kind::Rate,
            Self::Trend(_) => Kind::Trend,
        }
    }

    /// The share of a rate's samples that weren't zero; 0 without samples.
    pub(super) fn share(passes: u64, fails: u64) -> f64 {
        if passes + fails == 0 {
            return 0.0;
        }
        passes as f64 / (passes + fails) as f64
    }
}

fn metric_report(
    (name, metric): (String, MetricId),
    definition: &Definition,
    aggregate: Option<&Aggregate>,
    settings: &Settings,
) -> MetricReport {
    let values = match aggregate {
        Some(aggregate) => Values::new(aggregate, settings),
        None => Values::new(&Aggregate::empty(definition.kind), settings),
    };
    let histogram = match aggregate {
        // Memory is written to, so there is always an encoding.
        Some(Aggregate::Trend(trend)) if settings.histograms => IntervalLog::default().encode(trend).ok(),
        _ => None,
    };
    MetricReport { name, metric, contains: definition.contains, values, thresholds: Vec::new(), histogram }
}

/// All that has samples in a scope.
fn scope(registry: &Registry, name: &str, tally: &Tally, settings: &Settings) -> ScopeReport {
    let with_samples =
        registry.iter().filter_map(|(metric, definition)| Some((metric, definition, tally.metric(metric)?)));
    let mut metrics: Vec<MetricReport> = with_samples
        .map(|(metric, definition, aggregate)| {
            let name = definition.name.clone();
            metric_report((name, metric), definition, Some(aggregate), settings)
        })
        .collect();
    sort(&mut metrics);
    ScopeReport { name: name.to_owned(), metrics, checks: tally.checks().iter().cloned().collect(), groups: Vec::new() }
}

fn scopes(registry: &Registry, totals: &[GroupTotals], settings: &Settings) -> Vec<ScopeReport> {
    let groups = totals.iter();
    groups
        .map(|group| ScopeReport {
            groups: scopes(registry, &group.groups, settings),
            ..scope(registry, &group.name, &group.tally, settings)
        })
        .collect()
}

fn add_submetrics(metrics: &mut Vec<MetricReport>, totals: &Totals, settings: &Settings) {
    for (selector, metric, aggregate) in totals.submetrics() {
        let definition = totals.registry().get(metric);
        let key = (selector.to_string(), metric);
        metrics.push(metric_report(key, definition, aggregate, settings));
    }
}

fn add_thresholds(metrics: &mut Vec<MetricReport>, registry: &Registry, outcomes: &[Outcome], settings: &Settings) {
    for outcome in outcomes {
        let place = metrics.iter().position(|metric| metric.name == outcome.metric);
        let place = match (place, registry.find(&outcome.metric)) {
            (Some(place), _) => place,
            (None, None) => continue,
            (None, Some(metric)) => {
                let key = (outcome.metric.clone(), metric);
                metrics.push(metric_report(key, registry.get(metric), None, settings));
                metrics.len() - 1
            }
        };
        metrics[place].thresholds.push(ThresholdReport {
            expression: outcome.expression.clone(),
            ok: outcome.ok,
            value: outcome.value,
        });
    }
}

fn sort(metrics: &mut [MetricReport]) {
    metrics.sort_by(|a, b| {
        let (a_metric, b_metric) = (parent(&a.name), parent(&b.name));
        let by_metric = by_dictionary(a_metric, b_metric);
        by_metric.then_with(|| by_dictionary(&a.name, &b.name))
    });
}

/// The metric's name without a submetric's tags.
pub(super) fn parent(name: &str) -> &str {
    name.split('{').next().unwrap_or(name)
}
