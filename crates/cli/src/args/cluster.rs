//! What `coordinator` and `cluster` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CertificateArgs, ClientArgs};

/// Exit codes of `throng cluster`.
const EXIT_CODES: &str = "Exit codes: 0 done, 104 the arguments are wrong, 114 no coordinator answers or there is no \
                          leader, 115 the group refuses.";
/// Exit codes of `throng coordinator`.
const COORDINATOR_EXIT_CODES: &str = "It prints `listening on HOST:PORT` when it is ready. On SIGTERM or Ctrl-C it has another node lead, then ends.\n\
     Exit codes: 0 ended as it was told to, or removed from its group, 104 the arguments are wrong, 106 it can't listen \
     there, 112 its data directory can't be used or written to, 115 the other nodes refuse it.";

/// Be one of a group of coordinators
///
/// Three or five of them, started with the same --peers, form a group by themselves. It goes on as long as most of them
/// are up, and what it has acknowledged outlives the loss of any minority of them, with their disks.
#[derive(Debug, Args)]
#[command(after_help = COORDINATOR_EXIT_CODES)]
pub(crate) struct CoordinatorArgs {
    /// This node's number in the group, above 0; for good
    #[arg(long, value_name = "N")]
    pub(crate) id: u64,
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: String,
    /// All nodes of the group that is to form, this one too, as the others reach them; the same for all. Without it the
    /// node is a group of its own
    #[arg(long, value_name = "ID=HOST:PORT,…")]
    pub(crate) peers: Option<String>,
    /// Where the node keeps the log, snapshots and archives; made if it isn't there
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: PathBuf,
    /// Where agents let connections of runs go, and nowhere else: names, `*.` and what they end with, addresses, networks;
    /// the same for all nodes
    #[arg(long, value_name = "HOST|*.HOST|NETWORK,…", value_delimiter = ',')]
    pub(crate) allowed_targets: Option<Vec<String>>,
    /// Tokens that clients may have in place of a certificate, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) client_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) certificates: CertificateArgs,
    /// Without certificates, speak with other machines: whoever reaches this node can change the group and its runs
    #[arg(long)]
    pub(crate) insecure: bool,
    /// How often the leader says that it is there, while a run is live; else it does so shortly before the lease of
    /// --election-timeout-max ends
    #[arg(long, value_name = "DURATION", default_value = "100ms", help_heading = "Timing, the same for all nodes")]
    pub(crate) heartbeat: String,
    /// Without a leader for a time between this one …
    #[arg(long, value_name = "DURATION", default_value = "200ms", help_heading = "Timing, the same for all nodes")]
    pub(crate) election_timeout_min: String,
    /// … and this one, drawn anew each time, a node wants to lead; both well above the disk's slowest sync
    #[arg(long, value_name = "DURATION", default_value = "300ms", help_heading = "Timing, the same for all nodes")]
    pub(crate) election_timeout_max: String,
    /// Entries of the log after which a snapshot is made; with 64 MiB of them it is made anyway
    #[arg(long, value_name = "N", default_value_t = 5_000, help_heading = "Timing, the same for all nodes")]
    pub(crate) snapshot_entries: u64,
}

/// Look at a group of coordinators, and change it
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Say which nodes there are and how they do
    #[command(after_help = EXIT_CODES)]
    Status(ClusterChoice),
    /// Take a node into the group, which runs and is in none
    ///
    /// It is started with --peers that has itself and the nodes of the group. The command returns when it has caught up
    /// and votes.
    #[command(after_help = EXIT_CODES)]
    Add {
        /// The new node; an id that the group has not had
        #[arg(value_name = "ID=HOST:PORT")]
        node: String,
        /// Remove this node then
        #[arg(long, value_name = "ID")]
        replaces: Option<u64>,
        #[command(flatten)]
        choice: ClusterChoice,
    },
    /// Take a node out of the group; its process ends
    #[command(after_help = EXIT_CODES)]
    Remove {
        /// The node
        #[arg(value_name = "ID")]
        id: u64,
        #[command(flatten)]
        choice: ClusterChoice,
    },
    /// Give the group an archive, as `throng archive` writes it
    ///
    /// It is on most nodes' disks when the command returns, and prints its digest.
    #[command(after_help = EXIT_CODES)]
    Upload {
        /// The archive
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        choice: ClusterChoice,
    },
    /// Have another node lead
    #[command(after_help = EXIT_CODES)]
    Handover {
        /// The node that is to lead; without it the one that has most of the log
        #[arg(value_name = "ID")]
        to: Option<u64>,
        #[command(flatten)]
        choice: ClusterChoice,
    },
}

/// Which group is meant.
#[derive(Debug, Args)]
pub(crate) struct ClusterChoice {
    /// Nodes of the group; one that is up is enough
    #[arg(long, value_name = "HOST:PORT,…", default_value = "127.0.0.1:7701")]
    pub(crate) cluster: String,
    /// Print JSON for machines
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// Without certificates, speak with coordinators on other machines, whosever they are
    #[arg(long)]
    pub(crate) insecure: bool,
}
