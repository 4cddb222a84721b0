//! The summary as JSON, in k6's three shapes.

mod export;
mod machine;

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::report::{MetricReport, Report, Settings, Values};
use crate::checks::Check;

pub use export::summary_export;
pub use machine::machine;

#[cfg(test)]
mod tests;

/// The argument of k6's `handleSummary`, with a block `throng` besides.
///
/// `metrics.NAME.values` has counters as `count` and `rate`, gauges as `value`, `min` and `max`,
/// rates as `rate`, `passes` and `fails`, trends with each of `summaryTrendStats`;
/// `metrics.NAME.thresholds` has `{"<expression>": {"ok": bool}}`. Times are milliseconds.
pub fn handle_summary(report: &Report) -> Value {
    let settings = &report.settings;
    let stats: Vec<_> = settings.trend_stats.iter().map(ToString::to_string).collect();
    let metrics = report.total.metrics.iter();
    let metrics: Map<String, Value> =
        metrics.map(|metric| (metric.name.clone(), metric_value(metric, settings))).collect();
    let mut summary = json!({
        "root_group": root_group(report).into_value(),
        "options": {
            "summaryTrendStats": stats,
            "summaryTimeUnit": settings.time_unit.map_or("", |unit| unit.as_str()),
            "noColor": settings.no_color,
        },
        "state": {
            "isStdOutTTY": settings.stdout_is_terminal,
            "isStdErrTTY": settings.stderr_is_terminal,
            "testRunDurationMs": number(settings.run_duration.as_nanos() as f64 / 1e6),
        },
        "metrics": metrics,
    });
    if let Some(data) = &settings.setup_data {
        summary["setup_data"] = data.clone();
    }
    summary["throng"] = settings.throng.clone();
    summary
}

fn metric_value(metric: &MetricReport, settings: &Settings) -> Value {
    let mut value = json!({
        "type": metric.values.kind().as_str(),
        "contains": metric.contains.as_str(),
        "values": values(&metric.values, settings),
    });
    if !metric.thresholds.is_empty() {
        let thresholds = metric.thresholds.iter();
        let thresholds: Map<String, Value> =
            thresholds.map(|threshold| (threshold.expression.clone(), json!({"ok": threshold.ok}))).collect();
        value["thresholds"] = thresholds.into();
    }
    value
}

fn values(values: &Values, settings: &Settings) -> Value {
    match values {
        Values::Counter { count, rate } => {
            json!({"count": number(*count), "rate": number(*rate)})
        }
        Values::Gauge { value, min, max } => {
            json!({"value": number(*value), "min": number(*min), "max": number(*max)})
        }
        Values::Rate { passes, fails } => {
            let rate = number(Values::share(*passes, *fails));
            json!({"rate": rate, "passes": passes, "fails": fails})
        }
        Values::Trend(values) => {
            let stats = settings.trend_stats.iter().zip(values);
            let stats = stats.map(|(stat, value)| (stat.to_string(), number(*value)));
            Value::Object(stats.collect())
        }
    }
}

/// Whole numbers without a fraction, as JavaScript writes them.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return json!(value as i64);
    }
    json!(value)
}

/// The tree of groups with the checks in each.
fn root_group(report: &Report) -> Group<'_> {
    let mut root = Group::new("", "");
    let checks = &report.total.checks;
    let paths = checks.iter().map(|check| check.group.as_str());
    for path in report.group_paths.iter().map(String::as_str).chain(paths) {
        root.descend(path);
    }
    for check in checks {
        root.descend(&check.group).checks.push(check);
    }
    root
}

fn check_value(check: &Check) -> Value {
    let path = format!("{}::{}", check.group, check.name);
    json!({
        "name": check.name,
        "path": path,
        "id": id(&path),
        "passes": check.passes,
        "fails": check.fails,
    })
}

struct Group<'a> {
    name: String,
    path: String,
    groups: Vec<Group<'a>>,
    checks: Vec<&'a Check>,
}

impl<'a> Group<'a> {
    fn new(name: &str, path: &str) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), groups: Vec::new(), checks: Vec::new() }
    }

    /// The group at a path below this one, made with those on the way if it is missing.
    fn descend(&mut self, path: &str) -> &mut Self {
        let path = path.strip_prefix("::").unwrap_or(path);
        if path.is_empty() {
            return self;
        }
        let (name, rest) = path.split_once("::").unwrap_or((path, ""));
        let place = self.groups.iter().position(|group| group.name == name);
        let place = place.unwrap_or_else(|| {
            let path = format!("{}::{name}", self.path);
            self.groups.push(Self::new(name, &path));
            self.groups.len() - 1
        });
        self.groups[place].descend(rest)
    }

    /// What it is called.
    fn head(&self) -> Value {
        json!({ "name": self.name, "id": id(&self.path), "path": self.path })
    }

    /// Groups and checks as lists.
    fn into_value(self) -> Value {
        let mut value = self.head();
        value["groups"] = self.groups.into_iter().map(Self::into_value).collect();
        value["checks"] = self.checks.into_iter().map(check_value).collect();
        value
    }
}

/// k6's identifier of a group or check: the MD5 of its path.
fn id(path: &str) -> String {
    let digest = Md5::digest(path.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
