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
    /// Append the secrets of TLS sessions, for reading recorded traffic (default: the variable SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(crate) tls_key_log: Option<PathBuf>,
}
