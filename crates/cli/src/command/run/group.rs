//! `throng run --cluster`: a run on the agents of a group of coordinators.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use throng_agent::{Inspection, Observer, RunConfig};
use throng_control::RunId;
use throng_coordinator::Client;
use throng_plan::{Layer, duration};
use throng_protocol::control::LogLevel;
use throng_protocol::run::SubmitRunRequest;

use super::{divert_messages, watch_signals};
use crate::args::{Global, GroupArgs, RunArgs};
use crate::cluster::{self, Export, Follower, PackedTest, Reports};
use crate::command::options;
use crate::exit::{Exit, Failure};
use crate::layers::{Environment, Setting};
use crate::load;
use crate::printing::{self, Printer};

/// What is said of the run beside its test.
struct Wishes {
    run_id: String,
    agents_wait: Duration,
    give_up_after: Duration,
}

pub(super) fn run(args: &RunArgs, addresses: &str, global: &Global) -> Result<Exit, Failure> {
    let wishes = wishes(&args.group).map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    watch_signals(&interrupted)?;
    // Before anything is built, which may take long.
    let client = cluster::connect(addresses, &args.group.client, args.control.insecure)?;
    let environment = Environment::of_process();
    let script = &args.script.script;
    let mut printer = Printer::new(global, script);
    divert_messages(args, &environment, &mut printer)?;
    let (config, inspection, export) = inspect(args, &environment, &mut printer, global)?;
    cluster::check(&inspection, args.group.detach)?;
    let mut reports = Reports::open(&inspection)?;
    let plan = Arc::clone(&inspection.plan);
    let test = PackedTest::new(config, &inspection)?;
    submit(&client, &test, &wishes, global)?;
    if args.group.detach {
        printing::line(&wishes.run_id);
        printing::note(&format!("watch it by `throng watch --cluster {addresses} --run {}`", wishes.run_id), global);
        return Ok(Exit::Success);
    }
    printer.runs_at(format!("cluster {addresses}, run {}", wishes.run_id));
    printer.planned(&plan);
    let level = if global.verbose { LogLevel::Debug } else { LogLevel::Info };
    let watched = (wishes.run_id.as_str(), wishes.give_up_after);
    let end = cluster::follow(&client, watched, level, &interrupted, &mut Follower::new(&mut printer, &plan))?;
    printer.finish();
    let exit = cluster::deliver(&end, export.as_ref(), global);
    let is_written = reports.write(&end, global);
    Ok(if exit == Exit::Success && !is_written { Exit::OutputFailed } else { exit })
}

fn wishes(args: &GroupArgs) -> anyhow::Result<Wishes> {
    let run_id = args.run_id.clone().unwrap_or_else(cluster::random_id);
    RunId::new(&run_id).context("--run-id")?;
    let time = |flag: &str, text: &str| duration::parse(text).with_context(|| format!("--{flag} {text}"));
    let agents_wait = time("agents-wait", &args.agents_wait)?;
    Ok(Wishes { run_id, agents_wait, give_up_after: time("give-up-after", &args.give_up_after)? })
}

/// Reads the test as a run on this machine does, but for the system's environment, which stays here unless it is asked for.
fn inspect(
    args: &RunArgs,
    environment: &Environment,
    printer: &mut Printer,
    global: &Global,
) -> Result<(RunConfig, Inspection, Option<Export>), Failure> {
    let script: &Path = &args.script.script;
    let test = load::load(script, global)?;
    let mut faults = Vec::new();
    let new_shape = args.new_machine_readable_summary.as_deref();
    let machine_summary = Setting::NEW_SUMMARY.switch(new_shape, environment, &mut faults).unwrap_or(false);
    let mut config = RunConfig {
        machine_summary,
        ..options::run_config(test, (&args.script, &args.options), (environment, false), global)
    };
    config.layers_above.push(Layer { faults, ..Layer::new("settings", Value::Null) });
    let inspection = throng_agent::inspect(&config, printer).map_err(|error| Failure::of_test(error, script))?;
    let export = Setting::SUMMARY_EXPORT.file(args.summary_export.as_ref(), environment);
    let export = export.map(|(path, _)| Export { path, is_machine: machine_summary });
    Ok((config, inspection, export))
}

/// Gives the group the archive, and asks for the run.
fn submit(client: &Client, test: &PackedTest, wishes: &Wishes, global: &Global) -> Result<(), Failure> {
    let (digest, known) = client.put_archive(test.path())?;
    if !known {
        printing::note(&format!("the group has the archive {digest}"), global);
    }
    let request = SubmitRunRequest {
        run_id: wishes.run_id.clone(),
        archive: digest,
        client: cluster::own_name(),
        agents_wait_ms: Some(u64::try_from(wishes.agents_wait.as_millis()).unwrap_or(u64::MAX)),
        ..test.request.clone()
    };
    if client.submit(&request)?.again {
        printing::note(&format!("the run {} was there already: this is the one", wishes.run_id), global);
    }
    Ok(())
}
