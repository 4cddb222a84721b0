//! The commands that control runs, for those of a cluster.

use std::time::Duration;

use serde_json::json;
use throng_coordinator::{Client, Watched, Watching};
use throng_protocol::control::Event as ControlEvent;
use throng_protocol::run::{AbortKind, ControlRunRequest, Event, Run};

use super::{as_json, print_json};
use crate::args::{Global, RunChoice, ScaleArgs, WatchArgs};
use crate::cluster;
use crate::exit::{Exit, Failure};
use crate::printing::{self, Watching as Lines};

/// How long no coordinator may tell anything of a run that is watched.
const PATIENCE: Duration = Duration::from_secs(60);

fn id(choice: &RunChoice) -> String {
    choice.run.clone().unwrap_or_default()
}

/// Without a run, all that go on.
pub(super) fn status(client: &Client, choice: &RunChoice) -> Result<Exit, Failure> {
    let runs = if choice.run.is_some() {
        vec![client.run(&id(choice))?]
    } else {
        let live = client.runs()?.into_iter().filter(|run| run.ended_unix_ms == 0);
        let ids = live.map(|run| run.status.unwrap_or_default().run_id);
        ids.map(|id| client.run(&id)).collect::<Result<_, _>>()?
    };
    if choice.json {
        print_json(&json!({ "runs": runs.iter().map(as_json::run).collect::<Vec<_>>() }));
    } else if runs.is_empty() {
        printing::line("no run goes on; `throng runs` lists those that have ended");
    } else {
        let texts: Vec<String> = runs.iter().map(printing::group_status).collect();
        printing::line(&texts.join("\n\n"));
    }
    Ok(Exit::Success)
}

pub(super) fn scale(client: &Client, args: &ScaleArgs) -> Result<Exit, Failure> {
    let scenario = args.scenario.clone().unwrap_or_default();
    let request = ControlRunRequest {
        run_id: id(&args.choice),
        vus: args.vus,
        max_vus: args.max,
        scenario,
        ..ControlRunRequest::default()
    };
    let scaled = client.control(&request)?;
    if args.choice.json {
        print_json(&json!({ "scenario": scaled.scenario, "vus": args.vus, "maxVUs": args.max }));
    } else {
        let vus = args.vus.map(|vus| format!("{vus} VUs")).unwrap_or_else(|| "its VUs".to_owned());
        let most = args.max.map(|max| format!(", {max} at most")).unwrap_or_default();
        printing::line(&format!("scenario {} is to have {vus}{most}", scaled.scenario));
    }
    Ok(Exit::Success)
}

pub(super) fn pause(client: &Client, choice: &RunChoice, paused: bool) -> Result<Exit, Failure> {
    let request = ControlRunRequest { run_id: id(choice), paused: Some(paused), ..ControlRunRequest::default() };
    let run = client.control(&request)?.run.unwrap_or_default();
    done(choice, &run, if paused { "is paused, until `throng resume`" } else { "goes on" });
    Ok(Exit::Success)
}

pub(super) fn stop(client: &Client, choice: &RunChoice) -> Result<Exit, Failure> {
    let run = client.abort(&id(choice), &cluster::own_name(), AbortKind::Stopped)?;
    done(choice, &run, "stops: teardown and its summary follow");
    Ok(Exit::Success)
}

fn done(choice: &RunChoice, run: &Run, what: &str) {
    if choice.json {
        print_json(&as_json::run(run));
    } else {
        let id = run.status.as_ref().map(|status| status.run_id.as_str()).unwrap_or_default();
        printing::line(&format!("run {id} {what}"));
    }
}

/// Prints events until the run has ended, then its summary.
pub(super) fn watch(client: &Client, args: &WatchArgs, global: &Global) -> Result<Exit, Failure> {
    let run_id = id(&args.choice);
    let watching = Watching { run_id: &run_id, log_level: cluster::level(args.log_level), patience: PATIENCE };
    let mut lines = Lines::new(global);
    let mut told = |watched: Watched| match watched {
        Watched::Event(event) if args.choice.json => printing::line(&as_json::group_event(&event).to_string()),
        Watched::Event(event) => match *event {
            Event::Progress(run) => lines.print(&ControlEvent::Progress(run.status.unwrap_or_default())),
            Event::Log(log) => lines.print_log(&log),
            Event::Thresholds(thresholds) => lines.print(&ControlEvent::Thresholds(thresholds)),
            Event::Skipped(skipped) => lines.print(&ControlEvent::Skipped(skipped)),
            Event::End(_) => {}
        },
        Watched::Lost { since, why } => {
            let text = format!("no coordinator has told how the run goes on for {} s ({why})", since.as_secs());
            printing::warning(&text, global);
        }
        Watched::Found => printing::note("a coordinator tells again how the run goes on", global),
        Watched::NotAborted(error) => printing::warning(&error.to_string(), global),
    };
    let end = client.watch(&watching, &mut told, &mut || None).map_err(cluster::unwatched)?;
    if args.choice.json {
        let exit = cluster::exit_of(&end).0;
        printing::line(&as_json::group_event(&Event::End(end)).to_string());
        return Ok(exit);
    }
    Ok(cluster::deliver(&end, None, global))
}
