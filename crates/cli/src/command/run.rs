//! `throng run`.

mod group;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use throng_agent::{Ending, RunConfig, RunHandle, RunResult};
use throng_plan::{Layer, SummaryMode};
use throng_stats::{Mode, Report, json, text};

use super::options;
use crate::args::{Global, RunArgs};
use crate::cluster;
use crate::control::{self, Offer};
use crate::exit::{Exit, Failure};
use crate::layers::{Environment, Setting};
use crate::load;
use crate::printing::{self, Printer};
use crate::sources;

/// How often a program that lingers looks whether it is to end.
const LINGER_LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &RunArgs, global: &Global) -> Result<Exit, Failure> {
    match &args.group.cluster {
        Some(cluster) => group::run(args, cluster, global),
        None => run_here(args, global),
    }
}

/// A run on this machine.
fn run_here(args: &RunArgs, global: &Global) -> Result<Exit, Failure> {
    let address = control::address(&args.control)?;
    let test = load::load(&args.script.script, global)?;
    let environment = Environment::of_process();
    let key_log = Setting::TLS_KEY_LOG.file(args.tls_key_log.as_ref(), &environment);
    let mut faults = Vec::new();
    let new_shape = args.new_machine_readable_summary.as_deref();
    let machine_summary = Setting::NEW_SUMMARY.switch(new_shape, &environment, &mut faults).unwrap_or(false);
    let sources = sources::of(&args.sources, &environment)?;
    let mut config = RunConfig {
        sources,
        tls_key_log: key_log.map(|(path, _)| path),
        machine_summary,
        ..options::run_config(test, (&args.script, &args.options), (&environment, true), global)
    };
    let handle = RunHandle::default();
    watch_signals(&handle.flag())?;
    config.layers_above.push(Layer { faults, ..Layer::new("settings", Value::Null) });
    let mut printer = Printer::new(global, &args.script.script);
    divert_messages(args, &environment, &mut printer)?;
    let offer = Offer::new(&handle, &args.script.script, address, global)?;
    let run = throng_agent::run(config, &handle, &mut offer.observing(&mut printer));
    let failure = |error| Failure::of_test(error, &args.script.script);
    let mut result = run.map_err(failure).inspect_err(|failure| offer.fail(failure))?;
    printer.finish();
    let settings = &mut result.report.settings;
    settings.stdout_is_terminal = io::stdout().is_terminal();
    settings.stderr_is_terminal = io::stderr().is_terminal();
    settings.no_color = !printing::colours(global, settings.stdout_is_terminal);
    let export = Setting::SUMMARY_EXPORT.file(args.summary_export.as_ref(), &environment).map(|(path, _)| path);
    let shape = if machine_summary { json::machine } else { json::summary_export };
    // As in k6 the summary comes when the waiting is over. Those who watch the run are told before: they can't press
    // Ctrl-C.
    if printer.lingers() && result.ending != Ending::Interrupted {
        offer.end(Exit::of(result.exit as u32), &result);
        linger(&handle, global);
    }
    let is_complete =
        summarize(&result, (export, shape), printer.summary_mode(), global) & outputs_are_complete(&result, global);
    // What was found out about the target goes before what could not be written down.
    tell_troubles(&result, global);
    let exit = match Exit::of(result.exit as u32) {
        Exit::Success if !is_complete => Exit::OutputFailed,
        exit => exit,
    };
    // The first end that they are told stays.
    offer.end(exit, &result);
    Ok(exit)
}

/// Has what VUs say go to the file that was named for it.
fn divert_messages(args: &RunArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Failure> {
    let named = Setting::CONSOLE_OUTPUT.file(args.console_output.as_ref(), environment);
    let Some((path, origin)) = named else { return Ok(()) };
    printer
        .write_messages_to(&path)
        .with_context(|| format!("{} can't be written, which {origin} names for messages", path.display()))
        .map_err(|error| Failure::new(Exit::InvalidConfig, error))
}

/// The first signal ends the run in order, the second the process at once.
fn watch_signals(flag: &Arc<AtomicBool>) -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        let exit = Exit::Interrupted as i32;
        signal_hook::flag::register_conditional_shutdown(signal, exit, Arc::clone(flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
            .map_err(|error| Failure::new(Exit::Machine, anyhow!(error).context("signals can't be handled")))?;
    }
    Ok(())
}

/// Delivers the summary in all forms that were asked for; what can't be written is told, and doesn't keep the others.
fn summarize(
    result: &RunResult,
    (export, shape): (Option<PathBuf>, fn(&Report) -> Value),
    mode: SummaryMode,
    global: &Global,
) -> bool {
    let mut contents: Vec<(String, String)> = Vec::new();
    match (&result.summarized, mode) {
        (Some(own), _) => contents.extend(own.iter().cloned()),
        (None, SummaryMode::Disabled) => {}
        (None, mode) => {
            let mode = if mode == SummaryMode::Full { Mode::Full } else { Mode::Compact };
            let colour = printing::colours(global, result.report.settings.stdout_is_terminal);
            contents.push(("stdout".to_owned(), text::render(&result.report, mode, colour)));
        }
    }
    if let Some(path) = export {
        contents.push((path.to_string_lossy().into_owned(), format!("{:#}\n", shape(&result.report))));
    }
    let mut is_complete = true;
    for (destination, content) in contents {
        if let Err(error) = cluster::write(&destination, &content) {
            printing::error(&format!("the summary can't be written to {destination}: {error}"), global);
            is_complete = false;
        }
    }
    is_complete
}

/// Says what is missing from outputs. What a slow one has left out is no failure of the run: it is counted.
fn outputs_are_complete(result: &RunResult, global: &Global) -> bool {
    for trouble in result.outputs.iter().filter_map(throng_output::OutputReport::trouble) {
        printing::error(&trouble, global);
    }
    result.outputs.iter().all(|output| output.failure.is_none())
}

/// Waits for the first signal after the run's end, and before its summary.
fn linger(handle: &RunHandle, global: &Global) {
    printing::note("the run is over; its summary follows when you press Ctrl-C (--linger)", global);
    let interrupted = handle.flag();
    while !interrupted.load(Ordering::Relaxed) {
        thread::sleep(LINGER_LOOK);
    }
}

/// Says why the run isn't a success.
fn tell_troubles(result: &RunResult, global: &Global) {
    if let Some(message) = result.ending.trouble() {
        printing::error(&message, global);
    }
    let failed = throng_stats::failed_metrics(&result.outcomes);
    if !failed.is_empty() {
        let how = if result.ending == Ending::ThresholdAbort { ", which ended the run" } else { "" };
        printing::error(&format!("thresholds on {} have failed{how}", failed.join(", ")), global);
    }
    if let Some(message) = &result.marked_failed {
        printing::error(&format!("the script marked the run as failed: {message}"), global);
    }
}
