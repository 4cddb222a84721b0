//! What `throng archive` takes.

use std::path::PathBuf;

use clap::Args;

use super::{OptionArgs, ScriptArgs};

/// Pack a test into one file: script, options, variables and data files
///
/// Prints the SHA-256 digest of the archive, which names the test: the same script, options, variables and files make
/// the same bytes. `throng run` and `throng inspect` take it in place of the script. Keys and passwords in options and
/// variables are packed as they are.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArgs,
    /// Where to write the archive
    #[arg(short = 'O', long, value_name = "FILE", default_value = "archive.tar")]
    pub(crate) archive_out: PathBuf,
    /// Keep no variables in the archive
    #[arg(long)]
    pub(crate) exclude_env_vars: bool,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}
