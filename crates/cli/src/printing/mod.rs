//! Everything that is printed but the summary: notes, messages, progress. All of it goes to standard error, so that
//! standard output holds the summary alone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one place of the program that prints")]

mod bars;
mod header;
mod options;
mod page;
mod status;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use throng_agent::{LogRecord, Observer, Progress};
use throng_plan::duration::format as format_duration;
use throng_plan::{Plan, SummaryMode};
use throng_vu::LogLevel;

use crate::args::Global;
use bars::Bars;
pub(crate) use options::origins;
pub(crate) use page::{Page, page};
pub(crate) use status::{Watching, group_status, headline, runs, status};

/// How often a plain line of progress is printed.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Whether to colour what goes to a stream that is, or isn't, a terminal.
pub(crate) fn colours(global: &Global, is_terminal: bool) -> bool {
    is_terminal && !global.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line on standard output.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A remark that `--quiet` silences.
pub(crate) fn note(text: &str, global: &Global) {
    if !global.quiet {
        eprintln!("{text}");
    }
}

/// A remark from a thread that goes on beside the command.
pub(crate) fn note_from_thread(text: &str) {
    // In one piece, and not lost in a panic when nobody reads it any more.
    let _ = writeln!(stderr(), "{text}");
}

/// A warning; `--quiet` silences it.
pub(crate) fn warning(text: &str, global: &Global) {
    if !global.quiet {
        eprintln!("{}", labelled(LogLevel::Warn, text, "", colours(global, stderr().is_terminal())));
    }
}

/// An error; always printed.
pub(crate) fn error(text: &str, global: &Global) {
    eprintln!("{}", labelled(LogLevel::Error, text, "", colours(global, stderr().is_terminal())));
}

fn labelled(level: LogLevel, text: &str, source: &str, colours: bool) -> String {
    let (label, colour) = match level {
        LogLevel::Debug => ("DEBU", 34),
        LogLevel::Info => ("INFO", 36),
        LogLevel::Warn => ("WARN", 33),
        LogLevel::Error => ("ERRO", 31),
    };
    let source = if source.is_empty() { String::new() } else { format!("  {source}") };
    if colours {
        format!("\x1b[{colour}m{label}\x1b[0m {text}\x1b[2m{source}\x1b[0m")
    } else {
        format!("{label} {text}{source}")
    }
}

/// Prints a run as it goes.
pub(crate) struct Printer {
    script: PathBuf,
    /// Where the test runs.
    execution: String,
    quiet: bool,
    verbose: bool,
    colours: bool,
    /// On a terminal.
    bars: Option<Bars>,
    on_terminal: bool,
    last_line: Option<Instant>,
    summary_mode: SummaryMode,
    lingers: bool,
    /// Where messages of VUs go instead of standard error.
    messages: Option<File>,
}

impl Printer {
    pub(crate) fn new(global: &Global, script: &Path) -> Self {
        let on_terminal = stderr().is_terminal();
        Self {
            script: script.to_owned(),
            execution: "local".to_owned(),
            quiet: global.quiet,
            verbose: global.verbose,
            colours: colours(global, on_terminal),
            bars: None,
            on_terminal,
            last_line: None,
            summary_mode: SummaryMode::default(),
            lingers: false,
            messages: None,
        }
    }

    /// Has what VUs say go to a file, behind what that holds already.
    pub(crate) fn write_messages_to(&mut self, path: &Path) -> io::Result<()> {
        self.messages = Some(OpenOptions::new().create(true).append(true).open(path)?);
        Ok(())
    }

    /// Says that the test runs elsewhere.
    pub(crate) fn runs_at(&mut self, execution: String) {
        self.execution = execution;
    }

    /// A remark that `--quiet` silences, above the bars.
    pub(crate) fn note(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        match &self.bars {
            Some(bars) => bars.print_above(text),
            None => eprintln!("{text}"),
        }
    }

    /// What the summary is to show, which the options of the run say.
    pub(crate) fn summary_mode(&self) -> SummaryMode {
        self.summary_mode
    }

    /// Whether the program is to stay after the run's end.
    pub(crate) fn lingers(&self) -> bool {
        self.lingers
    }

    /// Leaves the last state of the bars standing.
    pub(crate) fn finish(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.finish();
        }
    }

    fn print_line(&mut self, progress: &Progress) {
        let ended = progress.scenarios.iter().all(|scenario| scenario.ended);
        if !ended && self.last_line.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            return;
        }
        self.last_line = Some(Instant::now());
        eprintln!("{}", bars::running(progress));
        for scenario in &progress.scenarios {
            eprintln!("{}", bars::plain(scenario));
        }
    }
}

impl Observer for Printer {
    fn planned(&mut self, plan: &Plan) {
        self.summary_mode = plan.options().summary_mode;
        self.lingers = plan.options().linger;
        if self.quiet {
            return;
        }
        eprintln!("{}", header::render(&self.script, &self.execution, plan));
        if self.on_terminal {
            self.bars = Some(Bars::new(plan));
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if self.quiet || progress.elapsed == Duration::ZERO {
            return;
        }
        match &self.bars {
            Some(bars) => bars.update(progress),
            None => self.print_line(progress),
        }
    }

    fn log(&mut self, record: LogRecord) {
        if record.level == LogLevel::Debug && !self.verbose {
            return;
        }
        if let Some(file) = self.messages.as_mut().filter(|_| !record.source.is_empty()) {
            let text = labelled(record.level, &record.message, &record.source, false);
            if writeln!(file, "{text}").is_ok() {
                return;
            }
        }
        let text = labelled(record.level, &record.message, &record.source, self.colours);
        match &self.bars {
            Some(bars) => bars.print_above(&text),
            None => eprintln!("{text}"),
        }
    }
}

/// `1m02.3s` as k6 shows the running time.
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let tenths = elapsed.subsec_millis() / 100;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}.{tenths}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes:02}m{seconds:02}.{tenths}s"),
    }
}

/// A duration as it would be written in options.
fn short(duration: Duration) -> String {
    if duration == Duration::MAX { "no end".to_owned() } else { format_duration(duration) }
}
