//! What a run is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use throng_archive::{Archive, Bytes, FileSource};
use throng_output::CsvDefaults;
use throng_plan::Layer;
use throng_transport::source::SourceAddresses;

use crate::network::Allowance;

/// A test as it was found: a script with what came with it.
#[derive(Clone, Debug)]
pub struct Test {
    /// What the script is called.
    pub name: String,
    /// The script, a component.
    pub component: Bytes,
    /// Options in place of the script's own.
    pub options: Option<Layer>,
    /// Variables that came with it.
    pub env: BTreeMap<String, String>,
    /// Where its data files are.
    pub files: FileSource,
}

impl From<&Archive> for Test {
    fn from(archive: &Archive) -> Self {
        let metadata = archive.metadata();
        Self {
            name: metadata.script.name.clone(),
            component: archive.component().clone(),
            options: Some(Layer::new("archive", metadata.options.clone().into())),
            env: metadata.env.clone(),
            files: archive.file_source(),
        }
    }
}

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
    /// Where connections come from.
    pub sources: Arc<SourceAddresses>,
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
    /// Where connections may go, whatever the options say: each of these has to allow it.
    pub allowances: Vec<Allowance>,
}

impl RunConfig {
    /// A test by itself, for that version of throng.
    #[must_use]
    pub fn new(test: Test, version: &str) -> Self {
        Self {
            test: test.name,
            component: test.component,
            files: test.files,
            options: test.options,
            layers_below: Vec::new(),
            layers_above: Vec::new(),
            env: test.env,
            sources: Arc::default(),
            tls_key_log: None,
            cache_dir: None,
            version: version.to_owned(),
            machine_summary: false,
            csv: CsvDefaults::default(),
            no_thresholds: false,
            allowances: Vec::new(),
        }
    }
}
