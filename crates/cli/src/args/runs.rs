//! What commands take that look at the runs of a cluster.

use std::path::PathBuf;

use clap::Args;

use super::ClientArgs;

/// Exit codes of these commands.
const EXIT_CODES: &str = "Exit codes: 0 done, 104 the arguments are wrong, 114 there is no such run, no coordinator answers or \
                          none leads, 115 the group refuses. `summary` exits as its run did.";

/// Which cluster is meant.
#[derive(Debug, Args)]
pub(crate) struct GroupChoice {
    /// Nodes of the cluster; one that is up is enough [default: the variable THRONG_CLUSTER, else 127.0.0.1:7701]
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// Without certificates, speak with coordinators on other machines, whosever they are
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// List the runs of a cluster, the last one first
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RunsArgs {
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    /// Print JSON for machines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the summary of a run of a cluster that has ended
///
/// Exits as the run did.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct SummaryArgs {
    /// The run's id [default: the one that ended last]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    /// Print JSON for machines, in the shape of k6's handleSummary
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the summary as JSON, as `throng run` does
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_export: Option<PathBuf>,
    /// Write it in the newer shape
    #[arg(long, requires = "summary_export")]
    pub(crate) new_machine_readable_summary: bool,
}

/// End a run of a cluster before its time
///
/// Its iterations are cut; teardown and the summary follow. It exits with 103.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct AbortArgs {
    /// The run's id [default: the only one that goes on]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
}

/// Print the messages of a run of a cluster until it ends
///
/// Begins with those that the leader still has.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct LogsArgs {
    /// The run's id [default: the only one that goes on]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) group: GroupChoice,
    /// The least important messages to show
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = super::WatchLevel::Info)]
    pub(crate) log_level: super::WatchLevel,
}
