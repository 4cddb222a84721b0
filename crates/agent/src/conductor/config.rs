//! What a run is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use throng_archive::{Bytes, FileSource};
use throng_output::CsvDefaults;
use throng_plan::Layer;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// What it is called.
    pub test: String,
    /// The script, a component.
    pub component: Bytes,
    /// Where its data files come from.
    pub files: FileSource,
    /// Options in place of the script's own: those of an archive.
    pub options: Option<Layer>,
    /// Options below the script's own: the configuration file.
    pub layers_below: Vec<Layer>,
    /// Options above the script's own: the command line.
    pub layers_above: Vec<Layer>,
    /// Variables for the script.
    pub env: BTreeMap<String, String>,
    /// Where the secrets of TLS sessions are written, in the format of `SSLKEYLOGFILE`.
    pub tls_key_log: Option<PathBuf>,
    /// Where compiled scripts are kept.
    pub cache_dir: Option<PathBuf>,
    /// The version that the summary and `User-Agent` name.
    pub version: String,
    /// Whether the script's own summary is given the newer shape of it.
    pub machine_summary: bool,
    /// How the output csv is written where `out` doesn't say it.
    pub csv: CsvDefaults,
    /// Whether thresholds are left aside.
    pub no_thresholds: bool,
}
