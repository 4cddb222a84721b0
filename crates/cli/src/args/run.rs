//! What `throng run` takes.

use std::path::PathBuf;

use clap::Args;

use super::{OfferArgs, OptionArgs, ScriptArgs};

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) control: OfferArgs,

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
