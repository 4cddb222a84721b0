//! `throng status`, `scale`, `pause`, `resume`, `stop` and `watch`.

mod as_json;
mod group;

use std::io::{self, IsTerminal, Write};

use anyhow::anyhow;
use serde_json::{Value, json};
use throng_protocol::control::{Event, LogLevel, RunStatus, ScaleRequest};
use throng_protocol::{ControlError, ErrorKind};

use crate::args::{Global, PauseArgs, ResumeArgs, RunChoice, ScaleArgs, StatusArgs, StopArgs, WatchArgs, WatchLevel};
use crate::cluster;
use crate::control::{self, Chosen};
use crate::exit::{Exit, Failure};
use crate::printing::{self, Watching};

pub(super) use as_json::run as run_as_json;

pub(crate) fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    if let Some(client) = cluster::instead(&args.choice)? {
        return group::status(&client, &args.choice);
    }
    let mut chosen = control::all(&args.choice)?;
    let several = chosen.len() > 1;
    let mut runs = Vec::new();
    for Chosen { client, run_id } in &mut chosen {
        match client.status(run_id) {
            Ok(response) => runs.extend(response.runs),
            // It has ended since it was found; the others are told.
            Err(error) if several && error.kind == ErrorKind::Unavailable => {}
            Err(error) => return Err(error.into()),
        }
    }
    runs.sort_by_key(|run| run.started_unix_ms);
    if args.choice.json {
        print_json(&json!({ "runs": runs.iter().map(as_json::status).collect::<Vec<_>>() }));
    } else {
        let texts: Vec<String> = runs.iter().map(printing::status).collect();
        printing::line(&texts.join("\n\n"));
    }
    Ok(Exit::Success)
}

pub(crate) fn scale(args: &ScaleArgs) -> Result<Exit, Failure> {
    if let Some(client) = cluster::instead(&args.choice)? {
        return group::scale(&client, args);
    }
    let Chosen { mut client, run_id } = control::one(&args.choice)?;
    let scenario = args.scenario.clone().unwrap_or_default();
    let scaled = client.scale(ScaleRequest { run_id, scenario, vus: args.vus, max_vus: args.max })?;
    if args.choice.json {
        print_json(&json!({ "scenario": scaled.scenario, "vus": scaled.vus, "maxVUs": scaled.max_vus }));
    } else {
        let most = scaled.max_vus.map(|max| format!(", {max} at most")).unwrap_or_default();
        printing::line(&format!("scenario {} is to have {} VUs{most}", scaled.scenario, scaled.vus));
    }
    Ok(Exit::Success)
}

pub(crate) fn pause(args: &PauseArgs) -> Result<Exit, Failure> {
    if let Some(client) = cluster::instead(&args.choice)? {
        return group::pause(&client, &args.choice, true);
    }
    let Chosen { mut client, run_id } = control::one(&args.choice)?;
    let run = client.pause(&run_id)?;
    done(&args.choice, &run, "is paused, until `throng resume`");
    Ok(Exit::Success)
}

pub(crate) fn resume(args: &ResumeArgs) -> Result<Exit, Failure> {
    if let Some(client) = cluster::instead(&args.choice)? {
        return group::pause(&client, &args.choice, false);
    }
    let Chosen { mut client, run_id } = control::one(&args.choice)?;
    let run = client.resume(&run_id)?;
    done(&args.choice, &run, "goes on");
    Ok(Exit::Success)
}

pub(crate) fn stop(args: &StopArgs) -> Result<Exit, Failure> {
    if let Some(client) = cluster::instead(&args.choice)? {
        return group::stop(&client, &args.choice);
    }
    let Chosen { mut client, run_id } = control::one(&args.choice)?;
    let run = client.stop(&run_id)?;
    done(&args.choice, &run, "stops: teardown and its summary follow");
    Ok(Exit::Success)
}

fn done(choice: &RunChoice, run: &RunStatus, what: &str) {
    if choice.json {
        print_json(&as_json::status(run));
    } else {
        printing::line(&format!("run {} {what}", run.run_id));
    }
}

pub(crate) fn watch(args: &WatchArgs, global: &Global) -> Result<Exit, Failure> {
    if let Some(client) = cluster::instead(&args.choice)? {
        return group::watch(&client, args, global);
    }
    let Chosen { mut client, run_id } = control::one(&args.choice)?;
    let level = match args.log_level {
        WatchLevel::Debug => LogLevel::Debug,
        WatchLevel::Info => LogLevel::Info,
        WatchLevel::Warn => LogLevel::Warn,
        WatchLevel::Error => LogLevel::Error,
    };
    let mut watching = Watching::new(global);
    let end = client.watch(&run_id, level, |event| {
        if args.choice.json {
            printing::line(&as_json::event(&event).to_string());
        } else {
            watching.print(&event);
        }
    })?;
    let ending = end.status.as_ref().and_then(|status| status.ending.clone()).ok_or_else(|| {
        Failure::from(ControlError::new(ErrorKind::Internal, "the run's end says nothing of how it ended"))
    })?;
    if args.choice.json {
        printing::line(&as_json::event(&Event::End(end)).to_string());
        return Ok(Exit::of(ending.exit_code));
    }
    let summary = if end.summary_left_out { "the summary is too large to be sent\n" } else { &end.summary_text };
    let written = io::stdout().write_all(summary.as_bytes());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(Failure::new(Exit::Other, anyhow!(error).context("the summary can't be printed")));
    }
    let exit = Exit::of(ending.exit_code);
    let text = end.status.as_ref().map(printing::headline).unwrap_or_default();
    if exit == Exit::Success {
        printing::note(&format!("the run {text}"), global);
    } else {
        printing::error(&format!("the run {text}"), global);
    }
    Ok(exit)
}

/// Indented for people who look at it, in one line for programs.
pub(super) fn print_json(value: &Value) {
    printing::line(&if io::stdout().is_terminal() { format!("{value:#}") } else { value.to_string() });
}
