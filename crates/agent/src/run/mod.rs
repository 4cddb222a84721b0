//! One run, from the script's component to its result.

mod config;
mod deeds;
mod group;
mod local;
mod outputs;
mod planned;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use throng_archive::{FileErrors, TestFiles};
use throng_control::judge::Ending;
use throng_control::{ExitCode, NameError};
use throng_output::{OutputError, OutputReport, OutputSpec};
use throng_plan::{OptionErrors, Plan, PortionError};
use throng_stats::{Outcome, Report};
use throng_transport::ShardError;
use throng_transport::tls::TlsConfigError;
use throng_vu::{Description, EngineError, Fault, LoadError};

pub use config::{RunConfig, Test};
pub use outputs::PartOutputs;
pub use planned::Planned;

use crate::handle::{Request, RunHandle};
use crate::observer::Observer;
use crate::worker::{WorkerError, WorkerEvent};

/// What a run came to.
#[derive(Debug)]
pub struct RunResult {
    /// Why it ended.
    pub ending: Ending,
    /// The code that whoever started it ends with.
    pub exit: ExitCode,
    /// The message of the script's first `fail`, if it called that.
    pub marked_failed: Option<String>,
    /// The last verdict on each threshold.
    pub outcomes: Vec<Outcome>,
    /// The summary.
    pub report: Report,
    /// What the script made of the summary, by destination.
    pub summarized: Option<Vec<(String, String)>>,
    /// What became of each output.
    pub outputs: Vec<OutputReport>,
}

/// Why a run could not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine can't run scripts.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file isn't a script.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The script failed while it said what it consists of.
    #[error("the script failed in its init: {0}")]
    Init(Fault),
    /// The script's metrics, or the options of all layers, are wrong.
    #[error(transparent)]
    Options(#[from] OptionErrors),
    /// What the options say about TLS can't be done.
    #[error("the options of TLS are invalid")]
    Tls(#[from] TlsConfigError),
    /// A metric of the script's is wrong.
    #[error(transparent)]
    Metric(#[from] throng_stats::MetricError),
    /// The script's data files are wrong.
    #[error(transparent)]
    Files(#[from] FileErrors),
    /// An output can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The scenarios can't be divided among agents and shards.
    #[error(transparent)]
    Portion(#[from] PortionError),
    /// No shard.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The VUs could not be made.
    #[error("not all VUs could be made: {0}")]
    Vus(String),
    /// A thread could not be made.
    #[error("no thread could be started")]
    Thread(#[source] std::io::Error),
    /// What leads it can't.
    #[error("the run can't be led: {0}")]
    Unled(String),
    /// A shard's thread has ended without being told.
    #[error("a shard has ended by itself; this is a fault of throng")]
    ShardLost,
}

impl From<NameError> for RunError {
    fn from(error: NameError) -> Self {
        Self::Unled(error.to_string())
    }
}

impl From<WorkerError> for RunError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Portion(error) => Self::Portion(error),
            WorkerError::Shard(error) => Self::Shard(error),
            WorkerError::Thread(error) => Self::Thread(error),
        }
    }
}

/// What comes to whoever leads a run.
#[derive(Debug)]
pub(crate) enum Message {
    /// From the worker.
    Worker(WorkerEvent),
    /// Somebody asks something of the run.
    Request(Request),
}

/// Runs a test to its end on this machine; blocks the calling thread.
///
/// # Errors
/// When it could not begin: see [`RunError`]. A run that began has a result, however it ended.
pub fn run(config: RunConfig, handle: &RunHandle, observer: &mut dyn Observer) -> Result<RunResult, RunError> {
    local::run(config, handle.clone(), observer)
}

/// What a test consists of and would do.
#[derive(Debug)]
pub struct Inspection {
    /// What the script says of itself.
    pub description: Description,
    /// Names of what the component imports.
    pub imports: Vec<String>,
    /// Names of what the component exports.
    pub exports: Vec<String>,
    /// The plan of the run, with the options of all layers.
    pub plan: Arc<Plan>,
    /// The options of all layers as they were typed, as one layer that means the same.
    pub options: Map<String, Value>,
    /// The layer that each option comes from, by its key; see [`throng_plan::Resolved`].
    pub origins: BTreeMap<String, String>,
    /// The script's data files.
    pub files: Arc<TestFiles>,
    /// What is to be written beside the summary.
    pub outputs: Vec<OutputSpec>,
}

/// Reads a test as [`run`] does, and runs nothing of it: the script only says what it consists of. It needs no shard,
/// and so no io_uring.
///
/// # Errors
/// Those of [`run`] that are found before anything runs.
pub fn inspect(config: &RunConfig, observer: &mut dyn Observer) -> Result<Inspection, RunError> {
    let planned = planned::Planned::new(config, observer)?;
    Ok(Inspection {
        imports: planned.script.imports(),
        exports: planned.script.exports(),
        description: planned.description,
        plan: planned.plan,
        options: planned.merged,
        origins: planned.origins,
        files: planned.files,
        outputs: planned.outputs,
    })
}
