//! The summary as text, in k6's layout.

use super::report::{MetricReport, Report, ScopeReport, parent};
use super::section::{Section, is_detail};
use crate::builtin;
use lines::MetricLines;
use paint::{Paint, Style};

mod checks;
mod lines;
mod paint;
#[cfg(test)]
mod tests;
mod thresholds;

/// How much the text summary shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The run without the parts of requests' times.
    Compact,
    /// Everything, and every scenario and group.
    Full,
}

/// Prints a summary: blank lines at its beginning and end included, each line ended.
///
/// The layout is what k6 prints, byte for byte, which includes that names are padded for
/// the longest of "name and display name", and blanks at the end of lines. Only a result about which there is something
/// to be known has a section `REMARKS` besides.
pub fn render(report: &Report, mode: Mode, colour: bool) -> String {
    let page = Page { report, mode, paint: Paint::new(colour) };
    let mut lines = vec![String::new(); 2];
    let thresholds = thresholds::lines(&page);
    if !thresholds.is_empty() {
        page.section("THRESHOLDS", thresholds, &mut lines);
    }
    page.section("TOTAL RESULTS", page.scope(&report.total, 1), &mut lines);
    if mode == Mode::Full {
        for group in &report.groups {
            let title = format!("GROUP: {}", group.name);
            page.section(&title, page.scope(group, 1), &mut lines);
        }
        for scenario in &report.scenarios {
            let title = format!("SCENARIO: {}", scenario.name);
            page.section(&title, page.scope(scenario, 1), &mut lines);
        }
    }
    if !report.settings.remarks.is_empty() {
        let remarks = report.settings.remarks.iter().map(|remark| format!("{}{remark}", indent(2)));
        page.section("REMARKS", remarks.collect(), &mut lines);
    }
    lines.push(String::new());
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// What all parts of a summary are printed with.
struct Page<'a> {
    report: &'a Report,
    mode: Mode,
    paint: Paint,
}

impl Page<'_> {
    fn section(&self, title: &str, content: Vec<String>, lines: &mut Vec<String>) {
        let title = self.paint.wrap(title, Style::Bold);
        lines.extend([format!("  █ {title} "), String::new()]);
        lines.extend(content);
        lines.push(String::new());
    }

    /// Checks, metrics and groups of a scope; `level` counts the titles above it.
    fn scope(&self, scope: &ScopeReport, level: usize) -> Vec<String> {
        let mut lines = checks::lines(self, scope, level);
        lines.extend(self.metrics(scope, level));
        for group in &scope.groups {
            let title = format!("GROUP: {}", group.name);
            let title = self.paint.wrap(&title, Style::Bold);
            lines.extend([format!("{}↳ {title} ", indent(level + 1)), String::new()]);
            lines.extend(self.scope(group, level + 1));
        }
        lines
    }

    /// Whether the compact summary has it too: a metric of ours only with a threshold on it or a part of it.
    fn is_compact(&self, metric: &MetricReport) -> bool {
        let mut judged = self.report.total.metrics.iter().filter(|other| !other.thresholds.is_empty());
        let is_judged = builtin::is_quiet(metric.metric) && judged.any(|other| other.metric == metric.metric);
        !is_detail(metric.metric) && (is_judged || !builtin::is_quiet(metric.metric))
    }

    fn metrics(&self, scope: &ScopeReport, level: usize) -> Vec<String> {
        let shown: Vec<_> = scope
            .metrics
            .iter()
            .filter(|metric| self.mode == Mode::Full || self.is_compact(metric))
            .filter_map(|metric| Some((Section::of(metric.metric, parent(&metric.name))?, metric)))
            .collect();
        let all: Vec<_> = shown.iter().map(|(_, metric)| (*metric).clone()).collect();
        let columns = MetricLines::new(self, &all, level);
        let mut lines = Vec::new();
        for section in Section::ALL {
            let metrics = shown.iter().filter(|(of, _)| *of == section);
            let section_lines: Vec<_> = metrics.map(|(_, metric)| columns.line(metric)).collect();
            if section_lines.is_empty() {
                continue;
            }
            let title = self.paint.wrap(section.title(), Style::Bold);
            lines.push(format!("{}{title}", indent(level + 1)));
            lines.extend(section_lines);
            lines.push(String::new());
        }
        lines
    }
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

/// How many columns a text takes, taking every character as one.
fn width(text: &str) -> usize {
    text.chars().count()
}
