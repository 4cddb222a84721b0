//! The phases of a run in their order: a worker on this machine, and the judge of what it says.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use throng_control::judge::{AgentPart, AgentWindow, CallFailure, Conclusion, Ending, Judge, ReportFacts};
use throng_output::OutputReport;
use throng_plan::Plan;
use throng_stats::{Report, SourceId};
use throng_transport::{Clock, Nanos};
use throng_vu::LogLevel;

use super::config::RunConfig;
use super::outputs::{self, RunOutputs};
use super::planned::Planned;
use super::steering::Steering;
use super::ticking::{TICK, Ticking};
use super::{Message, RunError, RunResult};
use crate::handle::{Attached, RunHandle, RunPhase, RunStatus};
use crate::observer::{LogRecord, Observer};
use crate::samples::epoch_ns;
use crate::setup_data::SetupData;
use crate::worker::{Assignment, Late, SetupFailure, Step, Worker, WorkerEvent, machine_share};

/// What the only agent of a run in one process is called.
const LOCAL: &str = "local";

/// Leads a run in one process.
pub(super) struct Conductor<'a> {
    config: RunConfig,
    handle: RunHandle,
    /// The handle's way here. Before the receiver, so that nobody asks whom nobody answers.
    _attached: Attached,
    pub(super) steering: Steering,
    planned: Arc<Planned>,
    pub(super) plan: Arc<Plan>,
    phase: RunPhase,
    observer: &'a mut dyn Observer,
    pub(super) worker: Worker,
    messages: mpsc::Receiver<Message>,
    outputs: RunOutputs,
    judge: Judge,
    conclusion: Conclusion,
    /// When the run began, which is before setup and after the VUs were made (k6's rule).
    began: (Instant, Nanos),
}

/// Makes the plan, then leads a worker through the run.
pub(super) fn run(config: RunConfig, handle: RunHandle, observer: &mut dyn Observer) -> Result<RunResult, RunError> {
    let planned = Arc::new(Planned::new(&config, observer)?);
    let outputs = RunOutputs::start(&planned.outputs, &planned.plan, &planned.registry)?;
    Conductor::new(config, handle, observer, planned, outputs)?.run()
}

impl<'a> Conductor<'a> {
    fn new(
        config: RunConfig,
        handle: RunHandle,
        observer: &'a mut dyn Observer,
        planned: Arc<Planned>,
        outputs: RunOutputs,
    ) -> Result<Self, RunError> {
        let plan = Arc::clone(&planned.plan);
        let (sender, messages) = mpsc::channel();
        let (segment, shards) = (plan.options().segment.clone(), machine_share(0, 1, &config.sources));
        let mut judge = Judge::new(&planned.registry, &plan, planned.has_detail());
        let (name, first_source) = (LOCAL.to_owned(), SourceId(0));
        judge.add_agent(AgentPart { name, segment: segment.clone(), first_source, through: 0 })?;
        let outlets = shards.iter().map_while(|_| outputs.outlet()).collect();
        let assignment = Assignment { segment, first_source, shards, outlets };
        let from_worker = sender.clone();
        // Nobody listens any more only when the run has failed.
        let worker = Worker::start(&planned, assignment, move |event| drop(from_worker.send(Message::Worker(event))))?;
        Ok(Self {
            _attached: handle.attach(sender),
            steering: Steering::new(&plan, plan.options().paused),
            plan,
            planned,
            phase: RunPhase::Created,
            config,
            handle,
            observer,
            worker,
            messages,
            outputs,
            judge,
            conclusion: Conclusion::default(),
            began: (Instant::now(), Clock::now()),
        })
    }

    fn run(mut self) -> Result<RunResult, RunError> {
        self.observer.planned(&self.plan);
        self.enter(RunPhase::InitVUs);
        self.prepare()?;
        self.enter(RunPhase::InitDone);
        let setup_data = self.execute()?;
        self.conclude(setup_data)
    }

    fn enter(&mut self, phase: RunPhase) {
        self.phase = phase;
        self.publish();
    }

    fn publish(&self) {
        let progress = self.judge.progress(self.elapsed());
        self.handle.publish(RunStatus {
            phase: self.phase,
            paused: self.steering.is_paused(),
            elapsed: progress.elapsed,
            vus: progress.vus_active,
            vus_max: progress.vus_initialized,
            completed: progress.completed,
            interrupted: progress.interrupted,
            dropped: progress.dropped,
            scenarios: progress.scenarios,
            thresholds: self.judge.outcomes().to_vec(),
        });
    }

    fn elapsed(&self) -> Duration {
        self.began.0.elapsed()
    }

    fn log(&mut self, level: LogLevel, message: String) {
        self.observer.log(LogRecord { level, message, source: String::new() });
    }

    /// Has the VUs made. Nobody is told how far that is, and only what is asked is answered.
    fn prepare(&mut self) -> Result<(), RunError> {
        self.worker.tell(Step::Prepare);
        loop {
            match self.messages.recv().map_err(|_| RunError::ShardLost)? {
                Message::Worker(WorkerEvent::Ready(result)) => {
                    self.judge.note_ready(LOCAL, result.map_err(RunError::Vus)?);
                    return Ok(());
                }
                Message::Worker(event) => self.minor(event)?,
                Message::Request(request) => self.answer(request),
            }
        }
    }

    /// Setup, the load, teardown. Returns what the run's setup did.
    fn execute(&mut self) -> Result<Option<Arc<str>>, RunError> {
        self.hold()?;
        let setup_data = match self.set_up()? {
            Ok(data) => data,
            Err(SetupFailure { scenario, failure }) => {
                self.conclusion.fail_setup(scenario.as_deref(), failure);
                return Ok(None);
            }
        };
        let of_run = setup_data.run.clone();
        if !self.conclusion.is_aborting() {
            self.load(setup_data)?;
        }
        self.conclusion.end_load();
        if self.steering.has_begun && self.planned.has_teardown() {
            self.enter(RunPhase::Teardown);
            self.worker.tell(Step::Teardown);
            let result = self.wait_for(|event| match event {
                WorkerEvent::TeardownDone { result, .. } => Ok(result),
                event => Err(event),
            })?;
            if let Err(failure) = result {
                self.conclusion.fail_teardown(failure);
            }
        }
        Ok(of_run)
    }

    /// The setups, then the init of VUs.
    fn set_up(&mut self) -> Result<Result<SetupData, SetupFailure>, RunError> {
        let (began, mut data) = (self.began.1, SetupData::default());
        if self.planned.has_setup() && !self.conclusion.is_aborting() {
            self.enter(RunPhase::Setup);
            self.worker.tell(Step::Setup { began });
            let result = self.wait_for(|event| match event {
                WorkerEvent::SetupDone(result) => Ok(result),
                event => Err(event),
            })?;
            match result {
                Ok(returned) => data = returned,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        if self.planned.description.has_vu_init && !self.conclusion.is_aborting() {
            self.enter(RunPhase::Setup);
            self.worker.tell(Step::InitVus { began, setup_data: data.clone() });
            self.wait_for(|event| match event {
                WorkerEvent::VusInitialised => Ok(()),
                event => Err(event),
            })?;
        }
        Ok(Ok(data))
    }

    fn load(&mut self, setup_data: SetupData) -> Result<(), RunError> {
        let delay = self.worker.lead_time();
        let at = Clock::now().after(delay);
        self.judge.begin_load(self.elapsed() + delay);
        self.enter(RunPhase::Running);
        self.worker.tell(Step::Start { began: self.began.1, at, late: Late::default(), setup_data });
        let unstarted = self.wait_for(|event| match event {
            WorkerEvent::Done { unstarted, .. } => Ok(unstarted),
            event => Err(event),
        })?;
        let elapsed = self.elapsed();
        self.judge.note_done(LOCAL);
        self.judge.end_load(elapsed);
        for (planned, count) in self.plan.scenarios().iter().zip(unstarted) {
            if count > 0 {
                self.outputs.note_dropped(&planned.scenario().name, &planned.scenario().tags, count);
            }
        }
        self.observer.progress(&self.judge.progress(elapsed));
        Ok(())
    }

    /// Waits until the run may begin, then lets its time count.
    fn hold(&mut self) -> Result<(), RunError> {
        self.look_at_flags();
        if self.steering.is_held && !self.conclusion.is_aborting() {
            self.log(LogLevel::Info, "the run is paused: it begins when it is resumed".to_owned());
            self.enter(RunPhase::PausedBeforeRun);
            let mut clock = Ticking::new();
            while self.steering.is_held && !self.conclusion.is_aborting() {
                self.step(&mut clock, &mut Err::<(), _>)?;
            }
        }
        if !self.conclusion.is_aborting() {
            self.steering.has_begun = true;
            self.began = (Instant::now(), Clock::now());
            self.enter(RunPhase::Started);
        }
        Ok(())
    }

    /// Serves messages and the clock until `wanted` takes an event.
    fn wait_for<T>(&mut self, mut wanted: impl FnMut(WorkerEvent) -> Result<T, WorkerEvent>) -> Result<T, RunError> {
        let mut clock = Ticking::new();
        loop {
            if let Some(result) = self.step(&mut clock, &mut wanted)? {
                return Ok(result);
            }
        }
    }

    /// Serves one message, or the clock.
    fn step<T>(
        &mut self,
        clock: &mut Ticking,
        wanted: &mut impl FnMut(WorkerEvent) -> Result<T, WorkerEvent>,
    ) -> Result<Option<T>, RunError> {
        let wait = clock.next_tick.saturating_duration_since(Instant::now());
        match self.messages.recv_timeout(wait) {
            Ok(Message::Worker(event)) => match wanted(event) {
                Ok(result) => return Ok(Some(result)),
                Err(event) => self.minor(event)?,
            },
            Ok(Message::Request(request)) => {
                self.answer(request);
                self.look_at_flags();
                self.publish();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::ShardLost),
        }
        let now = Instant::now();
        if now >= clock.next_tick {
            clock.next_tick = now + TICK;
            self.look_at_flags();
            self.publish();
            self.observer.progress(&self.judge.progress(self.elapsed()));
        }
        if now >= clock.next_second {
            clock.next_second += Duration::from_secs(1);
            let elapsed = self.elapsed();
            self.judge.sample_ended(elapsed);
            for message in self.outputs.second() {
                self.log(LogLevel::Warn, message);
            }
            if self.judge.judge(elapsed, false) {
                self.abort(Ending::ThresholdAbort);
            }
        }
        Ok(None)
    }

    fn look_at_flags(&mut self) {
        if self.handle.is_interrupted() {
            self.abort(Ending::Interrupted);
        }
        if self.handle.is_stopped() {
            self.abort(Ending::Stopped);
        }
    }

    /// The first reason wins; all iterations are cut.
    fn abort(&mut self, ending: Ending) {
        if self.conclusion.abort(ending) {
            self.worker.tell(Step::Stop);
        }
    }

    fn note_window(&mut self, window: AgentWindow) {
        self.worker.window_taken();
        self.outputs.note_window(&window.window);
        match self.judge.take(LOCAL, window) {
            Ok(messages) => messages.into_iter().for_each(|message| self.log(LogLevel::Warn, message)),
            Err(error) => self.log(LogLevel::Error, error.to_string()),
        }
        self.judge.take_counted_vus().into_iter().for_each(|count| self.outputs.note_vus(count));
    }

    /// Events that may come at any time.
    fn minor(&mut self, event: WorkerEvent) -> Result<(), RunError> {
        match event {
            WorkerEvent::Window(window) => self.note_window(*window),
            WorkerEvent::Log(record) => self.observer.log(record),
            WorkerEvent::Abort(message) => self.abort(Ending::ScriptAbort(message)),
            WorkerEvent::Fail(message) => self.conclusion.mark_failed(message),
            WorkerEvent::Lost => return Err(RunError::ShardLost),
            WorkerEvent::Ready(_)
            | WorkerEvent::SetupDone(_)
            | WorkerEvent::VusInitialised
            | WorkerEvent::Done { .. }
            | WorkerEvent::TeardownDone { .. }
            | WorkerEvent::Summarized(_)
            | WorkerEvent::Finished(_) => self.log(LogLevel::Debug, "the worker spoke out of turn".to_owned()),
        }
        Ok(())
    }

    fn conclude(mut self, setup_data: Option<Arc<str>>) -> Result<RunResult, RunError> {
        let elapsed = self.elapsed();
        self.judge.judge(elapsed, true);
        let ending = self.conclusion.ending();
        let mut outputs = self.outputs.finish();
        let report = self.judge.report(
            elapsed,
            ReportFacts {
                test: self.config.test.clone(),
                version: self.config.version.clone(),
                generated_at: throng_output::rfc3339(epoch_ns() + Clock::now().0),
                histograms: self.config.machine_summary,
                setup_data: setup_data.and_then(|text| serde_json::from_str(&text).ok()),
                outputs: outputs::describe(&outputs),
                losses: Vec::new(),
                remarks: outputs.iter().filter_map(OutputReport::trouble).collect(),
            },
        );
        let outcomes = self.judge.outcomes().to_vec();
        let reports = self.outputs.write_reports(&report, &self.config.test, ending.trouble());
        let summarized = self.summarize(&report)?;
        outputs.extend(reports);
        self.finish()?;
        let marked_failed = self.conclusion.marked_failed().map(str::to_owned);
        let phase = match (&ending, &marked_failed) {
            (Ending::Interrupted | Ending::Stopped | Ending::ThresholdAbort | Ending::ScriptAbort(_), _) => {
                RunPhase::Interrupted
            }
            (_, Some(_)) => RunPhase::MarkedAsFailed,
            _ => RunPhase::Ended,
        };
        self.enter(phase);
        Ok(RunResult { ending, marked_failed, outcomes, report, summarized, outputs })
    }

    /// Waits until the shards have ended.
    fn finish(&mut self) -> Result<(), RunError> {
        self.worker.tell(Step::Finish);
        loop {
            match self.messages.recv().map_err(|_| RunError::ShardLost)? {
                Message::Worker(WorkerEvent::Finished(result)) => return Ok(result?),
                Message::Worker(event) => self.minor(event)?,
                Message::Request(request) => self.answer(request),
            }
        }
    }

    fn summarize(&mut self, report: &Report) -> Result<Option<Vec<(String, String)>>, RunError> {
        if !self.planned.description.has_summarize {
            return Ok(None);
        }
        let data = if self.config.machine_summary {
            throng_stats::json::machine(report).to_string()
        } else {
            throng_stats::json::handle_summary(report).to_string()
        };
        self.worker.tell(Step::Summarize(data));
        let result = self.wait_for(|event| match event {
            WorkerEvent::Summarized(result) => Ok(result),
            event => Err(event),
        })?;
        result.or_else(|failure| {
            let why = match failure {
                CallFailure::Fault(fault) => fault,
                CallFailure::Timeout(limit) => {
                    format!("it took longer than {limit:?}, which handleSummaryTimeout sets")
                }
                CallFailure::Aborted => "it was aborted".to_owned(),
            };
            self.log(LogLevel::Error, format!("summarize failed, so the usual summary is shown: {why}"));
            Ok(None)
        })
    }
}
