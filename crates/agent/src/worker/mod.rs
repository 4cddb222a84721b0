//! A worker: leads the shards of one assignment, on a thread of its own.
//!
//! It is told [`Step`]s and says what comes of them as [`WorkerEvent`]s, from its own thread. It merges what its shards
//! record into one numbered window a second, and knows nothing of other agents, thresholds, totals or the summary.

mod leader;
mod machine;
mod setup;
mod sources;
mod windows;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use throng_control::Steering;
use throng_control::judge::{AgentWindow, CallFailure, Standing};
use throng_output::Outlet;
use throng_plan::segment::SegmentTuple;
use throng_plan::{Plan, PortionError, Shard as ShardPlace};
use throng_stats::SourceId;
use throng_transport::{Nanos, ShardConfig, ShardError};

pub use machine::{SHARDS_MAX, machine_share, machine_share_on};

use crate::command::Event;
use crate::observer::LogRecord;
use crate::run::Planned;
use crate::scenario::ahead;
use crate::setup_data::SetupData;
use leader::{Leader, Part};
use machine::ShardLink;

/// From the decision to start until the start: time for the message to reach all shards.
const START_DELAY: Duration = Duration::from_millis(5);
/// Windows that nobody has taken yet; while they wait, what follows is merged into the next one.
const WINDOWS_WAITING_MAX: usize = 8;

/// An agent's part of a run, and what of the machine it may use for it.
#[derive(Debug)]
pub struct Assignment {
    /// What it does of the run.
    pub segment: SegmentTuple,
    /// The source of the first shard's windows, see [`Assignment::sources`]; those of the others follow it.
    pub first_source: SourceId,
    /// The shards, at least one and at most [`SHARDS_MAX`]: see [`machine_share`].
    pub shards: Vec<ShardConfig>,
    /// Where each shard leaves samples; empty where no output takes any.
    pub outlets: Vec<Outlet>,
}

impl Assignment {
    /// The first source of the windows of a run's assignment of that number, from 0: no two have one in common.
    #[must_use]
    pub fn sources(number: u32) -> SourceId {
        SourceId(number.saturating_mul(throng_control::limits::SOURCES_OF_PART))
    }
}

/// What a worker is told. Each step but `Stop`, `Control` and `Finish` is told once, when those before it are done.
#[derive(Clone, Debug)]
pub enum Step {
    /// Make the VUs; [`WorkerEvent::Ready`] follows.
    Prepare,
    /// Run the script's setup, and those of scenarios; [`WorkerEvent::SetupDone`] follows.
    Setup {
        /// When the run began, by this machine's clock.
        began: Nanos,
    },
    /// Make the VUs ready for their first iteration, for scripts that have an init of VUs; [`WorkerEvent::VusInitialised`]
    /// follows.
    InitVus {
        /// When the run began.
        began: Nanos,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Follow the schedule; windows follow, then [`WorkerEvent::Done`].
    Start {
        /// When the run began. An earlier step's word holds.
        began: Nanos,
        /// When the load begins, or began.
        at: Nanos,
        /// What of it somebody else has done.
        late: Late,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Cut what is under way. The event that it leads to comes all the sooner.
    Stop,
    /// Externally-controlled scenarios are to be like this from now on.
    Control(Steering),
    /// Run the script's teardown; [`WorkerEvent::TeardownDone`] follows.
    Teardown,
    /// Run the script's own summary on this JSON; [`WorkerEvent::Summarized`] follows.
    Summarize(Arc<str>),
    /// Let go of everything, what is under way cut; [`WorkerEvent::Finished`] follows, and nothing after that.
    Finish,
}

/// What of a load was done before by an agent that was lost. VUs begin anew; ticks and shared iterations aren't repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// How far into the load it came.
    pub from: Duration,
    /// Iterations of each scenario that it began, in the plan's order; none if it is short.
    pub begun_before: Vec<u64>,
}

/// What a script made of a summary, by destination; none if it left it as it is.
pub type SummaryContents = Option<Vec<(String, String)>>;

/// What a worker says.
#[derive(Debug)]
pub enum WorkerEvent {
    /// The VUs are made, and this is what that took; or not.
    Ready(Result<Standing, String>),
    /// What setups returned, or why one failed. What they recorded has been said before.
    SetupDone(Result<SetupData, SetupFailure>),
    /// Every VU has been made ready, or has failed at it.
    VusInitialised,
    /// What changed in a second. Whoever has taken it says so by [`Worker::window_taken`].
    Window(Box<AgentWindow>),
    /// The load is over.
    Done {
        /// The number of the last window, which has been said before.
        last_window: u64,
        /// By scenario: shared iterations that no VU took. They are in the last window.
        unstarted: Vec<u64>,
    },
    /// Teardown is over.
    TeardownDone {
        /// Why it failed, if it did.
        result: Result<(), CallFailure>,
        /// The number of the last window, which has been said before.
        last_window: u64,
    },
    /// What the script made of the summary.
    Summarized(Result<SummaryContents, CallFailure>),
    /// The script asked for the end of the run.
    Abort(String),
    /// The script marked the run as failed.
    Fail(String),
    /// A message for people.
    Log(LogRecord),
    /// A shard has ended without being told: a fault of throng's. What was under way never comes to its end.
    Lost,
    /// All shards have ended.
    Finished(Result<(), ShardError>),
}

/// How a setup failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupFailure {
    /// The scenario whose own it is; none for the run's.
    pub scenario: Option<String>,
    /// Why.
    pub failure: CallFailure,
}

/// Why a worker can't begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The scenarios can't be divided among shards.
    #[error(transparent)]
    Portion(#[from] PortionError),
    /// No shard.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A thread could not be made.
    #[error("no thread could be started")]
    Thread(#[source] std::io::Error),
}

/// A worker, as whoever leads the run has it. Dropping it ends it in the background.
#[derive(Debug)]
pub struct Worker {
    events: mpsc::Sender<(usize, Event)>,
    /// Windows that it has said and that nobody has taken.
    waiting: Arc<AtomicUsize>,
    shards: usize,
    plan: Arc<Plan>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the shards of an assignment. `report` is called on the worker's thread, and holds it up while it takes.
    ///
    /// # Errors
    /// When there can be no shard, or nothing for one to do.
    pub fn start(
        planned: &Arc<Planned>,
        assignment: Assignment,
        report: impl FnMut(WorkerEvent) + Send + 'static,
    ) -> Result<Self, WorkerError> {
        let Assignment { segment, first_source, shards: configs, outlets } = assignment;
        let (plan, count) = (Arc::clone(&planned.plan), configs.len() as u32);
        let portions = (0..count).map(|index| plan.portion(&segment, ShardPlace::new(index, count)));
        let portions = portions.collect::<Result<Vec<_>, _>>()?;
        let max_vus = plan.portion(&segment, ShardPlace::new(0, 1))?.requirements().max_vus;
        let part = Part { length: segment.length(), first_source, portions, max_vus, outlets };
        let (sender, events) = mpsc::channel();
        let shards = configs.into_iter().enumerate().map(|(index, config)| ShardLink::start(config, index, &sender));
        let shards = shards.collect::<Result<Vec<_>, _>>()?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let (planned, taken) = (Arc::clone(planned), Arc::clone(&waiting));
        let leader = Leader::new(planned, part, shards, events, taken, Box::new(report));
        let thread = std::thread::Builder::new().name("throng-worker".to_owned());
        let thread = thread.spawn(move || leader.run()).map_err(WorkerError::Thread)?;
        Ok(Self { events: sender, waiting, shards: count as usize, plan, thread: Some(thread) })
    }

    /// Tells it a step. It never waits.
    pub fn tell(&self, step: Step) {
        // It is gone only once it has finished.
        let _ = self.events.send((0, Event::Step(step)));
    }

    /// A window has been taken: there is place for another one.
    pub fn window_taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// How long before the load begins its start is to be told at least: VUs of open models that begin at once have to
    /// get ready for ticks.
    #[must_use]
    pub fn lead_time(&self) -> Duration {
        lead_time(&self.plan, self.shards)
    }

    /// Waits for the end of its thread, which comes after [`WorkerEvent::Finished`].
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told on standard error, and there is nothing left that could go wrong.
            let _ = thread.join();
        }
    }
}

/// See [`Worker::lead_time`].
pub(crate) fn lead_time(plan: &Plan, shards: usize) -> Duration {
    let scenarios = plan.scenarios().iter().map(|planned| planned.scenario());
    let at_once = scenarios.filter(|scenario| scenario.start.is_zero() && scenario.model.is_open());
    let vus = at_once.map(|scenario| scenario.model.planned_vus()).sum::<u64>();
    START_DELAY.max(ahead(vus / shards.max(1) as u64))
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tell(Step::Finish);
    }
}
