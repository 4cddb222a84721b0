//! The block of thresholds.

use super::paint::Style;
use super::{Page, indent};
use crate::metric::Kind;
use crate::summary::report::parent;
use crate::summary::{MetricReport, ThresholdReport, number};

/// The metrics that have thresholds, each with its own; a submetric below its metric when
/// that has some too.
pub(super) fn lines(page: &Page<'_>) -> Vec<String> {
    let metrics = page.report.total.metrics.iter();
    let with_thresholds: Vec<_> = metrics.filter(|m| !m.thresholds.is_empty()).collect();
    let mut lines = Vec::new();
    for metric in &with_thresholds {
        let of = parent(&metric.name);
        let is_below = of != metric.name && with_thresholds.iter().any(|other| other.name == of);
        let (name, indent) =
            if is_below { (&metric.name[of.len()..], indent(3)) } else { (metric.name.as_str(), indent(2)) };
        lines.push(format!("{indent}{name}"));
        for threshold in &metric.thresholds {
            lines.push(format!("{indent}{}", threshold_line(page, metric, threshold)));
        }
        lines.push(String::new());
    }
    lines
}

fn threshold_line(page: &Page<'_>, metric: &MetricReport, threshold: &ThresholdReport) -> String {
    let paint = page.paint;
    let mark = paint.verdict(if threshold.ok { "✓" } else { "✗" }, threshold.ok);
    let expression = threshold.expression.trim();
    let source = paint.wrap(&format!("'{expression}'"), Style::White);
    let method = expression.split(['<', '>', '=', '!']).next();
    let method = method.unwrap_or_default().trim();
    let Some(value) = threshold.value.or(threshold.ok.then_some(0.0)) else {
        return format!("{mark} {source} no samples");
    };
    let unit = page.report.settings.time_unit;
    let value = match (metric.values.kind(), method) {
        (Kind::Rate, _) => number::percent(value),
        (Kind::Counter, "rate") => format!("{}/s", number::value(value, metric.contains, unit)),
        _ => number::value(value, metric.contains, unit),
    };
    let method = paint.wrap(method, Style::White);
    let value = paint.wrap(&value, Style::Cyan);
    format!("{mark} {source} {method}={value}")
}
