//! A run of a cluster that is watched as it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throng_agent::{LogRecord, Observer};
use throng_coordinator::{Abort, Client, Watched, Watching};
use throng_plan::Plan;
use throng_protocol::control::{self, LogLevel, RunState, RunStatus};
use throng_protocol::run::{AbortKind, Event, Log, Run, RunEnd};
use throng_protocol::{ControlError, ErrorKind};

use super::progress::progress;
use crate::exit::{Exit, Failure};
use crate::printing::Printer;

/// Prints a run of a cluster like one on this machine.
pub(crate) struct Follower<'a> {
    printer: &'a mut Printer,
    plan: &'a Plan,
    /// What it was at when that was told last.
    state: RunState,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(printer: &'a mut Printer, plan: &'a Plan) -> Self {
        Self { printer, plan, state: RunState::Unspecified }
    }

    fn tell(&mut self, watched: Watched) {
        match watched {
            Watched::Event(event) => self.tell_event(*event),
            Watched::Lost { since, why } => self.warn(format!(
                "no coordinator has told how the run goes on for {} s ({why}); it goes on at its agents",
                since.as_secs()
            )),
            Watched::Found => self.printer.note("a coordinator tells again how the run goes on"),
            Watched::NotAborted(error) => self.warn(format!("the run wasn't told to end: {error}")),
        }
    }

    fn tell_event(&mut self, event: Event) {
        match event {
            Event::Progress(run) => self.tell_progress(&run),
            Event::Log(log) => self.printer.log(record(log)),
            Event::Skipped(skipped) => self.warn(format!("{} messages of the run were left out", skipped.messages)),
            // What they say at last is in the summary.
            Event::Thresholds(_) | Event::End(_) => {}
        }
    }

    fn warn(&mut self, message: String) {
        let level = throng_vu::LogLevel::Warn;
        self.printer.log(LogRecord { level, message, source: String::new() });
    }

    fn tell_progress(&mut self, run: &Run) {
        let Some(status) = &run.status else { return };
        if self.state != status.state() {
            self.state = status.state();
            if let Some(text) = stage(run, status) {
                self.printer.note(&text);
            }
        }
        if !status.scenarios.is_empty() {
            self.printer.progress(&progress(status, self.plan));
        }
    }
}

/// What is told of a run that isn't seen in its progress.
fn stage(run: &Run, status: &RunStatus) -> Option<String> {
    let agents = || run.agents.iter().map(|part| part.agent.as_str()).collect::<Vec<_>>().join(", ");
    Some(match status.state() {
        RunState::Waiting => format!("run {} waits for agents", status.run_id),
        RunState::Preparing => format!("run {} is made ready by {}", status.run_id, agents()),
        RunState::PausedBeforeStart => {
            format!("run {} is paused: it begins with `throng resume --cluster`", status.run_id)
        }
        _ => return None,
    })
}

/// A message with the agent that it comes from.
fn record(log: Log) -> LogRecord {
    let control::LogRecord { message, source, level } = log.record.unwrap_or_default();
    let level = match LogLevel::try_from(level).unwrap_or(LogLevel::Info) {
        LogLevel::Debug => throng_vu::LogLevel::Debug,
        LogLevel::Unspecified | LogLevel::Info => throng_vu::LogLevel::Info,
        LogLevel::Warn => throng_vu::LogLevel::Warn,
        LogLevel::Error => throng_vu::LogLevel::Error,
    };
    let source = match (log.agent.as_str(), source.as_str()) {
        ("", _) => source,
        (agent, "") => format!("agent={agent}"),
        (agent, source) => format!("{source} agent={agent}"),
    };
    LogRecord { level, message, source }
}

/// Watches a run to its end. When the flag is set the run is told to end, once, as Ctrl-C does.
pub(crate) fn follow(
    client: &Client,
    (run_id, patience): (&str, Duration),
    log_level: LogLevel,
    interrupted: &Arc<AtomicBool>,
    follower: &mut Follower<'_>,
) -> Result<RunEnd, Failure> {
    let mut is_told = false;
    let mut abort = || {
        let is_news = interrupted.load(Ordering::Relaxed) && !is_told;
        is_told |= is_news;
        is_news.then(|| Abort { client: super::own_name(), kind: AbortKind::Interrupted })
    };
    let watching = Watching { run_id, log_level, patience };
    client.watch(&watching, &mut |watched| follower.tell(watched), &mut abort).map_err(unwatched)
}

/// Why a run isn't watched any more: that nobody tells is something else than that there is no such run.
pub(crate) fn unwatched(error: ControlError) -> Failure {
    match error.kind {
        ErrorKind::Unavailable | ErrorKind::TimedOut => Failure::new(Exit::NoQuorum, error),
        _ => error.into(),
    }
}
