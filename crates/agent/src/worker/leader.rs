//! A worker's thread.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use throng_control::judge::{CallFailure, ShardUsage};
use throng_control::{Scale, Steering};
use throng_output::Outlet;
use throng_plan::segment::Fraction;
use throng_plan::{ControlledVus, HostRules, LoadModel, Plan, Portion};
use throng_stats::{Recorder, SourceId, TagSet};
use throng_transport::Clock;
use throng_vu::LogLevel;

use super::machine::ShardLink;
use super::setup::Setups;
use super::windows::Windows;
use super::{Late, Step, WINDOWS_WAITING_MAX, WorkerEvent};
use crate::command::{Command, Event, Preparation, Stumble};
use crate::network::name_options;
use crate::observer::LogRecord;
use crate::run::Planned;
use crate::series::KeptTags;
use crate::shard::Settings;

/// How often it looks whether a shard is late with its window.
const TICK: Duration = Duration::from_millis(250);

type Report = Box<dyn FnMut(WorkerEvent) + Send>;

/// What of a run is an agent's.
pub(super) struct Part {
    /// How much of the run it is.
    pub(super) length: Fraction,
    pub(super) first_source: SourceId,
    /// By shard.
    pub(super) portions: Vec<Portion>,
    /// The most VUs that there may be at any time.
    pub(super) max_vus: u64,
    /// By shard, or empty.
    pub(super) outlets: Vec<Outlet>,
}

/// Leads the shards.
pub(super) struct Leader {
    pub(super) planned: Arc<Planned>,
    part: Part,
    pub(super) shards: Vec<ShardLink>,
    events: mpsc::Receiver<(usize, Event)>,
    report: Report,
    windows: Windows,
    /// Windows that nobody has taken.
    waiting: Arc<AtomicUsize>,
    /// Iterations taken so far in shared-iterations, by scenario.
    taken: Arc<[AtomicU64]>,
    /// Open models that have told that they have no VU left.
    used_up: BTreeSet<usize>,
    /// Answers of shards that are to come.
    pub(super) owed: usize,
    pub(super) setups: Setups,
    /// Shards that make their VUs ready for iterations.
    pub(super) initialising: usize,
    /// Externally-controlled scenarios, by their place in the plan.
    controlled: BTreeMap<u32, ControlledVus>,
    /// Shards whose load goes on.
    loaded: usize,
    /// Whether the VUs could not all be made, which is told once.
    has_failed: bool,
    /// Whether it was told to stop.
    pub(super) is_stopped: bool,
    is_finishing: bool,
    has_finished: bool,
}

impl fmt::Debug for Leader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Leader").field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// The externally-controlled scenarios of a plan, as it has them.
fn controlled(plan: &Plan) -> BTreeMap<u32, ControlledVus> {
    let scenarios = (0..).zip(plan.scenarios());
    let controlled = scenarios.filter_map(|(place, planned)| match planned.scenario().model {
        LoadModel::ExternallyControlled { vus, max_vus, .. } => Some((place, ControlledVus::new(vus, max_vus))),
        _ => None,
    });
    controlled.collect()
}

impl Leader {
    pub(super) fn new(
        planned: Arc<Planned>,
        part: Part,
        shards: Vec<ShardLink>,
        events: mpsc::Receiver<(usize, Event)>,
        waiting: Arc<AtomicUsize>,
        report: Report,
    ) -> Self {
        Self {
            windows: Windows::new(part.first_source, &part.portions),
            part,
            shards,
            events,
            report,
            waiting,
            taken: planned.plan.scenarios().iter().map(|_| AtomicU64::new(0)).collect(),
            used_up: BTreeSet::new(),
            owed: 0,
            setups: Setups::default(),
            initialising: 0,
            controlled: controlled(&planned.plan),
            loaded: 0,
            has_failed: false,
            is_stopped: false,
            is_finishing: false,
            has_finished: false,
            planned,
        }
    }

    /// Serves shards, and whoever tells steps, until it is told to finish.
    pub(super) fn run(mut self) {
        loop {
            match self.events.recv_timeout(TICK) {
                Ok((shard, event)) => {
                    if self.serve(shard, event).is_break() {
                        return self.finish();
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                // The shards and the worker's owner are gone, which takes all of them to have ended.
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            if self.windows.is_due(Instant::now()) && self.waiting.load(Ordering::Relaxed) < WINDOWS_WAITING_MAX {
                self.say_window();
            }
        }
    }

    pub(super) fn say(&mut self, event: WorkerEvent) {
        (self.report)(event);
    }

    fn say_window(&mut self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let window = self.windows.take();
        self.say(WorkerEvent::Window(Box::new(window)));
    }

    /// Says what is left, whoever waits.
    pub(super) fn say_last_window(&mut self) {
        if self.windows.has_any() {
            self.say_window();
        }
    }

    fn log(&mut self, level: LogLevel, message: String) {
        self.say(WorkerEvent::Log(LogRecord { level, message, source: String::new() }));
    }

    /// Breaks when everything is done.
    fn serve(&mut self, shard: usize, event: Event) -> ControlFlow<()> {
        match event {
            Event::Step(step) => self.step(step),
            Event::Ready(result) => self.note_ready(shard, result),
            Event::SetupDone(result) => {
                self.owed = self.owed.saturating_sub(1);
                self.note_set_up(result.map_err(failure));
            }
            Event::VusInitialised => {
                self.owed = self.owed.saturating_sub(1);
                self.note_initialised();
            }
            Event::Window(report) => {
                self.shards[shard].merged();
                self.windows.add(shard, *report, self.loaded > 0, Instant::now());
            }
            Event::Done => self.note_done(),
            Event::TeardownDone(result) => {
                self.owed = self.owed.saturating_sub(1);
                self.say_last_window();
                let last_window = self.windows.last();
                self.say(WorkerEvent::TeardownDone { result: result.map_err(failure), last_window });
            }
            Event::Summarized(result) => {
                self.owed = self.owed.saturating_sub(1);
                self.say(WorkerEvent::Summarized(result.map_err(failure)));
            }
            Event::Abort(message) => self.say(WorkerEvent::Abort(message)),
            Event::Fail(message) => self.say(WorkerEvent::Fail(message)),
            Event::Log(record) => self.say(WorkerEvent::Log(record)),
            Event::LogsDropped(count) => self
                .log(LogLevel::Warn, format!("{count} messages of the script were left out: more than 1,000 a second")),
            Event::VusUsedUp { scenario } => self.warn_of_few_vus(scenario),
            Event::Gone => {
                self.shards[shard].is_gone = true;
                self.say(WorkerEvent::Lost);
            }
        }
        let is_free = self.owed == 0 || self.shards.iter().any(|shard| shard.is_gone);
        if self.is_finishing && is_free { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Prepare => self.prepare(),
            Step::Setup { began } => self.set_up(began),
            Step::InitVus { began, setup_data } => self.init_vus(began, &setup_data),
            Step::Start { began, at, late: Late { from, begun_before }, setup_data } => {
                self.taken.iter().zip(begun_before).for_each(|(taken, before)| taken.store(before, Ordering::Relaxed));
                self.loaded = self.shards.len();
                self.owed += self.shards.len();
                self.send_all(|| Command::Start { began, at, from, setup_data: setup_data.clone() });
            }
            Step::Stop => {
                self.is_stopped = true;
                self.send_all(|| Command::Stop);
            }
            Step::Control(steering) => self.control(&steering),
            Step::Teardown => self.send_first(Command::Teardown),
            Step::Summarize(data) => self.send_first(Command::Summarize(data.to_string())),
            Step::Finish => {
                (self.is_stopped, self.is_finishing) = (true, true);
                if self.owed > 0 {
                    self.send_all(|| Command::Stop);
                }
            }
        }
    }

    fn control(&mut self, steering: &Steering) {
        let mut changed = Vec::new();
        for (place, controlled) in &mut self.controlled {
            let before = *controlled;
            let Scale { vus, max_vus } = steering.scales.get(place).copied().unwrap_or_default();
            if let Some(max_vus) = max_vus {
                controlled.set_max_vus(max_vus);
            }
            if let Some(vus) = vus {
                // The leader has looked at that; of more there are as many as there may be.
                let _ = controlled.scale(vus.min(controlled.max_vus()));
            }
            controlled.pause(steering.paused);
            changed.extend((*controlled != before).then_some((*place as usize, *controlled)));
        }
        for (scenario, vus) in changed {
            self.send_all(|| Command::Control { scenario, vus });
        }
    }

    pub(super) fn send_all(&self, command: impl Fn() -> Command) {
        self.shards.iter().for_each(|shard| shard.send(command()));
    }

    /// What is done once is done on the first shard.
    pub(super) fn send_first(&mut self, command: Command) {
        if let Some(shard) = self.shards.first() {
            self.owed += 1;
            shard.send(command);
        }
    }

    fn note_ready(&mut self, shard: usize, result: Result<(u64, ShardUsage), String>) {
        self.owed = self.owed.saturating_sub(1);
        match result {
            Ok((vus, usage)) => {
                self.windows.note_ready(shard, vus, usage);
                if self.owed == 0 && !self.has_failed {
                    let standing = self.windows.standing();
                    self.say(WorkerEvent::Ready(Ok(standing)));
                }
            }
            Err(message) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    self.say(WorkerEvent::Ready(Err(message)));
                }
            }
        }
    }

    fn note_done(&mut self) {
        self.owed = self.owed.saturating_sub(1);
        self.loaded = self.loaded.saturating_sub(1);
        if self.loaded > 0 {
            return;
        }
        let unstarted = self.unstarted();
        let mut recorder = Recorder::new(Arc::clone(&self.planned.registry), self.part.first_source);
        self.windows.add_unstarted(&self.planned.plan, &mut recorder, &unstarted);
        self.say_last_window();
        let last_window = self.windows.last();
        self.say(WorkerEvent::Done { last_window, unstarted });
    }

    /// By scenario: shared iterations of this agent that no VU took.
    fn unstarted(&self) -> Vec<u64> {
        let scenarios = self.planned.plan.scenarios().iter().zip(self.taken.iter()).enumerate();
        let left = scenarios.map(|(index, (planned, taken))| {
            // They are the agent's, and 0 for a shard that has no VU for them.
            let own = self.part.portions.iter().filter_map(|portion| portion.scenarios()[index].planned_iterations());
            match planned.scenario().model {
                LoadModel::SharedIterations { .. } => {
                    own.max().unwrap_or_default().saturating_sub(taken.load(Ordering::Relaxed))
                }
                _ => 0,
            }
        });
        left.collect()
    }

    /// Once a scenario, whichever shard is the first to tell.
    fn warn_of_few_vus(&mut self, scenario: usize) {
        let plan = Arc::clone(&self.planned.plan);
        let Some(planned) = plan.scenarios().get(scenario).filter(|_| self.used_up.insert(scenario)) else { return };
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

    fn warn_of_few_sockets(&mut self) {
        let of_one = self.shards.iter().map(|shard| shard.sockets_max).max().unwrap_or_default();
        let sockets = self.shards.iter().map(|shard| u64::from(shard.sockets_max)).sum();
        let vus = self.part.max_vus;
        if vus > sockets {
            self.log(
                LogLevel::Warn,
                format!(
                    "this run has {vus} VUs and at most {sockets} sockets ({of_one} on each of {} shards): \
                     raise the limit of open files (`ulimit -n`), or some VUs will find no socket",
                    self.shards.len()
                ),
            );
        }
    }

    fn prepare(&mut self) {
        self.warn_of_few_sockets();
        let settings = self.settings();
        self.owed += self.shards.len();
        let mut outlets = std::mem::take(&mut self.part.outlets).into_iter();
        for ((index, shard), portion) in self.shards.iter().enumerate().zip(&self.part.portions) {
            let settings = Settings { shard: index as u64, ..settings.clone() };
            shard.send(Command::Prepare(Box::new(Preparation {
                script: self.planned.script.clone(),
                plan: Arc::clone(&self.planned.plan),
                portion: portion.clone(),
                settings,
                taken: Arc::clone(&self.taken),
                outlet: outlets.next(),
            })));
        }
    }

    /// What all shards are told, with the number of none.
    fn settings(&self) -> Settings {
        let planned = &self.planned;
        let options = planned.plan.options();
        let pairs = options.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Settings {
            shard: 0,
            shards: self.shards.len() as u64,
            first_source: self.part.first_source,
            agent_part: self.part.length,
            registry: Arc::clone(&planned.registry),
            metrics: Arc::clone(&planned.metrics),
            files: Arc::clone(&planned.files),
            env: Arc::clone(&planned.env),
            tags: TagSet::from_pairs(pairs),
            kept_tags: KeptTags::new(&options.thresholds.selectors(), planned.has_detail(), options.system_tags),
            user_agent: options.http.user_agent.clone().unwrap_or_else(|| format!("throng/{}", planned.version)),
            http: options.http.clone(),
            names: name_options(options.dns, 0),
            dead_peer_timeout: options.throng.dead_peer_timeout,
            rules: Arc::new(HostRules::new(&options.rules)),
            allowances: Arc::clone(&planned.allowances),
            tls: Some(planned.tls.clone()),
            min_iteration_duration: options.min_iteration_duration,
            setup_timeout: options.setup_timeout,
            teardown_timeout: options.teardown_timeout,
            summary_timeout: options.handle_summary_timeout,
            seed: options.throng.seed.unwrap_or_else(|| Clock::now().0),
            has_vu_init: planned.description.has_vu_init,
        }
    }

    /// Ends the shards. Where one is gone others may be waiting for it, and aren't waited for.
    fn finish(mut self) {
        self.send_all(|| Command::Finish);
        let shards = std::mem::take(&mut self.shards);
        let mut result = Ok(());
        if !shards.iter().any(|shard| shard.is_gone) {
            for shard in shards {
                result = result.and(shard.join());
            }
        }
        self.has_finished = true;
        self.say(WorkerEvent::Finished(result));
    }
}

/// Whoever waits for a word is to know if this thread ends by a panic.
impl Drop for Leader {
    fn drop(&mut self) {
        if !self.has_finished {
            self.say(WorkerEvent::Lost);
        }
    }
}

fn failure(stumble: Stumble) -> CallFailure {
    match stumble {
        Stumble::Timeout(limit) => CallFailure::Timeout(limit),
        Stumble::Aborted => CallFailure::Aborted,
        Stumble::Fault(fault) => CallFailure::Fault(fault.to_string()),
    }
}
