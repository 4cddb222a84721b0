//! Which script, and what it is given.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ScriptArgs {
    /// A component (.wasm), an archive (.tar), or a script's source to build first: a .rs file or a crate's directory
    pub(crate) script: PathBuf,

    /// Give the script a variable; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Whether the script sees the system's environment (`run`: by default, others: if asked for); -e goes before it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) include_system_env_vars: Option<String>,
    /// File with options, JSON or TOML; below those of the script
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Leave thresholds aside
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) no_thresholds: Option<String>,
}
