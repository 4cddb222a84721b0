//! The phases of a run in their order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::json;
use throng_archive::TestFiles;
use throng_output::OutputReport;
use throng_plan::{HostRules, LoadModel, Options, Plan, Portion, Shard as ShardPlace, SummaryMode};
use throng_stats::{AgentReport, MetricId, Registry, Report, Settings as SummarySettings, TagSet};
use throng_transport::machine::{cores, first_port, sockets_per_shard};
use throng_transport::source::PortShare;
use throng_transport::tls::TlsClient;
use throng_transport::{Clock, ShardConfig, ShardThread};
use throng_vu::{Description, LogLevel, Script};

use super::config::RunConfig;
use super::outputs::{self, RunOutputs};
use super::planned::Planned;
use super::state::RunState;
use super::steering::Steering;
use super::ticking::{TICK, Ticking};
use super::{RunError, RunResult};
use crate::command::{Command, Event, Preparation, Stumble};
use crate::handle::{Attached, RunHandle, RunPhase, RunStatus};
use crate::health;
use crate::host::VuHost;
use crate::inbox::{Inbox, Sender};
use crate::network::name_options;
use crate::observer::{Ending, LogRecord, Observer};
use crate::samples::epoch_ns;
use crate::scenario::ahead;
use crate::series::KeptTags;
use crate::setup_data::SetupData;
use crate::shard::{self, Reporting, Settings};

/// From the decision to start until the start: time for the message to reach all shards.
const START_DELAY: Duration = Duration::from_millis(5);

pub(super) struct ShardLink {
    thread: ShardThread,
    pub(super) sender: Sender<Command>,
    waiting: Arc<AtomicUsize>,
}

/// What shards are given beside the plan.
struct Prepared<'a> {
    registry: &'a Arc<Registry>,
    metrics: &'a Arc<[MetricId]>,
    files: &'a Arc<TestFiles>,
    taken: &'a Arc<[AtomicU64]>,
    has_vu_init: bool,
    /// By shard.
    portions: Vec<Portion>,
}

pub(super) struct Conductor<'a> {
    config: RunConfig,
    handle: RunHandle,
    /// The handle's way here. Before the receiver, so that nobody asks whom nobody answers.
    _attached: Attached,
    pub(super) steering: Steering,
    pub(super) plan: Arc<Plan>,
    phase: RunPhase,
    /// Open models that have told that they have no VU left.
    used_up: BTreeSet<usize>,
    observer: &'a mut dyn Observer,
    script: Script<VuHost>,
    tls: TlsClient,
    pub(super) shards: Vec<ShardLink>,
    events: mpsc::Receiver<(usize, Event)>,
    sockets_per_shard: u32,
    outputs: RunOutputs,
    marked_failed: Option<String>,
    pub(super) aborting: Option<Ending>,
}

/// Makes the plan, then starts shards for it and leads them through the run.
pub(super) fn run(config: RunConfig, handle: RunHandle, observer: &mut dyn Observer) -> Result<RunResult, RunError> {
    let planned = Planned::new(&config, observer)?;
    let outputs = RunOutputs::start(&config.csv, &planned.plan, &planned.registry)?;
    Conductor::new(config, handle, observer, &planned, outputs)?.run(planned)
}

/// How long VUs of open models that begin at once take to get ready for ticks.
fn entering(plan: &Plan, shards: usize) -> Duration {
    let scenarios = plan.scenarios().iter().map(|planned| planned.scenario());
    let at_once = scenarios.filter(|scenario| scenario.start.is_zero() && scenario.model.is_open());
    ahead(at_once.map(|scenario| scenario.model.planned_vus()).sum::<u64>() / shards.max(1) as u64)
}

/// Whether the summary is to have groups and scenarios apart.
fn has_detail(options: &Options) -> bool {
    options.summary_mode == SummaryMode::Full
}

impl<'a> Conductor<'a> {
    fn new(
        config: RunConfig,
        handle: RunHandle,
        observer: &'a mut dyn Observer,
        planned: &Planned,
        outputs: RunOutputs,
    ) -> Result<Self, RunError> {
        let (events_sender, events) = mpsc::channel();
        let cores = cores();
        let sockets_per_shard = sockets_per_shard();
        let count = cores.len() as u16;
        let first_port = first_port();
        let mut shards = Vec::new();
        for (index, core) in cores.iter().enumerate() {
            let settings = ShardConfig {
                name: format!("throng-shard-{index}"),
                cpu: Some(*core),
                sockets_max: sockets_per_shard,
                ports: PortShare::of_all(index as u16, count, first_port),
            };
            let inbox = Inbox::new();
            let link = inbox.share();
            let waiting = Arc::new(AtomicUsize::new(0));
            let reporting = Reporting { events: events_sender.clone(), waiting: Arc::clone(&waiting) };
            let thread = ShardThread::start(settings, move |shard| shard::main(shard, index, inbox, reporting))?;
            shards.push(ShardLink { sender: link.sender(thread.remote()), thread, waiting });
        }
        let plan = Arc::clone(&planned.plan);
        Ok(Self {
            _attached: handle.attach(events_sender),
            steering: Steering::new(&plan, plan.options().paused),
            plan,
            phase: RunPhase::Created,
            used_up: BTreeSet::new(),
            config,
            handle,
            observer,
            script: planned.script.clone(),
            tls: planned.tls.clone(),
            shards,
            events,
            sockets_per_shard,
            outputs,
            marked_failed: None,
            aborting: None,
        })
    }

    fn run(mut self, planned: Planned) -> Result<RunResult, RunError> {
        // The ticker is dropped at the end.
        let Planned { _ticker, description, registry, metrics, plan, files, .. } = planned;
        self.warn_of_few_sockets(&plan);
        self.observer.planned(&plan);

        let registry = Arc::new(registry);
        let taken: Arc<[AtomicU64]> = plan.scenarios().iter().map(|_| AtomicU64::new(0)).collect();
        let portions = self.portions()?;
        let mut state = RunState::new(&registry, &plan, &portions, has_detail(plan.options()));
        let has_vu_init = description.has_vu_init;
        let prepared =
            Prepared { registry: &registry, metrics: &metrics, files: &files, taken: &taken, has_vu_init, portions };
        self.enter(RunPhase::InitVUs, &state);
        self.prepare(&plan, &prepared, &mut state)?;
        self.enter(RunPhase::InitDone, &state);
        let (ending, setup_data) = self.execute(&description, &plan, &taken, &mut state)?;
        self.conclude(&description, &plan, ending, setup_data, state)
    }

    /// What each shard does of this agent's segment.
    fn portions(&self) -> Result<Vec<Portion>, RunError> {
        let (agent, count) = (&self.plan.options().segment, self.shards.len() as u32);
        let portion = |index| Ok(self.plan.portion(agent, ShardPlace::new(index, count))?);
        (0..count).map(portion).collect()
    }

    pub(super) fn enter(&mut self, phase: RunPhase, state: &RunState) {
        self.phase = phase;
        self.publish(state);
    }

    fn publish(&self, state: &RunState) {
        let (phase, paused) = (self.phase, self.steering.is_paused());
        self.handle.publish(RunStatus { phase, paused, ..state.status(&self.plan) });
    }

    fn log(&mut self, level: LogLevel, message: String) {
        self.observer.log(LogRecord { level, message, source: String::new() });
    }

    /// Once a scenario, whichever shard is the first to tell.
    fn warn_of_few_vus(&mut self, scenario: usize) {
        let Some(planned) = self.plan.scenarios().get(scenario).filter(|_| self.used_up.insert(scenario)) else {
            return;
        };
        let scenario = planned.scenario();
        self.log(
            LogLevel::Warn,
            format!(
                "scenario `{}` has no idle VU left, and maxVUs, {}, allows no more: iterations are dropped",
                scenario.name,
                scenario.model.vus()
            ),
        );
    }

    fn warn_of_few_sockets(&mut self, plan: &Plan) {
        let sockets = u64::from(self.sockets_per_shard) * self.shards.len() as u64;
        if plan.max_vus() > sockets {
            self.log(
                LogLevel::Warn,
                format!(
                    "this run has {} VUs and at most {sockets} sockets ({} on each of {} shards): \
                     raise the limit of open files (`ulimit -n`), or some VUs will find no socket",
                    plan.max_vus(),
                    self.sockets_per_shard,
                    self.shards.len()
                ),
            );
        }
    }

    fn prepare(&mut self, plan: &Arc<Plan>, prepared: &Prepared<'_>, state: &mut RunState) -> Result<(), RunError> {
        let options = plan.options();
        let env = Arc::new(self.config.env.clone());
        let pairs = options.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let settings = Settings {
            shard: 0,
            shards: self.shards.len() as u64,
            agent_part: options.segment.length(),
            registry: Arc::clone(prepared.registry),
            metrics: Arc::clone(prepared.metrics),
            files: Arc::clone(prepared.files),
            env,
            tags: TagSet::from_pairs(pairs),
            kept_tags: KeptTags::new(&options.thresholds.selectors(), has_detail(options), options.system_tags),
            user_agent: options.http.user_agent.clone().unwrap_or_else(|| format!("throng/{}", self.config.version)),
            http: options.http.clone(),
            names: name_options(options.dns, 0),
            rules: Arc::new(HostRules::new(&options.rules)),
            tls: Some(self.tls.clone()),
            min_iteration_duration: options.min_iteration_duration,
            setup_timeout: options.setup_timeout,
            teardown_timeout: options.teardown_timeout,
            summary_timeout: options.handle_summary_timeout,
            seed: options.throng.seed.unwrap_or_else(|| Clock::now().0),
            has_vu_init: prepared.has_vu_init,
        };
        for ((index, shard), portion) in self.shards.iter().enumerate().zip(&prepared.portions) {
            let settings = Settings { shard: index as u64, ..settings.clone() };
            shard.sender.send(Command::Prepare(Box::new(Preparation {
                script: self.script.clone(),
                plan: Arc::clone(plan),
                portion: portion.clone(),
                settings,
                taken: Arc::clone(prepared.taken),
                outlet: self.outputs.outlet(),
            })));
        }
        let mut ready = 0;
        while ready < self.shards.len() {
            let (shard, event) = self.events.recv().map_err(|_| RunError::ShardLost)?;
            match event {
                Event::Ready(Ok((vus, usage))) => {
                    state.shards[shard].vus_initialized = vus;
                    state.shards[shard].usage = (usage, usage);
                    ready += 1;
                }
                Event::Ready(Err(message)) => return Err(RunError::Vus(message)),
                event => self.minor(shard, event)?,
            }
        }
        Ok(())
    }

    /// Setup, the load, teardown.
    fn execute(
        &mut self,
        description: &Description,
        plan: &Arc<Plan>,
        taken: &Arc<[AtomicU64]>,
        state: &mut RunState,
    ) -> Result<(Ending, Option<Arc<str>>), RunError> {
        self.hold(state)?;
        let setup_data = match self.set_up(description, plan, state)? {
            Ok(data) => data,
            Err(ending) => return Ok((ending, None)),
        };
        let of_run = setup_data.run.clone();
        if self.aborting.is_none() {
            self.load(plan, taken, state, setup_data)?;
        }
        let mut ending = self.aborting.take().unwrap_or(Ending::Finished);
        if self.steering.has_begun && description.has_teardown && !plan.options().no_teardown {
            self.enter(RunPhase::Teardown, state);
            self.shards[0].sender.send(Command::Teardown);
            let result = self.wait_for(state, |event| match event {
                Event::TeardownDone(result) => Ok(result),
                event => Err(event),
            })?;
            if let (Err(stumble), Ending::Finished) = (result, &ending) {
                ending = match stumble {
                    Stumble::Timeout(limit) => Ending::TeardownTimeout(limit),
                    Stumble::Fault(fault) => Ending::TeardownFailed(fault.to_string()),
                    Stumble::Aborted => Ending::Interrupted,
                };
            }
        }
        Ok((ending, of_run))
    }

    fn load(
        &mut self,
        plan: &Arc<Plan>,
        taken: &Arc<[AtomicU64]>,
        state: &mut RunState,
        setup_data: SetupData,
    ) -> Result<(), RunError> {
        let delay = START_DELAY.max(entering(plan, self.shards.len()));
        let at = Clock::now().after(delay);
        state.load_began = Some(Instant::now() + delay);
        self.enter(RunPhase::Running, state);
        for shard in &self.shards {
            shard.sender.send(Command::Start { began: state.began(), at, setup_data: setup_data.clone() });
        }
        let mut done = 0;
        while done < self.shards.len() {
            done += self.wait_for(state, |event| match event {
                Event::Done => Ok(1),
                event => Err(event),
            })?;
        }
        state.load_ended = Some(Instant::now());
        for (index, (planned, taken)) in plan.scenarios().iter().zip(taken.iter()).enumerate() {
            let scenario = planned.scenario();
            let left = match scenario.model {
                LoadModel::SharedIterations { .. } => {
                    state.planned_iterations(index).unwrap_or_default().saturating_sub(taken.load(Ordering::Relaxed))
                }
                _ => 0,
            };
            if left > 0 {
                state.add_dropped(index, &scenario.name, &scenario.tags, left);
                self.outputs.note_dropped(&scenario.name, &scenario.tags, left);
            }
        }
        self.observer.progress(&state.progress(plan));
        Ok(())
    }

    /// Waits until the run may begin, then lets its time count.
    fn hold(&mut self, state: &mut RunState) -> Result<(), RunError> {
        self.look_at_flags();
        if self.steering.is_held && self.aborting.is_none() {
            self.log(LogLevel::Info, "the run is paused: it begins when it is resumed".to_owned());
            self.enter(RunPhase::PausedBeforeRun, state);
            let mut clock = Ticking::new();
            while self.steering.is_held && self.aborting.is_none() {
                self.step(&mut clock, state, &mut Err::<(), _>)?;
            }
        }
        if self.aborting.is_none() {
            self.steering.has_begun = true;
            state.begin();
            self.enter(RunPhase::Started, state);
        }
        Ok(())
    }

    /// Serves events and the clock until `wanted` takes one.
    pub(super) fn wait_for<T>(
        &mut self,
        state: &mut RunState,
        mut wanted: impl FnMut(Event) -> Result<T, Event>,
    ) -> Result<T, RunError> {
        let mut clock = Ticking::new();
        loop {
            if let Some(result) = self.step(&mut clock, state, &mut wanted)? {
                return Ok(result);
            }
        }
    }

    /// Serves one event, or the clock.
    fn step<T>(
        &mut self,
        clock: &mut Ticking,
        state: &mut RunState,
        wanted: &mut impl FnMut(Event) -> Result<T, Event>,
    ) -> Result<Option<T>, RunError> {
        let wait = clock.next_tick.saturating_duration_since(Instant::now());
        match self.events.recv_timeout(wait) {
            Ok((shard, event)) => match wanted(event) {
                Ok(result) => return Ok(Some(result)),
                Err(Event::Window(report)) => {
                    self.shards[shard].waiting.fetch_sub(1, Ordering::Relaxed);
                    self.outputs.note_window(&report.window);
                    let messages = state.merge(shard, *report);
                    state.counted_vus().into_iter().for_each(|vus| self.outputs.note_vus(vus));
                    messages.into_iter().for_each(|message| self.log(LogLevel::Warn, message));
                }
                Err(Event::Request(request)) => {
                    self.answer(request);
                    self.look_at_flags();
                    self.publish(state);
                }
                Err(event) => self.minor(shard, event)?,
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::ShardLost),
        }
        let now = Instant::now();
        if now >= clock.next_tick {
            clock.next_tick = now + TICK;
            self.look_at_flags();
            self.publish(state);
            self.observer.progress(&state.progress(&self.plan));
        }
        if now >= clock.next_second {
            clock.next_second += Duration::from_secs(1);
            state.sample_ended();
            for message in self.outputs.second() {
                self.log(LogLevel::Warn, message);
            }
            if state.judge(false) {
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

    /// The first reason wins; all shards cut their iterations.
    fn abort(&mut self, ending: Ending) {
        if self.aborting.is_none() {
            self.aborting = Some(ending);
            for shard in &self.shards {
                shard.sender.send(Command::Stop);
            }
        }
    }

    /// Events that may come at any time.
    fn minor(&mut self, shard: usize, event: Event) -> Result<(), RunError> {
        match event {
            Event::Log(record) => self.observer.log(record),
            Event::LogsDropped(count) => self
                .log(LogLevel::Warn, format!("{count} messages of the script were left out: more than 1,000 a second")),
            Event::Gone => return Err(RunError::ShardLost),
            Event::Abort(message) => self.abort(Ending::ScriptAbort(message)),
            Event::Fail(message) => {
                self.marked_failed.get_or_insert(message);
            }
            Event::VusUsedUp { scenario } => self.warn_of_few_vus(scenario),
            // While VUs are made it has no state to publish; that comes with the next phase.
            Event::Request(request) => self.answer(request),
            Event::Window(_)
            | Event::Ready(_)
            | Event::SetupDone(_)
            | Event::VusInitialised
            | Event::Done
            | Event::TeardownDone(_)
            | Event::Summarized(_) => {
                self.log(LogLevel::Debug, format!("shard {shard} spoke out of turn"));
            }
        }
        Ok(())
    }

    fn conclude(
        mut self,
        description: &Description,
        plan: &Plan,
        ending: Ending,
        setup_data: Option<Arc<str>>,
        mut state: RunState,
    ) -> Result<RunResult, RunError> {
        state.judge(true);
        let run_duration = state.elapsed();
        let load_time = match (state.load_began, state.load_ended) {
            (Some(began), Some(ended)) => ended.saturating_duration_since(began),
            _ => Duration::ZERO,
        };
        let usages: Vec<_> = state.shards.iter().map(|shard| shard.usage).collect();
        let health = health::report(&usages, load_time, state.peak_sockets(), &state.totals);
        let overflows = state.totals.overflows().map(|(name, overflow)| overflow.message(name));
        let warnings = health.bottleneck.into_iter().chain(overflows);
        let mut outputs = self.outputs.finish();
        let remarks: Vec<String> = warnings.chain(outputs.iter().filter_map(OutputReport::trouble)).collect();
        let settings = SummarySettings {
            run_duration,
            histograms: self.config.machine_summary,
            generated_at: throng_output::rfc3339(epoch_ns() + Clock::now().0),
            test: Some(self.config.test.clone()),
            agents: vec![AgentReport { name: "local".to_owned(), shards: self.shards.len(), complete: true }],
            remarks: remarks.clone(),
            setup_data: setup_data.and_then(|text| serde_json::from_str(&text).ok()),
            trend_stats: plan.options().summary_trend_stats.clone(),
            time_unit: plan.options().summary_time_unit,
            throng: json!({
                "version": self.config.version,
                "generator": health.json,
                "outputs": outputs::describe(&outputs),
                "remarks": remarks,
            }),
            ..SummarySettings::default()
        };
        let report = Report::new(&state.totals, &state.outcomes, settings);
        let reports = self.outputs.write_reports(&report, &self.config.test, ending.trouble());
        let summarized = self.summarize(description, &mut state, &report)?;
        outputs.extend(reports);
        for shard in &self.shards {
            shard.sender.send(Command::Finish);
        }
        for shard in self.shards.drain(..) {
            shard.thread.join()?;
        }
        let phase = match (&ending, &self.marked_failed) {
            (Ending::Interrupted | Ending::Stopped | Ending::ThresholdAbort | Ending::ScriptAbort(_), _) => {
                RunPhase::Interrupted
            }
            (_, Some(_)) => RunPhase::MarkedAsFailed,
            _ => RunPhase::Ended,
        };
        self.enter(phase, &state);
        Ok(RunResult {
            ending,
            marked_failed: self.marked_failed,
            outcomes: state.outcomes,
            report,
            summarized,
            outputs,
        })
    }

    fn summarize(
        &mut self,
        description: &Description,
        state: &mut RunState,
        report: &Report,
    ) -> Result<Option<Vec<(String, String)>>, RunError> {
        if !description.has_summarize {
            return Ok(None);
        }
        let data = if self.config.machine_summary {
            throng_stats::json::machine(report).to_string()
        } else {
            throng_stats::json::handle_summary(report).to_string()
        };
        self.shards[0].sender.send(Command::Summarize(data));
        let result = self.wait_for(state, |event| match event {
            Event::Summarized(result) => Ok(result),
            event => Err(event),
        })?;
        match result {
            Ok(contents) => Ok(contents),
            Err(stumble) => {
                let why = match stumble {
                    Stumble::Fault(fault) => fault.to_string(),
                    Stumble::Timeout(limit) => {
                        format!("it took longer than {limit:?}, which handleSummaryTimeout sets")
                    }
                    Stumble::Aborted => "it was aborted".to_owned(),
                };
                self.log(LogLevel::Error, format!("summarize failed, so the usual summary is shown: {why}"));
                Ok(None)
            }
        }
    }
}
