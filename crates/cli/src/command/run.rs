//! `throng run`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use signal_hook::consts::{SIGINT, SIGTERM};
use throng_agent::{Ending, RunConfig, RunHandle, RunResult};
use throng_plan::SummaryMode;
use throng_stats::{Mode, json, text};

use super::options;
use crate::args::{Global, RunArgs};
use crate::control::{self, Offer};
use crate::exit::{Exit, Failure};
use crate::load;
use crate::printing::{self, Printer};

/// How often a program that lingers looks whether it is to end.
const LINGER_LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &RunArgs, global: &Global) -> Result<Exit, Failure> {
    let address = control::address(&args.control)?;
    let test = load::load(&args.script.script, global)?;
    let config = RunConfig {
        tls_key_log: args.tls_key_log.clone().or_else(options::key_log_file),
        ..options::run_config(test, &args.script, &args.options, true)?
    };
    let handle = RunHandle::default();
    watch_signals(&handle)?;
    let mut printer = Printer::new(global, &args.script.script);
    let offer = Offer::new(&handle, &args.script.script, address, global)?;
    let run = throng_agent::run(config, &handle, &mut offer.observing(&mut printer));
    let mut result = run.map_err(Failure::from).inspect_err(|failure| offer.fail(failure))?;
    printer.finish();
    let settings = &mut result.report.settings;
    settings.stdout_is_terminal = io::stdout().is_terminal();
    settings.stderr_is_terminal = io::stderr().is_terminal();
    settings.no_color = !printing::colours(global, settings.stdout_is_terminal);
    summarize(&result, (args, printer.summary_mode()), global)?;
    let exit = verdict(&result, global);
    offer.end(exit, &result);
    if printer.lingers() && result.ending != Ending::Interrupted {
        linger(&handle, global);
    }
    Ok(exit)
}

/// The first signal ends the run in order, the second the process at once.
fn watch_signals(handle: &RunHandle) -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        let exit = Exit::Interrupted as i32;
        signal_hook::flag::register_conditional_shutdown(signal, exit, handle.flag())
            .and_then(|_| signal_hook::flag::register(signal, handle.flag()))
            .map_err(|error| Failure::new(Exit::Machine, anyhow!(error).context("signals can't be handled")))?;
    }
    Ok(())
}

fn summarize(result: &RunResult, (args, mode): (&RunArgs, SummaryMode), global: &Global) -> Result<(), Failure> {
    match (&result.summarized, mode) {
        (Some(contents), _) => {
            for (destination, content) in contents {
                deliver(destination, content)?;
            }
        }
        (None, SummaryMode::Disabled) => {}
        (None, mode) => {
            let mode = if mode == SummaryMode::Full { Mode::Full } else { Mode::Compact };
            let colour = printing::colours(global, result.report.settings.stdout_is_terminal);
            deliver("stdout", &text::render(&result.report, mode, colour))?;
        }
    }
    if let Some(path) = &args.summary_export {
        let mut content = serde_json::to_string_pretty(&json::handle_summary(&result.report))
            .map_err(|error| Failure::new(Exit::Other, error))?;
        content.push('\n');
        deliver(&path.to_string_lossy(), &content)?;
    }
    Ok(())
}

fn deliver(destination: &str, content: &str) -> Result<(), Failure> {
    let written = match destination {
        "stdout" => io::stdout().write_all(content.as_bytes()),
        "stderr" => io::stderr().write_all(content.as_bytes()),
        path => fs::write(path, content),
    };
    match written {
        // Whoever read the summary has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result
            .with_context(|| format!("the summary can't be written to {destination}"))
            .map_err(|error| Failure::new(Exit::Other, error)),
    }
}

/// Waits for the first signal after the run's end.
fn linger(handle: &RunHandle, global: &Global) {
    printing::note("the run is over; throng stays until Ctrl-C (--linger)", global);
    let interrupted = handle.flag();
    while !interrupted.load(Ordering::Relaxed) {
        thread::sleep(LINGER_LOOK);
    }
}

/// Says why the run isn't a success, and which code that has. The ending goes before thresholds, as in k6.
fn verdict(result: &RunResult, global: &Global) -> Exit {
    let failed = throng_stats::failed_metrics(&result.outcomes);
    let (exit, message) = match &result.ending {
        Ending::Interrupted => (Exit::Interrupted, Some("the run was interrupted".into())),
        Ending::Stopped => (Exit::Stopped, Some("the run was stopped".into())),
        Ending::ScriptAbort(message) => (Exit::ScriptAborted, Some(format!("the script aborted the run: {message}"))),
        Ending::SetupFailed(message) => (Exit::ScriptFailed, Some(format!("setup failed: {message}"))),
        Ending::TeardownFailed(message) => (Exit::ScriptFailed, Some(format!("teardown failed: {message}"))),
        Ending::SetupTimeout(limit) => (
            Exit::SetupTimeout,
            Some(format!("setup took longer than {limit:?}; the option setupTimeout sets that limit")),
        ),
        Ending::TeardownTimeout(limit) => (
            Exit::TeardownTimeout,
            Some(format!("teardown took longer than {limit:?}; the option teardownTimeout sets that limit")),
        ),
        Ending::ThresholdAbort | Ending::Finished => (Exit::Success, None),
    };
    if let Some(message) = message {
        printing::error(&message, global);
    }
    if !failed.is_empty() {
        let how = if result.ending == Ending::ThresholdAbort { ", which ended the run" } else { "" };
        printing::error(&format!("thresholds on {} have failed{how}", failed.join(", ")), global);
    }
    if exit != Exit::Success {
        return exit;
    }
    if !failed.is_empty() || result.ending == Ending::ThresholdAbort {
        return Exit::ThresholdsFailed;
    }
    match &result.marked_failed {
        Some(message) => {
            printing::error(&format!("the script marked the run as failed: {message}"), global);
            Exit::MarkedFailed
        }
        None => Exit::Success,
    }
}
