//! What can be typed. Names are k6's where k6 has the thing.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

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
    /// Run a test on this machine
    Run(Box<RunArgs>),
    /// Pack a test into one file: script, options, variables and data files
    Archive(Box<ArchiveArgs>),
    /// Compile a script to a component
    Build(BuildArgs),
    /// Make a new script
    New(NewArgs),
    /// Serve HTTP for trying and testing
    Target(TargetArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// A component (.wasm), an archive (.tar), or a script's source to build first: a .rs file or a crate's directory
    pub(crate) script: PathBuf,
    #[command(flatten)]
    pub(crate) options: OptionFlags,

    /// Give the script a variable; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Whether the script sees the system's environment; -e goes before it
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) include_system_env_vars: bool,
    /// Write the end-of-test summary as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_export: Option<PathBuf>,
    /// What the end-of-test summary shows
    #[arg(long, value_name = "MODE", value_enum, default_value_t = SummaryMode::Compact)]
    pub(crate) summary_mode: SummaryMode,
    /// Judge no thresholds
    #[arg(long)]
    pub(crate) no_thresholds: bool,
}

/// What becomes options.
#[derive(Debug, ClapArgs)]
pub(crate) struct OptionFlags {
    /// Number of virtual users
    #[arg(short = 'u', long, value_name = "N")]
    pub(crate) vus: Option<u64>,
    /// Iterations in all, shared by the VUs
    #[arg(short, long, value_name = "N")]
    pub(crate) iterations: Option<u64>,
    /// How long to run, for example 30s or 1h30m
    #[arg(short, long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// JSON file with options; below those of the script
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Statistics shown for trends, for example "avg,p(99)"
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) summary_trend_stats: Option<Vec<String>>,
    /// Unit of times in the summary
    #[arg(long, value_name = "s|ms|us")]
    pub(crate) summary_time_unit: Option<String>,

    /// Leave out setup
    #[arg(long)]
    pub(crate) no_setup: bool,
    /// Leave out teardown
    #[arg(long)]
    pub(crate) no_teardown: bool,
    /// Tag all samples; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<String>,

    /// User-Agent of requests
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// Count response bodies and drop them
    #[arg(long)]
    pub(crate) discard_response_bodies: bool,
    /// A new connection for every request
    #[arg(long)]
    pub(crate) no_connection_reuse: bool,
    /// Close a VU's connections after each iteration
    #[arg(long)]
    pub(crate) no_vu_connection_reuse: bool,
    /// Least time of an iteration; what is left of it is slept
    #[arg(long, value_name = "TIME")]
    pub(crate) min_iteration_duration: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ArchiveArgs {
    /// What to pack, as for `run`
    pub(crate) script: PathBuf,
    /// Where to write the archive
    #[arg(short = 'O', long, value_name = "FILE", default_value = "archive.tar")]
    pub(crate) archive_out: PathBuf,
    /// Give the script a variable, and keep it in the archive; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Keep no variables in the archive
    #[arg(long)]
    pub(crate) exclude_env_vars: bool,
    #[command(flatten)]
    pub(crate) options: OptionFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryMode {
    /// Totals
    Compact,
    /// Groups and scenarios too, and all parts of requests
    Full,
    /// None
    Disabled,
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
pub(crate) struct TargetArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}
