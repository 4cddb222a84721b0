//! The block of checks.

use super::lines::MetricLines;
use super::{Page, indent};
use crate::builtin;
use crate::checks::{Check, Checks};
use crate::metric::Contains;
use crate::summary::{MetricReport, ScopeReport, Values};

/// The three metrics of checks, then each check by name; nothing without checks.
pub(super) fn lines(page: &Page<'_>, scope: &ScopeReport, level: usize) -> Vec<String> {
    let checks = scope.metrics.iter().find(|m| m.name == "checks");
    let Some(Values::Rate { passes, fails }) = checks.map(|metric| &metric.values) else {
        return Vec::new();
    };
    if passes + fails == 0 {
        return Vec::new();
    }
    let metrics = check_metrics(*passes, *fails, page.report.settings.run_duration.as_secs_f64());
    let columns = MetricLines::new(page, &metrics, level);
    let mut lines: Vec<_> = metrics.iter().map(|metric| columns.line(metric)).collect();
    lines.push(String::new());
    for check in by_name(&scope.checks) {
        lines.extend(check_lines(page, &check, level));
    }
    lines.push(String::new());
    lines
}

fn check_metrics(passes: u64, fails: u64, seconds: f64) -> [MetricReport; 3] {
    let metric = |name: &str, values| MetricReport {
        name: name.to_owned(),
        metric: builtin::CHECKS,
        contains: Contains::Default,
        values,
        thresholds: Vec::new(),
        histogram: None,
    };
    let count = (passes + fails) as f64;
    let rate = if seconds > 0.0 { count / seconds } else { 0.0 };
    let (failed_passes, failed_fails) = (fails, passes);
    [
        metric("checks_total", Values::Counter { count, rate }),
        metric("checks_succeeded", Values::Rate { passes, fails }),
        metric("checks_failed", Values::Rate { passes: failed_passes, fails: failed_fails }),
    ]
}

fn check_lines(page: &Page<'_>, check: &Check, level: usize) -> Vec<String> {
    let ok = check.fails == 0;
    let mark = if ok { '✓' } else { '✗' };
    let name = page.paint.verdict(&format!("{mark} {}", check.name), ok);
    let mut lines = vec![format!("{}{name}", indent(level + 1))];
    if !ok {
        let (passes, fails) = (check.passes, check.fails);
        let percent = 100 * u128::from(passes) / u128::from(passes + fails);
        let counts = format!("↳  {percent}% — ✓ {passes} / ✗ {fails}");
        // k6 indents this line twice as fast as the others.
        let counts = page.paint.verdict(&counts, false);
        lines.push(format!("{}{counts}", indent(2 * level + 1)));
    }
    lines
}

fn by_name(checks: &[Check]) -> Vec<Check> {
    let mut merged = Checks::default();
    for check in checks {
        merged.add("", &check.name, check.passes, check.fails);
    }
    merged.by_name()
}
