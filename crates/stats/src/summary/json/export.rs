//! The older of k6's JSON summaries, which `--summary-export` writes.

use serde_json::{Map, Value, json};

use super::{Group, check_value, number, root_group, values};
use crate::summary::report::{MetricReport, Report, Settings, Values};

/// What k6's `--summary-export` writes, with a block `throng` besides.
///
/// It has k6's traps: in `thresholds` *true* stands for one that has *failed*, and a rate's share is its `value`.
/// Groups and checks are objects by name. Times are milliseconds.
pub fn summary_export(report: &Report) -> Value {
    let settings = &report.settings;
    let metrics = report.total.metrics.iter();
    let metrics: Map<String, Value> =
        metrics.map(|metric| (metric.name.clone(), metric_value(metric, settings))).collect();
    let mut summary = json!({ "root_group": group_value(root_group(report)), "metrics": metrics });
    if let Some(data) = &settings.setup_data {
        summary["setup_data"] = data.clone();
    }
    summary["throng"] = settings.throng.clone();
    summary
}

fn metric_value(metric: &MetricReport, settings: &Settings) -> Value {
    let mut value = match &metric.values {
        Values::Rate { passes, fails } => {
            json!({ "passes": passes, "fails": fails, "value": number(Values::share(*passes, *fails)) })
        }
        others => values(others, settings),
    };
    if !metric.thresholds.is_empty() {
        let thresholds = metric.thresholds.iter();
        let failed: Map<String, Value> =
            thresholds.map(|threshold| (threshold.expression.clone(), json!(!threshold.ok))).collect();
        value["thresholds"] = failed.into();
    }
    value
}

fn group_value(group: Group<'_>) -> Value {
    let head = group.head();
    let groups: Map<String, Value> =
        group.groups.into_iter().map(|group| (group.name.clone(), group_value(group))).collect();
    let checks: Map<String, Value> =
        group.checks.into_iter().map(|check| (check.name.clone(), check_value(check))).collect();
    let mut value = head;
    value["groups"] = groups.into();
    value["checks"] = checks.into();
    value
}
