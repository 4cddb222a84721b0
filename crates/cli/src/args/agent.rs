//! What `agent` takes.

use clap::Args;

use super::{CertificateArgs, SourceArgs};

/// What it prints, and exit codes of `throng agent`.
const EXIT_CODES: &str = "It prints `agent NAME joined the group at HOST:PORT` when it is ready. On SIGTERM or Ctrl-C it gets no more work, does \
     what it has, and ends; at the second one it ends at once.\n\
     Exit codes: 0 ended as it was told to, or dismissed by its group, 104 the arguments are wrong, 105 ended by the \
     second signal, 112 this machine can't run tests, 114 no coordinator could be joined for --give-up-after, 115 the \
     group refuses it: another version, or another agent of its name.";

/// Be an agent of a group of coordinators: run what they are given to run
///
/// It finds the node that leads by any one of them. When that is gone it goes on with its runs and finds the next one;
/// nothing of what it measured is lost or counted twice.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct AgentArgs {
    /// Nodes of the group, as `throng coordinator` has them in --peers; one that is up is enough
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', required = true)]
    pub(crate) join: Vec<String>,
    /// Its name, unique in the group [default: that of its certificate, or the host's name and a random number]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// What runs may choose it by; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    /// How much it can do beside other agents, 1 to 1000 [default: the number of its shards]
    #[arg(long, value_name = "N")]
    pub(crate) capacity: Option<u32>,
    /// Shards for a run at most [default: one for each core that it may use]
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<usize>,
    /// Runs, or parts of runs, at once; source ports and sockets are divided among so many. Taking over what a lost agent
    /// had takes one more
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) parts: u16,
    /// End when no coordinator could be joined for so long, instead of looking for one for ever
    #[arg(long, value_name = "DURATION")]
    pub(crate) give_up_after: Option<String>,
    /// Bytes on disk for archives that were fetched; those used longest ago go first
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub(crate) archive_cache: String,
    /// Write the samples that this agent takes, as `throng run` does: json=FILE, csv=FILE or hdr=FILE, whose name has the run,
    /// this agent and the part's number added for each part of a run; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) out: Vec<String>,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    /// Where this agent lets connections of runs go, and nowhere else, beside what the coordinators say: names, `*.` and
    /// what they end with, addresses, networks
    #[arg(long, value_name = "HOST|*.HOST|NETWORK,…", value_delimiter = ',')]
    pub(crate) allowed_targets: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) certificates: CertificateArgs,
    /// Without certificates, take orders from other machines, whosever they are
    #[arg(long)]
    pub(crate) insecure: bool,
}
