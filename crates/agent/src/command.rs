//! What a worker and its shards say to each other.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use throng_control::judge::{ScenarioCounts, ShardUsage};
use throng_output::Outlet;
use throng_plan::{ControlledVus, Plan, Portion};
use throng_stats::Window;
use throng_transport::Nanos;
use throng_transport::source::DestinationUse;
use throng_vu::{Fault, Script};

use crate::host::VuHost;
use crate::observer::LogRecord;
use crate::setup_data::SetupData;
use crate::shard::Settings;
use crate::worker::Step;

/// From the worker to one shard.
pub(crate) enum Command {
    /// Make the VUs.
    Prepare(Box<Preparation>),
    /// Run the script's setup here: that of the run, or of a scenario.
    /// The run began at that instant.
    Setup {
        began: Nanos,
        scenario: Option<usize>,
        /// What the run's setup returned, once it has.
        run_data: Option<Arc<str>>,
    },
    /// Make the VUs ready for their first iteration.
    InitVus { began: Nanos, run_data: Option<Arc<str>> },
    /// Follow the schedule from an instant on, where what lies before `from` has been done.
    Start { began: Nanos, at: Nanos, from: Duration, setup_data: SetupData },
    /// Cut all iterations now.
    Stop,
    /// The VUs of an externally-controlled scenario are these from now on.
    Control { scenario: usize, vus: ControlledVus },
    /// Run the script's teardown here.
    Teardown,
    /// Run the script's summarize here, on this JSON.
    Summarize(String),
    /// End.
    Finish,
}

/// All that a shard needs to know of the run.
pub(crate) struct Preparation {
    pub(crate) script: Script<VuHost>,
    pub(crate) plan: Arc<Plan>,
    /// What of it is this shard's.
    pub(crate) portion: Portion,
    pub(crate) settings: Settings,
    /// Iterations taken so far in shared-iterations, by scenario: VUs of all shards take from one counter.
    pub(crate) taken: Arc<[AtomicU64]>,
    /// None where no output takes samples.
    pub(crate) outlet: Option<Outlet>,
}

/// From a shard to the worker, or from whoever tells the worker what to do.
pub(crate) enum Event {
    /// The shard's VUs are made, and what that took; or not.
    Ready(Result<(u64, ShardUsage), String>),
    SetupDone(Result<Option<String>, Stumble>),
    /// Every planned VU has been made ready, or has failed at it.
    VusInitialised,
    Window(Box<ShardReport>),
    /// Every scenario has ended here, and the last window is sent.
    Done,
    TeardownDone(Result<(), Stumble>),
    Summarized(Result<Option<Vec<(String, String)>>, Stumble>),
    /// The script asked for the end of the run.
    Abort(String),
    /// The script marked the run as failed.
    Fail(String),
    Log(LogRecord),
    /// The shard has ended without being told: its main task panicked.
    Gone,
    /// An open model has as many VUs as it may have, and no idle one.
    VusUsedUp {
        scenario: usize,
    },
    /// The worker is to do something.
    Step(Step),
    /// Messages that were over the limit and aren't shown.
    LogsDropped(u64),
}

/// How setup, teardown or the script's own summary failed.
pub(crate) enum Stumble {
    Timeout(Duration),
    Aborted,
    Fault(Fault),
}

/// A shard's last second.
pub(crate) struct ShardReport {
    pub(crate) window: Window,
    pub(crate) scenarios: Vec<ScenarioCounts>,
    pub(crate) vus_initialized: u64,
    /// Of a window that ends at a full second of the load: VUs that are active then.
    pub(crate) vus: Option<u64>,
    pub(crate) usage: ShardUsage,
    pub(crate) sources: Vec<DestinationUse>,
}
