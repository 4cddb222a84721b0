//! A run in one process: a group of one coordinator and one agent, on the thread that called `run`.
//!
//! Both are those of any group. What is between them elsewhere, a log and a stream, are calls here.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use throng_control::judge::Ending;
use throng_control::leading::{Concluded, RunView};
use throng_control::{AbortReason, Action, CallState, ExitCode, Orders, Run, RunState, Scale, Task};
use throng_output::OutputReport;
use throng_plan::Plan;
use throng_transport::{Clock, ShardConfig};
use throng_vu::LogLevel;

use super::config::RunConfig;
use super::group::{Facts, Group};
use super::outputs::{self, RunOutputs};
use super::planned::Planned;
use super::{Message, RunError, RunResult};
use crate::handle::{Attached, Request, RunHandle, RunPhase, RunStatus};
use crate::link::Parts;
use crate::observer::{LogRecord, Observer};
use crate::worker::{Worker, WorkerEvent, lead_time, machine_share};

/// How often the clock, the handle and the observer are looked at.
const TICK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// Makes the plan, then leads the run to its end.
pub(super) fn run(config: RunConfig, handle: RunHandle, observer: &mut dyn Observer) -> Result<RunResult, RunError> {
    let planned = Arc::new(Planned::new(&config, observer)?);
    let outputs = RunOutputs::start(&planned.outputs, &planned.plan, &planned.registry)?;
    LocalRun::new(config, handle, observer, planned, outputs)?.run()
}

/// A run in one process.
pub(super) struct LocalRun<'a> {
    config: RunConfig,
    handle: RunHandle,
    /// The handle's way here. Before the receiver, so that nobody asks whom nobody answers.
    _attached: Attached,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) planned: Arc<Planned>,
    pub(super) plan: Arc<Plan>,
    /// The coordinator.
    pub(super) group: Group,
    /// The agent: what it has of the run, and who does it.
    pub(super) parts: Parts,
    pub(super) worker: Option<Worker>,
    /// What of the machine that may use, until it begins.
    pub(super) shards: Vec<ShardConfig>,
    pub(super) sender: mpsc::Sender<Message>,
    messages: mpsc::Receiver<Message>,
    pub(super) outputs: RunOutputs,
    /// What became of them, once nothing more comes.
    finished: Option<Vec<OutputReport>>,
    /// How the run went on when it was looked at last.
    view: Option<RunView>,
    state: RunState,
    is_held: bool,
    was_interrupted: bool,
    was_stopped: bool,
    next_tick: Instant,
    next_second: Instant,
}

impl<'a> LocalRun<'a> {
    fn new(
        config: RunConfig,
        handle: RunHandle,
        observer: &'a mut dyn Observer,
        planned: Arc<Planned>,
        outputs: RunOutputs,
    ) -> Result<Self, RunError> {
        let plan = Arc::clone(&planned.plan);
        let (sender, messages) = mpsc::channel();
        let shards = machine_share(0, 1, &config.sources);
        let facts = Facts { test: &config.test, version: &config.version, machine_summary: config.machine_summary };
        // The group's time is in whole milliseconds.
        let start_ahead_ms = lead_time(&plan, shards.len()).as_millis() as u64 + 1;
        let now = Instant::now();
        Ok(Self {
            _attached: handle.attach(sender.clone()),
            group: Group::new(&planned, &facts, start_ahead_ms)?,
            config,
            handle,
            observer,
            planned,
            plan,
            parts: Parts::new(),
            worker: None,
            shards,
            sender,
            messages,
            outputs,
            finished: None,
            view: None,
            state: RunState::Submitted,
            is_held: false,
            was_interrupted: false,
            was_stopped: false,
            next_tick: now + TICK,
            next_second: now + SECOND,
        })
    }

    fn run(mut self) -> Result<RunResult, RunError> {
        let plan = Arc::clone(&self.plan);
        self.observer.planned(&plan);
        self.look_at_flags();
        self.go_on()?;
        while !self.state.has_ended() {
            self.step()?;
        }
        self.end()
    }

    /// Serves one message, or the clock.
    fn step(&mut self) -> Result<(), RunError> {
        let due = self.group.due().map(|due| Duration::from_nanos(due.since(Clock::now())));
        let tick = self.next_tick.saturating_duration_since(Instant::now());
        // A little more than due: the group's time is in whole milliseconds.
        let wait = due.map_or(tick, |due| tick.min(due + Duration::from_millis(1)));
        match self.messages.recv_timeout(wait) {
            Ok(Message::Worker(event)) => self.hear(event)?,
            Ok(Message::Request(request)) => self.answer(request)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::ShardLost),
        }
        self.look_at_flags();
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.publish();
            self.tell_progress();
        }
        if now >= self.next_second {
            self.next_second += SECOND;
            for message in self.outputs.second() {
                self.log(LogLevel::Warn, message);
            }
        }
        self.go_on()
    }

    /// Has the coordinator and the agent do what is to be done now.
    pub(super) fn go_on(&mut self) -> Result<(), RunError> {
        loop {
            self.look();
            if self.group.work() {
                continue;
            }
            let deeds = match (self.group.new_orders(), self.group.new_committed()) {
                (Some(orders), _) => {
                    self.give(&orders);
                    self.parts.obey(&orders)
                }
                (None, Some(through)) => {
                    let ids: Vec<_> = self.parts.ids().cloned().collect();
                    ids.iter().flat_map(|id| self.parts.note_committed(id, through)).collect()
                }
                (None, None) => break,
            };
            self.perform(deeds)?;
        }
        for message in self.group.take_warnings() {
            self.log(LogLevel::Warn, message);
        }
        Ok(())
    }

    /// Looks how the run stands, before the coordinator goes on.
    fn look(&mut self) {
        self.view = self.group.view().or(self.view.take());
        let Some(run) = self.group.run() else { return };
        let (state, is_held) = (run.state(), run.is_paused() && run.state() == RunState::Ready);
        let has_started = run.start().is_some();
        let is_over = state == RunState::Teardown && run.teardown().is_over();
        if is_over && self.finished.is_none() {
            self.finish_outputs();
        }
        if is_held && !std::mem::replace(&mut self.is_held, is_held) {
            self.log(LogLevel::Info, "the run is paused: it begins when it is resumed".to_owned());
        }
        let before = std::mem::replace(&mut self.state, state);
        if before != state {
            self.publish();
        }
        if before < RunState::Teardown && state >= RunState::Teardown && has_started {
            // The last windows are there.
            self.tell_progress();
        }
    }

    /// Waits for what is on its way to the outputs: all that is recorded was.
    fn finish_outputs(&mut self) {
        let reports = self.outputs.finish();
        let facts = self.group.facts_mut();
        facts.outputs = outputs::describe(&reports);
        facts.remarks = reports.iter().filter_map(OutputReport::trouble).collect();
        self.finished = Some(reports);
    }

    /// Gives the agent what its orders need.
    fn give(&mut self, orders: &Orders) {
        for order in &orders.parts {
            let part = order.into();
            // Neither leads to anything before the orders are obeyed.
            if order.task.needs_setup_data() {
                let data = self.group.setup_data();
                self.parts.note_setup_data(&part, data);
            }
            if order.task == Task::Summarize
                && let Some(json) = self.group.summary_data()
            {
                self.parts.note_summary_data(&part, json.into());
            }
        }
    }

    fn look_at_flags(&mut self) {
        let by = || "the user".to_owned();
        if self.handle.is_interrupted() && !std::mem::replace(&mut self.was_interrupted, true) {
            self.abort(AbortReason::Interrupted { by: by() });
        }
        if self.handle.is_stopped() && !std::mem::replace(&mut self.was_stopped, true) {
            self.abort(AbortReason::Stopped { by: by() });
        }
    }

    /// Of a run that is as good as over nothing can be cut any more, and nobody has to know.
    fn abort(&mut self, reason: AbortReason) {
        if let Some(run) = self.group.run().map(|run| run.id().clone()) {
            self.group.apply(Action::AbortRun { run, reason });
        }
    }

    /// Does what was asked for, and answers. An answer that nobody waits for any more is lost.
    fn answer(&mut self, request: Request) -> Result<(), RunError> {
        match request {
            Request::Scale { scenario, vus, max_vus, reply } => {
                let scaled = self.group.scale(scenario.as_deref(), Scale { vus, max_vus });
                let done = scaled.map(|scaled| {
                    self.group.apply(scaled.action);
                    (scaled.scenario, scaled.vus)
                });
                self.go_on()?;
                let _ = reply.send(done);
            }
            Request::Pause { paused, reply } => {
                let done = self.group.pause(paused).map(|action| drop(self.group.apply(action)));
                self.go_on()?;
                self.publish();
                let _ = reply.send(done);
            }
            // They are looked at after every message.
            Request::Look => {}
        }
        Ok(())
    }

    pub(super) fn log(&mut self, level: LogLevel, message: String) {
        self.observer.log(LogRecord { level, message, source: String::new() });
    }

    fn tell_progress(&mut self) {
        if let Some(view) = &self.view {
            self.observer.progress(&view.progress);
        }
    }

    fn publish(&self) {
        if let Some(run) = self.group.run() {
            self.publish_as(phase(run), run.is_paused());
        }
    }

    fn publish_as(&self, phase: RunPhase, paused: bool) {
        let mut status = RunStatus { phase, paused, ..RunStatus::default() };
        if let Some(RunView { progress, outcomes, .. }) = &self.view {
            status.elapsed = progress.elapsed;
            (status.vus, status.vus_max) = (progress.vus_active, progress.vus_initialized);
            status.completed = progress.completed;
            (status.interrupted, status.dropped) = (progress.interrupted, progress.dropped);
            status.scenarios.clone_from(&progress.scenarios);
            status.thresholds.clone_from(outcomes);
        }
        self.handle.publish(status);
    }

    /// Makes the result of what the run came to, once the shards have ended.
    fn end(mut self) -> Result<RunResult, RunError> {
        let Some(concluded) = self.group.take_concluded() else {
            let reason = self.group.run().and_then(Run::reason).map(ToString::to_string);
            return Err(RunError::Unled(reason.unwrap_or_default()));
        };
        let Concluded { mut report, ending, outcomes, marked_failed, own, own_failure, .. } = concluded;
        report.settings.test = Some(self.config.test.clone());
        let mut outputs = self.finished.take().unwrap_or_default();
        outputs.extend(self.outputs.write_reports(&report, &self.config.test, ending.trouble()));
        if let Some(why) = own_failure {
            self.log(LogLevel::Error, format!("summarize failed, so the usual summary is shown: {why}"));
        }
        self.wait_for_shards()?;
        let phase = match (&ending, &marked_failed) {
            (Ending::Interrupted | Ending::Stopped | Ending::ThresholdAbort | Ending::ScriptAbort(_), _) => {
                RunPhase::Interrupted
            }
            (_, Some(_)) => RunPhase::MarkedAsFailed,
            _ => RunPhase::Ended,
        };
        if let Some(view) = &mut self.view {
            view.outcomes.clone_from(&outcomes);
        }
        self.publish_as(phase, false);
        let exit = self.group.run().and_then(Run::exit).map_or(ExitCode::Other, |(code, _)| code);
        Ok(RunResult { ending, exit, marked_failed, outcomes, report, summarized: own, outputs })
    }

    /// The agent has let go of its part: its worker ends, if there was time for one.
    fn wait_for_shards(&mut self) -> Result<(), RunError> {
        if self.worker.is_none() {
            return Ok(());
        }
        loop {
            match self.messages.recv().map_err(|_| RunError::ShardLost)? {
                Message::Worker(WorkerEvent::Finished(result)) => return Ok(result?),
                Message::Worker(WorkerEvent::Lost) => return Err(RunError::ShardLost),
                Message::Worker(WorkerEvent::Log(record)) => self.observer.log(record),
                Message::Worker(_) => {}
                Message::Request(request) => self.answer(request)?,
            }
        }
    }
}

/// k6's word for where a run stands.
fn phase(run: &Run) -> RunPhase {
    match run.state() {
        RunState::Submitted | RunState::Preparing => RunPhase::InitVUs,
        RunState::Ready if run.is_paused() => RunPhase::PausedBeforeRun,
        RunState::Ready => RunPhase::InitDone,
        RunState::Setup => RunPhase::Setup,
        // What is cut hasn't ended yet.
        RunState::Running | RunState::Draining => RunPhase::Running,
        RunState::Teardown if matches!(run.teardown().state, CallState::Waiting) => RunPhase::Running,
        RunState::Teardown => RunPhase::Teardown,
        RunState::Finished | RunState::Aborted | RunState::Failed => RunPhase::Ended,
    }
}
