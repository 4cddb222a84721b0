//! What `throng run` takes.

use std::path::PathBuf;

use clap::Args;

use super::{ClientArgs, OfferArgs, OptionArgs, ScriptArgs, SourceArgs};

/// Exit codes of runs in a cluster that others don't have.
const EXIT_CODES: &str = "Exit codes of a run in a cluster, beside those of the README: 114 no coordinator answers, 115 the group \
                          refuses, 116 an agent was lost, 117 there were too few agents, 118 the result doesn't cover all of \
                          the run, 119 no coordinator told how it goes on for too long.";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES, group = clap::ArgGroup::new("reach").args(["address", "cluster"]).multiple(true))]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) control: OfferArgs,
    #[command(flatten)]
    pub(crate) group: GroupArgs,

    /// Write the end-of-test summary as JSON
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) summary_export: Option<PathBuf>,
    /// Write the script's messages to a file instead of standard error
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) console_output: Option<PathBuf>,
    /// Write the exported summary, and give the script's own, in a newer shape with thresholds and distributions
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Results")]
    pub(crate) new_machine_readable_summary: Option<String>,
    /// Append the secrets of TLS sessions, for reading recorded traffic (default: the variable SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(crate) tls_key_log: Option<PathBuf>,
}

/// A run on the agents of a group of coordinators.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct GroupArgs {
    /// Run the test on a cluster's agents: nodes of it, of which one that is up is enough
    #[arg(long, value_name = "HOST:PORT,…", conflicts_with_all = ["address", "tls_key_log", "bind_ips", "bind_strategy", "bind_ports", "freebind"])]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// The run's id; asking for it twice makes one run [default: a random one]
    #[arg(long, value_name = "ID", requires = "cluster")]
    pub(crate) run_id: Option<String>,
    /// Print the run's id and end, instead of watching it
    #[arg(long, requires = "cluster")]
    pub(crate) detach: bool,
    /// How long the run may wait for its agents
    #[arg(long, value_name = "DURATION", requires = "cluster", default_value = "10m")]
    pub(crate) agents_wait: String,
    /// End when no coordinator has told for so long how the run goes on; it may go on all the same
    #[arg(long, value_name = "DURATION", requires = "cluster", default_value = "1m")]
    pub(crate) give_up_after: String,
}
