//! Flags that are options: the highest layer. What they mean, and whether it is right, is `plan`'s to say.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct OptionArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) results: ResultArgs,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Number of virtual users
    #[arg(short = 'u', long, value_name = "N")]
    pub(crate) vus: Option<u64>,
    /// Iterations in all, shared by the VUs
    #[arg(short, long, value_name = "N")]
    pub(crate) iterations: Option<u64>,
    /// How long to run, for example 30s or 1h30m
    #[arg(short, long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// A stretch of time in which the number of VUs goes to TARGET, for example 30s:10; may be repeated
    #[arg(short, long = "stage", value_name = "TIME:TARGET", value_delimiter = ',')]
    pub(crate) stages: Vec<String>,
    /// The part of the run that is performed here, for example 1/4:1/2
    #[arg(long, value_name = "FROM:TO")]
    pub(crate) execution_segment: Option<String>,
    /// The cut points of all parts, for example 0,1/4,1/2,1
    #[arg(long, value_name = "LIST")]
    pub(crate) execution_segment_sequence: Option<String>,
    /// Get everything ready, then wait to be told to start
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) paused: Option<bool>,
    /// Stay after the run's end until Ctrl-C
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) linger: Option<bool>,
    /// Most requests a second of the whole run; 0 is no limit
    #[arg(long, value_name = "N")]
    pub(crate) rps: Option<u64>,
    /// Least time of an iteration; what is left of it is slept
    #[arg(long, value_name = "TIME")]
    pub(crate) min_iteration_duration: Option<String>,
    /// Leave out setup
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_setup: Option<bool>,
    /// Leave out teardown
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_teardown: Option<bool>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct HttpArgs {
    /// User-Agent of requests
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// Redirections that a request follows; 0 follows none
    #[arg(long, value_name = "N")]
    pub(crate) max_redirects: Option<u64>,
    /// Requests of a batch at once, of a VU; 0 is no limit
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<u64>,
    /// The same for one host; 0 is no limit
    #[arg(long, value_name = "N")]
    pub(crate) batch_per_host: Option<u64>,
    /// Log requests and responses: their headers, or with =full their bodies too
    #[arg(long, value_name = "headers|full", num_args = 0..=1, require_equals = true, default_missing_value = "headers")]
    pub(crate) http_debug: Option<String>,
    /// A request that fails ends its iteration
    #[arg(short = 'w', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) throw: Option<bool>,
    /// Count response bodies and drop them
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discard_response_bodies: Option<bool>,
    /// A new connection for every request
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_connection_reuse: Option<bool>,
    /// Close a VU's connections after each iteration
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_vu_connection_reuse: Option<bool>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Names and addresses")]
pub(crate) struct NetworkArgs {
    /// How names are looked up, for example ttl=5m,select=random,policy=preferIPv4
    #[arg(long, value_name = "KEY=VALUE,...")]
    pub(crate) dns: Option<String>,
    /// Network that no connection goes to, for example 10.0.0.0/8; may be repeated
    #[arg(long = "blacklist-ip", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) blacklist_ips: Vec<String>,
    /// Host that no connection goes to, for example *.example.com; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) block_hostnames: Vec<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Take any certificate of a server
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) insecure_skip_tls_verify: Option<bool>,
    /// Trust the authorities of a PEM file besides the system's; may be repeated
    #[arg(long = "tls-ca", value_name = "FILE")]
    pub(crate) tls_ca: Vec<PathBuf>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct ResultArgs {
    /// Tag all samples; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<String>,
    /// The tags that throng sets itself, for example "status,method,vu"
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) system_tags: Option<Vec<String>>,
    /// What the end-of-test summary shows
    #[arg(long, value_name = "compact|full|disabled")]
    pub(crate) summary_mode: Option<String>,
    /// Show no end-of-test summary
    #[arg(long, conflicts_with = "summary_mode")]
    pub(crate) no_summary: bool,
    /// Statistics shown for trends, for example "avg,p(99)"
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) summary_trend_stats: Option<Vec<String>>,
    /// Unit of times in the summary
    #[arg(long, value_name = "s|ms|us")]
    pub(crate) summary_time_unit: Option<String>,
}
