//! A run that goes on elsewhere, for people.

use std::io::{IsTerminal, stderr};

use throng_protocol::control::{Event, LogLevel, RunState, RunStatus, ScenarioStatus, ThresholdOutcome, from_ms};

use throng_protocol::run::{Log, Run};

use super::{clock, colours, labelled, short};
use crate::args::Global;

/// Several lines about a run.
pub(crate) fn status(run: &RunStatus) -> String {
    let mut text = format!("run {}: {}", run.run_id, headline(run));
    let mut add = |name: &str, value: String| text.push_str(&format!("\n  {name:<11} {value}"));
    add("script", run.script.clone());
    if run.process_id != 0 {
        add("process", run.process_id.to_string());
    }
    add("VUs", format!("{}/{}", run.vus, run.vus_max));
    add("iterations", iterations(run));
    let width = run.scenarios.iter().map(|scenario| scenario.name.chars().count()).max().unwrap_or(0);
    for (index, one) in run.scenarios.iter().enumerate() {
        let name = if index == 0 { "scenarios" } else { "" };
        add(name, format!("{:<width$}  {}", one.name, scenario(one)));
    }
    for (index, outcome) in run.thresholds.iter().enumerate() {
        add(if index == 0 { "thresholds" } else { "" }, threshold(outcome));
    }
    text
}

/// Several lines about a run of a cluster.
pub(crate) fn group_status(run: &Run) -> String {
    let mut text = status(&run.status.clone().unwrap_or_default());
    let mut add = |name: &str, value: String| text.push_str(&format!("\n  {name:<11} {value}"));
    let width = run.agents.iter().map(|part| part.agent.len()).max().unwrap_or(0);
    for (index, part) in run.agents.iter().enumerate() {
        let name = if index == 0 { "agents" } else { "" };
        let windows = format!("{} windows kept", part.last_window);
        add(name, format!("{:<width$}  {:<9}  {}  {windows}", part.agent, part.state, part.segment));
    }
    let completeness = run.completeness.clone().unwrap_or_default();
    for loss in &completeness.losses {
        let heir = match loss.taken_over_by.as_str() {
            "" => String::new(),
            heir => format!(", taken over by {heir}"),
        };
        add("lost", format!("{} after its window {}{heir}", loss.agent, loss.last_window));
    }
    add("asked by", run.client.clone());
    add("archive", run.archive.clone());
    text
}

/// A line for each run of a cluster.
pub(crate) fn runs(runs: &[Run]) -> String {
    let of = |run: &Run| run.status.clone().unwrap_or_default();
    let width = runs.iter().map(|run| of(run).run_id.len()).max().unwrap_or(0);
    let line = |run: &Run| {
        let status = of(run);
        let lacks = run.completeness.as_ref().is_some_and(|completeness| !completeness.complete);
        let lacks = if lacks { "  (not complete)" } else { "" };
        format!(
            "{:<width$}  {}  {}  {}{lacks}",
            status.run_id,
            since(status.started_unix_ms),
            status.script,
            headline(&status)
        )
    };
    runs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// An instant as RFC 3339, in whole seconds.
fn since(unix_ms: i64) -> String {
    let text = throng_output::rfc3339(u64::try_from(unix_ms).unwrap_or(0).saturating_mul(1_000_000));
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{}Z", seconds.trim_end_matches('Z'))
}

/// What it is at, and for how long.
pub(crate) fn headline(run: &RunStatus) -> String {
    if let Some(ending) = &run.ending {
        let reason = if ending.message.is_empty() { String::new() } else { format!(": {}", ending.message) };
        return format!("ended with exit code {}, {}{reason}", ending.exit_code, ending.meaning);
    }
    let stopping = if run.stopping && run.state() != RunState::Teardown { ", stopping" } else { "" };
    let time = match run.elapsed_ms {
        0 => String::new(),
        elapsed => format!(", {}", clock(from_ms(elapsed))),
    };
    format!("{}{time}{stopping}", run.state().name())
}

fn iterations(run: &RunStatus) -> String {
    let dropped = match run.iterations_dropped {
        0 => String::new(),
        dropped => format!(", {dropped} dropped"),
    };
    format!("{} complete, {} interrupted{dropped}", run.iterations_completed, run.iterations_interrupted)
}

fn scenario(scenario: &ScenarioStatus) -> String {
    let elapsed = clock(from_ms(scenario.elapsed_ms.min(scenario.duration_ms.unwrap_or(u64::MAX))));
    let time = match (scenario.ended, scenario.duration_ms) {
        (true, _) => "ended".to_owned(),
        (false, Some(duration)) => format!("{elapsed}/{}", short(from_ms(duration))),
        (false, None) => elapsed,
    };
    let planned = scenario.iterations_planned.map(|planned| format!("/{planned}")).unwrap_or_default();
    format!(
        "{}  {} VUs  {time}  {}{planned} iterations",
        scenario.executor, scenario.vus, scenario.iterations_completed
    )
}

fn threshold(outcome: &ThresholdOutcome) -> String {
    let mark = if outcome.ok { '✓' } else { '✗' };
    let now = outcome.value.map(|value| format!("  now {}", (value * 100.0).round() / 100.0)).unwrap_or_default();
    format!("{mark} {}  {}{now}", outcome.metric, outcome.expression)
}

/// Prints a run that is watched as it goes, like one that runs here.
pub(crate) struct Watching {
    quiet: bool,
    colours: bool,
    /// The thresholds that failed when they were last told.
    failed: Vec<(String, String)>,
}

impl Watching {
    pub(crate) fn new(global: &Global) -> Self {
        Self { quiet: global.quiet, colours: colours(global, stderr().is_terminal()), failed: Vec::new() }
    }

    /// Prints a message of a run of a cluster, with the agent that it comes from.
    pub(crate) fn print_log(&mut self, log: &Log) {
        let mut record = log.record.clone().unwrap_or_default();
        if !log.agent.is_empty() {
            let space = if record.source.is_empty() { "" } else { " " };
            record.source.push_str(&format!("{space}agent={}", log.agent));
        }
        self.print(&Event::Log(record));
    }

    /// Prints an event; the end is for whoever asked.
    pub(crate) fn print(&mut self, event: &Event) {
        for line in self.lines(event) {
            eprintln!("{line}");
        }
    }

    fn lines(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::Log(record) => {
                let level = match record.level() {
                    LogLevel::Debug => throng_vu::LogLevel::Debug,
                    LogLevel::Unspecified | LogLevel::Info => throng_vu::LogLevel::Info,
                    LogLevel::Warn => throng_vu::LogLevel::Warn,
                    LogLevel::Error => throng_vu::LogLevel::Error,
                };
                vec![labelled(level, &record.message, &record.source, self.colours)]
            }
            _ if self.quiet => Vec::new(),
            Event::Progress(run) => {
                let (vus, max) = (run.vus, run.vus_max);
                vec![format!("{}  {vus:02}/{max} VUs, {} iterations", headline(run), iterations(run))]
            }
            Event::Thresholds(thresholds) => self.changes(&thresholds.outcomes),
            Event::Skipped(skipped) => {
                vec![format!("{} messages were left out: they came faster than they were read", skipped.messages)]
            }
            Event::End(_) => Vec::new(),
        }
    }

    /// The thresholds that didn't fail before and do now, or the other way round.
    fn changes(&mut self, outcomes: &[ThresholdOutcome]) -> Vec<String> {
        let name = |outcome: &ThresholdOutcome| (outcome.metric.clone(), outcome.expression.clone());
        let changed = outcomes.iter().filter(|outcome| self.failed.contains(&name(outcome)) == outcome.ok);
        let lines = changed.map(threshold).collect();
        self.failed = outcomes.iter().filter(|outcome| !outcome.ok).map(name).collect();
        lines
    }
}

#[cfg(test)]
mod tests {
    use throng_protocol::control::{Ending, LogRecord, Skipped, Thresholds};
    use throng_protocol::run::{AgentPart, Completeness, Loss};

    use super::*;

    fn run() -> RunStatus {
        let scenario = |name: &str, duration_ms, iterations_planned| ScenarioStatus {
            name: name.to_owned(),
            executor: "an-executor".to_owned(),
            elapsed_ms: 12_300,
            duration_ms,
            vus: 3,
            iterations_completed: 7,
            iterations_planned,
            ..ScenarioStatus::default()
        };
        RunStatus {
            run_id: "a1".to_owned(),
            state: RunState::Running.into(),
            script: "shop.wasm".to_owned(),
            elapsed_ms: 12_300,
            vus: 6,
            vus_max: 10,
            iterations_completed: 14,
            scenarios: vec![scenario("buy", Some(60_000), Some(50)), scenario("browse", None, None)],
            thresholds: vec![outcome(true)],
            ..RunStatus::default()
        }
    }

    fn outcome(ok: bool) -> ThresholdOutcome {
        let (metric, expression) = ("http_req_duration".to_owned(), "p(95)<500".to_owned());
        ThresholdOutcome { metric, expression, ok, value: Some(1.2345), abort: false }
    }

    #[test]
    fn a_status_is_a_line_and_its_details() {
        let expected = "run a1: running, 0m12.3s
  script      shop.wasm
  VUs         6/10
  iterations  14 complete, 0 interrupted
  scenarios   buy     an-executor  3 VUs  0m12.3s/1m0s  7/50 iterations
              browse  an-executor  3 VUs  0m12.3s  7 iterations
  thresholds  ✓ http_req_duration  p(95)<500  now 1.23";
        assert_eq!(status(&run()), expected);
    }

    #[test]
    fn a_cluster_names_agents_and_what_is_missing() {
        let part = |agent: &str, state: &str| AgentPart {
            agent: agent.to_owned(),
            state: state.to_owned(),
            segment: "0:1/2".to_owned(),
            last_window: 3,
            ..AgentPart::default()
        };
        let losses = vec![Loss { agent: "b".to_owned(), last_window: 3, ..Loss::default() }];
        let completeness = Some(Completeness { complete: false, parts: 2, losses, checkpoints_left_out: 0 });
        let group = Run {
            status: Some(RunStatus { started_unix_ms: 1_000, ..run() }),
            agents: vec![part("a", "running"), part("b", "lost")],
            completeness,
            ..Run::default()
        };
        let text = group_status(&group);
        assert!(text.contains("\n  agents      a  running    0:1/2  3 windows kept\n"), "{text}");
        assert!(text.contains("\n  lost        b after its window 3\n"), "{text}");
        assert_eq!(runs(&[group]), "a1  1970-01-01T00:00:01Z  shop.wasm  running, 0m12.3s  (not complete)");
    }

    #[test]
    fn the_end_says_why() {
        let ending = Ending { exit_code: 99, meaning: "a threshold failed".to_owned(), message: "p(95)".to_owned() };
        let text = status(&RunStatus { ending: Some(ending), ..run() });
        assert!(text.starts_with("run a1: ended with exit code 99, a threshold failed: p(95)\n"), "{text}");
        let text = status(&RunStatus { stopping: true, ..run() });
        assert!(text.starts_with("run a1: running, 0m12.3s, stopping\n"), "{text}");
    }

    #[test]
    fn a_threshold_is_told_when_its_verdict_changes() {
        let mut watching = Watching { quiet: false, colours: false, failed: Vec::new() };
        let mut told = |ok| watching.lines(&Event::Thresholds(Thresholds { outcomes: vec![outcome(ok)] })).len();
        assert_eq!([told(true), told(false), told(false), told(true), told(true)], [0, 1, 0, 1, 0]);
    }

    #[test]
    fn quiet_leaves_messages() {
        let mut watching = Watching { quiet: true, colours: false, failed: Vec::new() };
        let record = LogRecord { level: LogLevel::Warn.into(), message: "late".to_owned(), source: "vu=1".to_owned() };
        assert_eq!(watching.lines(&Event::Log(record)), ["WARN late  vu=1"]);
        assert!(watching.lines(&Event::Progress(run())).is_empty());
        assert!(watching.lines(&Event::Skipped(Skipped { messages: 3 })).is_empty());
    }
}
