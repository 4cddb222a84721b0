//! What can be typed. Names are k6's where k6 has the thing.

mod agent;
mod archive;
mod certs;
mod cluster;
mod control;
mod doctor;
mod inspect;
mod options;
mod run;
mod runs;
mod script;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub(crate) use agent::AgentArgs;
pub(crate) use archive::ArchiveArgs;
pub(crate) use certs::{CertificateArgs, CertsArgs, CertsCommand, ClientArgs};
pub(crate) use cluster::{ClusterArgs, ClusterChoice, ClusterCommand, CoordinatorArgs};
pub(crate) use control::{
    OfferArgs, PauseArgs, ResumeArgs, RunChoice, ScaleArgs, StatusArgs, StopArgs, WatchArgs, WatchLevel,
};
pub(crate) use doctor::DoctorArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use options::{Form, OptionArgs, OptionRow, Prefix, rows};
pub(crate) use run::{GroupArgs, RunArgs};
pub(crate) use runs::{AbortArgs, GroupChoice, LogsArgs, RunsArgs, SummaryArgs};
pub(crate) use script::ScriptArgs;
pub(crate) use sources::SourceArgs;

/// A load tester: scripts compiled to WebAssembly, run by thread-per-core io_uring agents.
#[derive(Debug, Parser)]
#[command(name = "throng", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// Print no progress and no notes; the summary and errors stay
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print without colours (so does the environment variable NO_COLOR)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Print debug messages too
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a test, on this machine or on a cluster
    Run(Box<RunArgs>),
    Inspect(Box<InspectArgs>),
    Archive(Box<ArchiveArgs>),
    Status(StatusArgs),
    Scale(ScaleArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
    Stop(StopArgs),
    Watch(WatchArgs),
    Runs(RunsArgs),
    Summary(SummaryArgs),
    Abort(AbortArgs),
    Logs(LogsArgs),
    /// Compile a script to a component
    Build(BuildArgs),
    /// Make a new script
    New(NewArgs),
    Doctor(DoctorArgs),
    Agent(Box<AgentArgs>),
    Coordinator(Box<CoordinatorArgs>),
    Cluster(ClusterArgs),
    Certs(CertsArgs),
    /// Serve HTTP for trying and testing
    Target(TargetArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BuildArgs {
    /// A .rs file, or a crate's directory
    pub(crate) path: PathBuf,
    /// Where to write the component
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NewArgs {
    /// Directory to make; its last part is the crate's name
    pub(crate) path: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = crate::command::target::routes())]
pub(crate) struct TargetArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Send back what comes by TCP and by UDP here, as it comes; port 0 takes one that is free for both
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) echo: Option<SocketAddr>,
    /// Speak TLS, with a certificate made for this run unless --tls-cert gives one
    #[arg(long)]
    pub(crate) tls: bool,
    /// Write the certificate that was made, in PEM, so that clients can trust it
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "tls_cert")]
    pub(crate) tls_cert_out: Option<PathBuf>,
    /// The server's certificate with its chain, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls", "tls_key"])]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Require clients to have a certificate by one of these authorities, in PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) tls_client_ca: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn flags_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }
}
