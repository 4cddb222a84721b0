//! From an order to a worker, on a thread of its own: the archive is fetched, compiled and planned as `throng run` does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use throng_agent::link::{PartEvent, PartId};
use throng_agent::{
    Allowance, Assignment, LogRecord, Observer, PartOutputs, Planned, Progress, RunConfig, RunError, Step, Test,
    Worker, WorkerEvent,
};
use throng_archive::Archive;
use throng_control::{Failure, FailureKind, Order};
use throng_output::OutputSpec;
use throng_plan::Plan;
use throng_plan::segment::{Segment, SegmentSequence, SegmentTuple};
use throng_transport::ShardConfig;
use throng_vu::LogLevel;
use tokio::sync::mpsc;

use super::{MachineConfig, Slots};
use crate::archives::{FetchError, fetch};
use crate::text::chain;
use crate::workers::PartNews;

/// A part that is to get a worker.
pub(super) struct Preparing {
    pub(super) config: Arc<MachineConfig>,
    pub(super) slots: Slots,
    pub(super) news: mpsc::Sender<PartNews>,
    pub(super) part: PartId,
    pub(super) order: Order,
    pub(super) nodes: Vec<String>,
    pub(super) allowances: Vec<Allowance>,
    pub(super) shards: Vec<ShardConfig>,
    pub(super) released: Arc<AtomicBool>,
}

/// Why a part can't begin.
#[derive(Debug, thiserror::Error)]
enum PreparingError {
    #[error("the archive can't be fetched")]
    Fetch(#[from] FetchError),
    #[error("the link for fetching can't be made")]
    Runtime(#[from] io::Error),
    #[error("the archive can't be used")]
    Archive(#[from] throng_archive::ArchiveError),
    #[error("the part's segment can't be")]
    Segment(#[from] throng_plan::segment::SegmentError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Worker(#[from] throng_agent::WorkerError),
}

impl PreparingError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Fetch(_) | Self::Archive(_) => FailureKind::Archive,
            Self::Segment(_) => FailureKind::Options,
            Self::Runtime(_) | Self::Worker(_) => FailureKind::Machine,
            Self::Run(error) => match error {
                RunError::Options(_) | RunError::Metric(_) | RunError::Tls(_) | RunError::Portion(_) => {
                    FailureKind::Options
                }
                RunError::Load(_) | RunError::Init(_) | RunError::Files(_) => FailureKind::Script,
                _ => FailureKind::Machine,
            },
        }
    }
}

/// Hands messages on to the leader; the rest is for runs in one process.
struct Messages<'a>(&'a Preparing);

impl Observer for Messages<'_> {
    fn planned(&mut self, _plan: &Plan) {}

    fn progress(&mut self, _progress: &Progress) {}

    fn log(&mut self, record: LogRecord) {
        self.0.say(PartEvent::Worker(WorkerEvent::Log(record)));
    }
}

impl Preparing {
    /// Begins, on a thread of its own.
    pub(super) fn start(self) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("throng-prepare".to_owned());
        thread.spawn(move || self.run()).map(drop)
    }

    fn run(self) {
        match self.prepare() {
            Ok((planned, worker)) => self.hand_over(&planned, worker),
            Err(error) => {
                // Before it is said: whoever hears it may begin another part at once.
                self.slots.lock().remove(&self.part);
                let (kind, message) = (error.kind(), chain(&error));
                self.say(PartEvent::NotBegun(Failure::new(kind, message)));
            }
        }
    }

    fn prepare(&self) -> Result<(Arc<Planned>, Worker), PreparingError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bytes = runtime.block_on(fetch(&self.config, self.order.archive, &self.nodes, &self.released))?;
        let archive = Archive::read(bytes)?;
        let config = RunConfig {
            cache_dir: self.config.cache_dir.clone(),
            allowances: self.allowances.clone(),
            ..RunConfig::new(Test::from(&archive), &self.config.version)
        };
        let planned = Arc::new(Planned::new(&config, &mut Messages(self))?);
        let (segment, sequence) = (Segment::parse(&self.order.segment)?, SegmentSequence::parse(&self.order.sequence)?);
        let mut outputs = PartOutputs::start(&self.outputs(), &planned)?;
        let assignment = Assignment {
            segment: SegmentTuple::new(Some(&segment), Some(&sequence))?,
            first_source: Assignment::sources(self.order.number),
            shards: self.shards.clone(),
            outlets: outputs.outlets(self.shards.len()),
        };
        let (slots, news, part) = (self.slots.clone(), self.news.clone(), self.part.clone());
        let notify = self.config.notify.clone();
        // The link is gone only when the process ends.
        let say = move |event| drop(news.blocking_send((part.clone(), PartEvent::Worker(event))));
        let part = self.part.clone();
        let worker = Worker::start(&planned, assignment, move |event| {
            for message in outputs.hear(&event) {
                say(WorkerEvent::Log(LogRecord { level: LogLevel::Warn, message, source: String::new() }));
            }
            if matches!(event, WorkerEvent::Finished(_)) {
                // Before the part is gone, so that an agent that is to end does so with all written.
                outputs.finish().iter().for_each(|trouble| notify.0(&format!("{part}: {trouble}")));
                slots.lock().remove(&part);
            }
            say(event);
        })?;
        Ok((planned, worker))
    }

    /// Where what this agent writes of the part goes.
    fn outputs(&self) -> Vec<OutputSpec> {
        let PartId { run, assignment } = &self.part;
        let name = format!("{run}-{}-{}", assignment.agent, assignment.epoch.0);
        self.config.outputs.iter().map(|spec| spec.of_part(&name)).collect()
    }

    /// From here on the part is told by the link what to do.
    fn hand_over(self, planned: &Planned, worker: Worker) {
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(&self.part) else { return };
        if self.released.load(Ordering::Relaxed) {
            worker.tell(Step::Finish);
        }
        slot.worker = Some(worker);
        // Not with the lock held: the link needs it for what comes before.
        drop(slots);
        let has_vu_init = planned.description().has_vu_init;
        self.say(PartEvent::Begun { registry: Arc::clone(planned.registry()), has_vu_init });
    }

    fn say(&self, event: PartEvent) {
        let _ = self.news.blocking_send((self.part.clone(), event));
    }
}
