//! What `throng inspect` takes.

use clap::Args;

use super::{OptionArgs, ScriptArgs};

/// Say what a test consists of and would do, without running it
///
/// Prints the options that a run would have, as JSON. The script is asked what it consists of; nothing of it runs.
/// All layers count, as in a run: the configuration file, the script's options, variables, and flags. Private keys and passwords
/// are left out.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArgs,
    /// Add `maxVUs`, `totalDuration`, and `files`: the data files
    #[arg(long)]
    pub(crate) execution_requirements: bool,
    /// Add `origins`: where each option comes from
    #[arg(long)]
    pub(crate) origins: bool,
    /// Print a page to read instead: scenarios, thresholds, functions, metrics, imports, files, and where options come from
    #[arg(long, conflicts_with_all = ["execution_requirements", "origins"])]
    pub(crate) human: bool,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}
