//! `throng`, the command line: reads what was typed, wires the crates, prints, and exits with the right code.

mod args;
mod build;
mod cluster;
mod command;
mod control;
mod credentials;
mod exit;
mod layers;
mod load;
mod printing;
mod scaffold;
mod sources;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            // Asking for help isn't wrong; anything else is an invalid configuration.
            return if error.use_stderr() { Exit::InvalidConfig.into() } else { Exit::Success.into() };
        }
    };
    let result = match args.command {
        Command::Run(run) => command::run::run(&run, &args.global),
        Command::Inspect(inspect) => command::inspect::run(&inspect, &args.global),
        Command::Archive(archive) => command::archive::run(&archive, &args.global),
        Command::Status(status) => command::control::status(&status),
        Command::Scale(scale) => command::control::scale(&scale),
        Command::Pause(pause) => command::control::pause(&pause),
        Command::Resume(resume) => command::control::resume(&resume),
        Command::Stop(stop) => command::control::stop(&stop),
        Command::Watch(watch) => command::control::watch(&watch, &args.global),
        Command::Runs(runs) => command::runs::list(&runs),
        Command::Summary(summary) => command::runs::summary(&summary, &args.global),
        Command::Abort(abort) => command::runs::abort(&abort),
        Command::Logs(logs) => command::runs::logs(&logs, &args.global),
        Command::Build(build) => command::build::run(&build, &args.global),
        Command::New(new) => command::new::run(&new),
        Command::Doctor(doctor) => command::doctor::run(&doctor, &args.global),
        Command::Agent(agent) => command::agent::run(&agent, &args.global),
        Command::Coordinator(coordinator) => command::coordinator::run(&coordinator, &args.global),
        Command::Cluster(cluster) => command::cluster::run(&cluster),
        Command::Certs(certs) => command::certs::run(&certs),
        Command::Target(target) => command::target::run(&target),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            printing::error(&error.to_string(), &args.global);
            error.exit.into()
        }
    }
}
