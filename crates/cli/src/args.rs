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
    /// Compile a script to a component
    Build(BuildArgs),
    /// Make a new script
    New(NewArgs),
    /// Serve HTTP for trying and testing
    Target(TargetArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// A component (.wasm), or a script's source to build first: a .rs file or a crate's directory
    pub(crate) script: PathBuf,

    /// Number of virtual users
    #[arg(short = 'u', long, value_name = "N")]
    pub(crate) vus: Option<u64>,
    /// Iterations in all, shared by the VUs
    #[arg(short, long, value_name = "N")]
    pub(crate) iterations: Option<u64>,
    /// How long to run, for example 30s or 1h30m
    #[arg(short, long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// Give the script a variable; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Whether the script sees the system's environment; -e goes before it
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) include_system_env_vars: bool,
    /// JSON file with options; below those of the script
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Write the end-of-test summary as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_export: Option<PathBuf>,
    /// What the end-of-test summary shows
    #[arg(long, value_name = "MODE", value_enum, default_value_t = SummaryMode::Compact)]
    pub(crate) summary_mode: SummaryMode,
    /// Statistics shown for trends, for example "avg,p(99)"
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) summary_trend_stats: Option<Vec<String>>,
    /// Unit of times in the summary
    #[arg(long, value_name = "s|ms|us")]
    pub(crate) summary_time_unit: Option<String>,

    /// Judge no thresholds
    #[arg(long)]
    pub(crate) no_thresholds: bool,
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
#[command(after_long_help = crate::command::target::routes())]
pub(crate) struct TargetArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
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
