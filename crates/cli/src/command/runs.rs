//! `throng runs`, `summary`, `abort` and `logs`: the runs of a cluster.

use std::time::Duration;

use serde_json::{Value, json};
use throng_coordinator::{Watched, Watching};
use throng_protocol::run::{AbortKind, Event};

use super::control::{print_json, run_as_json};
use crate::args::{AbortArgs, Global, LogsArgs, RunsArgs, SummaryArgs};
use crate::cluster::{self, Export};
use crate::exit::{Exit, Failure};
use crate::printing::{self, Watching as Lines};

/// How long no coordinator may tell anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn list(args: &RunsArgs) -> Result<Exit, Failure> {
    let runs = cluster::client(&args.group)?.runs()?;
    if args.json {
        print_json(&json!({ "runs": runs.iter().map(run_as_json).collect::<Vec<_>>() }));
    } else if runs.is_empty() {
        printing::line("there are no runs");
    } else {
        printing::line(&printing::runs(&runs));
    }
    Ok(Exit::Success)
}

pub(crate) fn summary(args: &SummaryArgs, global: &Global) -> Result<Exit, Failure> {
    let end = cluster::client(&args.group)?.summary(args.run.as_deref().unwrap_or_default())?;
    let export = args.summary_export.clone();
    let export = export.map(|path| Export { path, is_machine: args.new_machine_readable_summary });
    if !args.json {
        return Ok(cluster::deliver(&end, export.as_ref(), global));
    }
    let summary = end.summary.clone().unwrap_or_default();
    let summary: Value = serde_json::from_str(&summary.handle_summary_json).unwrap_or_default();
    let run = end.run.as_ref().map(run_as_json);
    print_json(&json!({ "run": run, "summary": summary }));
    Ok(cluster::exit_of(&end).0)
}

pub(crate) fn abort(args: &AbortArgs) -> Result<Exit, Failure> {
    let client = cluster::client(&args.group)?;
    let run = client.abort(args.run.as_deref().unwrap_or_default(), &cluster::own_name(), AbortKind::Stopped)?;
    let id = run.status.unwrap_or_default().run_id;
    printing::line(&format!("run {id} stops: teardown and its summary follow"));
    Ok(Exit::Success)
}

pub(crate) fn logs(args: &LogsArgs, global: &Global) -> Result<Exit, Failure> {
    let client = cluster::client(&args.group)?;
    let run_id = args.run.as_deref().unwrap_or_default();
    let watching = Watching { run_id, log_level: cluster::level(args.log_level), patience: PATIENCE };
    let mut lines = Lines::new(global);
    let mut told = |watched: Watched| match watched {
        Watched::Event(event) => match *event {
            Event::Log(log) => lines.print_log(&log),
            Event::Skipped(skipped) => lines.print(&throng_protocol::control::Event::Skipped(skipped)),
            _ => {}
        },
        Watched::Lost { since, .. } => {
            printing::warning(&format!("no coordinator has told anything for {} s", since.as_secs()), global);
        }
        _ => {}
    };
    client.watch(&watching, &mut told, &mut || None).map_err(cluster::unwatched)?;
    Ok(Exit::Success)
}
