//! The newer of k6's JSON summaries, with what its users miss in it.

use serde_json::{Value, json};

use super::{number, root_group};
use crate::interval_log::UNIT;
use crate::summary::report::{MetricReport, Report, ScopeReport, Settings, ThresholdReport, Values};

/// The version of the shape: k6's is `1.0.0`, of which this has all fields and more.
const VERSION: &str = "1.0.0+throng.1";

/// The shape of k6's `--new-machine-readable-summary`: `version`, `metadata`, `config`, `results`.
///
/// Besides k6's fields there are `results.thresholds`, `results.groups` and `results.scenarios`, all statistics of
/// trends that were asked for, `agents`, `completeness`, the block `throng`, and with [`Settings::histograms`] each
/// trend's `histogram`, as HdrHistogram's tools read it: values are millionths of the metric's unit, which are
/// nanoseconds of a time, those below zero left out.
pub fn machine(report: &Report) -> Value {
    let settings = &report.settings;
    let complete = settings.agents.iter().filter(|agent| agent.complete).count();
    let agents = settings.agents.iter();
    let agents: Vec<Value> =
        agents.map(|agent| json!({ "name": agent.name, "shards": agent.shards, "complete": agent.complete })).collect();
    let share = if agents.is_empty() { 1.0 } else { complete as f64 / agents.len() as f64 };
    let mut config = json!({ "duration": number(settings.run_duration.as_secs_f64()), "execution": "local" });
    if let Some(test) = &settings.test {
        config["script"] = json!(test);
    }
    let mut summary = json!({
        "version": VERSION,
        "metadata": { "throngVersion": settings.throng["version"], "generatedAt": settings.generated_at },
        "config": config,
        "results": results(report),
        "agents": agents,
        "completeness": { "complete": complete == agents.len(), "share": number(share) },
    });
    if let Some(data) = &settings.setup_data {
        summary["setup_data"] = data.clone();
    }
    summary["throng"] = settings.throng.clone();
    summary
}

fn results(report: &Report) -> Value {
    let metrics = report.total.metrics.iter();
    let thresholds: Vec<Value> = metrics
        .flat_map(|metric| metric.thresholds.iter().map(|threshold| with_metric(&metric.name, threshold)))
        .collect();
    let mut results = scope(&report.total, report);
    results["thresholds"] = thresholds.into();
    results["groups"] = root_group(report).into_value()["groups"].take();
    if !report.scenarios.is_empty() {
        let scenarios = report.scenarios.iter();
        let scenarios: Vec<Value> = scenarios
            .map(|scenario| {
                let mut value = scope(scenario, report);
                value["name"] = json!(scenario.name);
                value
            })
            .collect();
        results["scenarios"] = scenarios.into();
    }
    results
}

/// The metrics and checks of the run or a scenario.
fn scope(scope: &ScopeReport, report: &Report) -> Value {
    let metrics: Vec<Value> = scope.metrics.iter().map(|metric| metric_value(metric, report)).collect();
    let mut value = json!({ "metrics": metrics });
    if !scope.checks.is_empty() {
        value["checks"] = checks(scope, &report.settings);
    }
    value
}

fn metric_value(metric: &MetricReport, report: &Report) -> Value {
    let mut value = json!({
        "name": metric.name,
        "type": metric.values.kind().as_str(),
        "contains": metric.contains.as_str(),
        "values": values(&metric.values, &report.settings),
    });
    if !metric.thresholds.is_empty() {
        value["thresholds"] = metric.thresholds.iter().map(threshold_value).collect();
    }
    if let Some(encoded) = &metric.histogram {
        value["histogram"] =
            json!({ "encoding": "HdrHistogram V2, compressed, base64", "valuesPerUnit": UNIT, "data": encoded });
    }
    value
}

/// k6's values, which are not those of its older summaries.
fn values(values: &Values, settings: &Settings) -> Value {
    match values {
        Values::Counter { count, rate } => json!({ "count": number(*count), "rate": number(*rate) }),
        Values::Rate { passes, fails } => json!({
            "rate": number(Values::share(*passes, *fails)),
            "matches": passes,
            "total": passes + fails,
        }),
        others => super::values(others, settings),
    }
}

fn threshold_value(threshold: &ThresholdReport) -> Value {
    json!({ "expression": threshold.expression, "ok": threshold.ok, "value": threshold.value.map(number) })
}

fn with_metric(metric: &str, threshold: &ThresholdReport) -> Value {
    let mut value = json!({ "metric": metric });
    if let (Some(into), Value::Object(from)) = (value.as_object_mut(), threshold_value(threshold)) {
        into.extend(from);
    }
    value
}

/// k6's three metrics of checks, and the checks.
fn checks(scope: &ScopeReport, settings: &Settings) -> Value {
    let (passes, fails) =
        scope.checks.iter().fold((0, 0), |(passes, fails), check| (passes + check.passes, fails + check.fails));
    let total = passes + fails;
    let seconds = settings.run_duration.as_secs_f64();
    let rate = if seconds > 0.0 { total as f64 / seconds } else { 0.0 };
    let share = |matches: u64| {
        let rate = number(Values::share(matches, total - matches));
        json!({ "rate": rate, "matches": matches, "total": total })
    };
    let metric = |name: &str, kind: &str, values: Value| json!({ "name": name, "type": kind, "contains": "default", "values": values });
    let results = scope.checks.iter();
    let results: Vec<Value> = results
        .map(|check| json!({ "name": check.name, "group": check.group, "passes": check.passes, "fails": check.fails }))
        .collect();
    json!({
        "metrics": [
            metric("checks_total", "counter", json!({ "count": total, "rate": number(rate) })),
            metric("checks_succeeded", "rate", share(passes)),
            metric("checks_failed", "rate", share(fails)),
        ],
        "results": results,
    })
}
