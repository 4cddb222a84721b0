//! What a test consists of and would do, as a page to read.

use std::path::Path;

use throng_agent::Inspection;
use throng_archive::{Digest, FileSummary};
use throng_plan::{Plan, PlannedScenario};
use throng_stats::Threshold;
use throng_vu::{Description, MetricDefinition, MetricKind};

use super::{header, options, short};

/// What is printed of a test.
pub(crate) struct Page<'a> {
    pub(crate) script: &'a Path,
    pub(crate) component: &'a [u8],
    pub(crate) inspection: &'a Inspection,
}

/// The page, without a line's end behind it.
pub(crate) fn page(page: &Page<'_>) -> String {
    let Inspection { description, imports, exports, plan, files, .. } = page.inspection;
    let mut lines = vec![page.script.display().to_string(), String::new()];
    for (name, text) in [
        ("digest", format!("sha256:{}", Digest::of(page.component))),
        ("size", format!("{} KiB", page.component.len().div_ceil(1024))),
        ("imports", joined(imports)),
        ("exports", joined(exports)),
        ("functions", joined(&description.functions)),
        ("setups", joined(&description.scenario_setups)),
        ("hooks", joined(&hooks(description))),
        ("metrics", joined(&description.metrics.iter().map(metric).collect::<Vec<_>>())),
    ] {
        lines.push(format!("{name:<12}{text}"));
    }
    lines.push(String::new());
    lines.extend(scenarios(plan));
    lines.push("\nthresholds".to_owned());
    let thresholds: Vec<_> = plan
        .options()
        .thresholds
        .iter()
        .flat_map(|(selector, list)| list.iter().map(move |threshold| (selector.to_string(), expression(threshold))))
        .collect();
    lines.extend(listed(&thresholds));
    lines.push("\ndata files".to_owned());
    lines.extend(listed(&files.summaries().into_iter().map(file).collect::<Vec<_>>()));
    lines.push("\noptions, and where they come from".to_owned());
    lines.extend(options::listed(page.inspection));
    lines.join("\n")
}

fn joined(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn hooks(description: &Description) -> Vec<String> {
    let hooks = [
        ("setup", description.has_setup),
        ("vu_init", description.has_vu_init),
        ("teardown", description.has_teardown),
        ("summarize", description.has_summarize),
    ];
    hooks.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name.to_owned()).collect()
}

fn metric(metric: &MetricDefinition) -> String {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Rate => "rate",
        MetricKind::Trend => "trend",
    };
    let of_times = if metric.is_time { " of times" } else { "" };
    format!("{} ({kind}{of_times})", metric.name)
}

fn scenarios(plan: &Plan) -> Vec<String> {
    let planned: Vec<_> = plan.scenarios().iter().map(|one| one.scenario().model.planned_iterations()).collect();
    let known: u64 = planned.iter().flatten().fold(0, |sum, iterations| sum.saturating_add(*iterations));
    let iterations = match (planned.iter().all(Option::is_some), known) {
        (true, known) => format!("{known} iterations"),
        (false, 0) => "as many iterations as time allows".to_owned(),
        (false, known) => format!("{known} iterations and as many as time allows"),
    };
    let count = planned.len();
    let plural = if count == 1 { "" } else { "s" };
    let mut lines = vec![format!(
        "{count} scenario{plural}: {} VUs at most, {iterations}, {} at most with graceful stops (setup and teardown \
         not counted)",
        plan.max_vus(),
        short(plan.duration()),
    )];
    lines.extend(listed(&plan.scenarios().iter().map(scenario).collect::<Vec<_>>()));
    lines
}

fn scenario(planned: &PlannedScenario) -> (String, String) {
    let scenario = planned.scenario();
    let (start, end) = (short(scenario.start), short(scenario.hard_end()));
    let text = format!(
        "{}: {}; {} VUs, from {start} to {end}",
        scenario.model.executor_name(),
        header::describe(planned),
        scenario.model.vus()
    );
    (scenario.name.clone(), text)
}

fn expression(threshold: &Threshold) -> String {
    let required = if threshold.requires_samples() { ", with samples" } else { "" };
    let source = format!("{threshold}{required}");
    match threshold.abort() {
        None => source,
        Some(None) => format!("{source}, or the run ends"),
        Some(Some(delay)) => format!("{source}, or the run ends, after its first {}", short(delay)),
    }
}

fn file(file: FileSummary) -> (String, String) {
    let FileSummary { path, format, bytes, rows, sha256 } = file;
    let rows = match rows {
        Some(1) => ", 1 row".to_owned(),
        Some(rows) => format!(", {rows} rows"),
        None => String::new(),
    };
    (path, format!("{format}, {bytes} bytes{rows}, sha256:{sha256}"))
}

/// Names and texts in two columns.
fn listed(rows: &[(String, String)]) -> Vec<String> {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    match rows {
        [] => vec!["  none".to_owned()],
        rows => rows.iter().map(|(name, text)| format!("  {name:<width$}  {text}")).collect(),
    }
}
