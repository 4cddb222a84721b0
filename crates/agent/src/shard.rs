//! A shard's part of a run: its VUs, its recorder, and the commands it obeys.

mod logs;
mod pool;
mod stages;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_lite::future::{or, yield_now};
use throng_archive::TestFiles;
use throng_control::judge::{DESTINATIONS_TOLD_MAX, OTHER_DESTINATIONS, ShardUsage};
use throng_plan::segment::Fraction;
use throng_plan::{ControlledVus, HostRules, HttpOptions, Plan, Portion, ScenarioPortion, VuNumbers};
use throng_stats::{MetricId, Recorder, Registry, SourceId, TagSet, builtin};
use throng_transport::source::DestinationUse;
use throng_transport::tls::TlsClient;
use throng_transport::{Clock, NameOptions, Names as HostNames, Nanos, Shard};
use throng_vu::{InstanceInfo, Script};

pub(crate) use logs::Logs;
pub(crate) use pool::{VuPool, VuSlot};

use crate::command::{Command, Event, Preparation, ShardReport};
use crate::health::{Health, thread_cpu};
use crate::host::{Environment, Names, Random, VuHost};
use crate::http::{Origins, PreparedRequests};
use crate::inbox::Inbox;
use crate::network::{Allowance, RunRules};
use crate::pace::Pace;
use crate::samples::Samples;
use crate::scenario::ScenarioShare;
use crate::series::{KeptTags, Series};
use crate::setup_data::SetupData;
use crate::websocket::{OpenSockets, PreparedSockets};

/// How often a shard sends what it has recorded.
const WINDOW: Duration = Duration::from_secs(1);
/// Windows that may wait to be merged; while they do, recording goes on into the next one.
const WINDOWS_WAITING_MAX: usize = 8;

/// What a shard needs to know beside the plan.
#[derive(Clone)]
pub(crate) struct Settings {
    /// This shard's number, from 0, and how many there are.
    pub(crate) shard: u64,
    pub(crate) shards: u64,
    /// The source of the first shard's windows; those of the others follow it.
    pub(crate) first_source: SourceId,
    /// How much of the run is this agent's.
    pub(crate) agent_part: Fraction,
    pub(crate) registry: Arc<Registry>,
    /// The script's metrics in its own order.
    pub(crate) metrics: Arc<[MetricId]>,
    pub(crate) files: Arc<TestFiles>,
    pub(crate) env: Arc<Environment>,
    pub(crate) tags: TagSet,
    pub(crate) kept_tags: KeptTags,
    pub(crate) user_agent: String,
    pub(crate) http: HttpOptions,
    pub(crate) names: NameOptions,
    pub(crate) dead_peer_timeout: Duration,
    pub(crate) rules: Arc<HostRules>,
    pub(crate) allowances: Arc<[Allowance]>,
    /// None where nothing is requested.
    pub(crate) tls: Option<TlsClient>,
    pub(crate) min_iteration_duration: Duration,
    pub(crate) setup_timeout: Duration,
    pub(crate) teardown_timeout: Duration,
    /// Of the script's own summary.
    pub(crate) summary_timeout: Duration,
    pub(crate) seed: u64,
    /// Whether the script makes instances ready for iterations.
    pub(crate) has_vu_init: bool,
}

/// What the VUs of a shard share.
pub(crate) struct ShardContext {
    pub(crate) shard: Shard,
    pub(crate) settings: Settings,
    pub(crate) series: Series,
    /// None where no output takes samples.
    pub(crate) samples: Option<Samples>,
    pub(crate) checks: RefCell<Names>,
    pub(crate) origins: Origins,
    pub(crate) prepared_requests: PreparedRequests,
    pub(crate) prepared_sockets: PreparedSockets,
    pub(crate) websockets: OpenSockets,
    /// None without a limit of requests per second.
    pub(crate) pace: Option<Pace>,
    /// For what a client makes up.
    nonces: RefCell<Random>,
    pub(crate) setup_data: RefCell<SetupData>,
    pub(crate) logs: Logs,
    pub(crate) pool: VuPool,
    portion: Portion,
    script: Script<VuHost>,
    scenarios: RefCell<Vec<Rc<ScenarioShare>>>,
    /// When the run began, for all shards the same instant.
    began: Cell<Nanos>,
    /// How much of the load somebody else has done before.
    pub(crate) from: Cell<Duration>,
    health: Health,
    reporting: Reporting,
}

/// A shard's way to its worker.
#[derive(Clone)]
pub(crate) struct Reporting {
    pub(crate) events: mpsc::Sender<(usize, Event)>,
    /// Windows that this shard has sent and that aren't merged yet.
    pub(crate) waiting: Arc<AtomicUsize>,
}

impl ShardContext {
    fn new(
        shard: &Shard,
        script: Script<VuHost>,
        portion: Portion,
        settings: Settings,
        samples: Option<Samples>,
        reporting: Reporting,
    ) -> Rc<Self> {
        let names = NameOptions { seed: settings.seed.wrapping_add(settings.shard), ..settings.names.clone() };
        let (hosts, allowances) = (Arc::clone(&settings.rules), Arc::clone(&settings.allowances));
        let rules = RunRules { hosts, allowances };
        shard.set_names(HostNames::new(names, Rc::new(rules)));
        shard.set_dead_peer_timeout(settings.dead_peer_timeout);
        let pace = settings.http.requests_per_second;
        let recorder =
            Recorder::new(Arc::clone(&settings.registry), SourceId(settings.first_source.0 + settings.shard as u32));
        Rc::new(Self {
            shard: shard.clone(),
            series: Series::new(recorder, settings.kept_tags.clone()),
            samples,
            checks: RefCell::default(),
            origins: Origins::default(),
            prepared_requests: PreparedRequests::default(),
            prepared_sockets: PreparedSockets::default(),
            websockets: OpenSockets::default(),
            pace: pace.map(|limit| Pace::new(limit, settings.agent_part, settings.shards)),
            nonces: RefCell::new(Random::new(settings.seed.wrapping_add(settings.shard))),
            setup_data: RefCell::default(),
            logs: Logs::new(reporting.events.clone(), settings.shard as usize, settings.shards),
            settings,
            pool: VuPool::default(),
            portion,
            script,
            scenarios: RefCell::default(),
            began: Cell::default(),
            from: Cell::default(),
            health: Health::default(),
            reporting,
        })
    }

    pub(crate) fn script(&self) -> &Script<VuHost> {
        &self.script
    }

    /// Who the VU of this number, from 0, is.
    pub(crate) fn vu_numbers(&self, vu: u64) -> VuNumbers {
        self.portion.vu_numbers(vu)
    }

    /// The most VUs of all scenarios before this one.
    pub(crate) fn vus_before(&self, scenario: usize) -> u64 {
        self.portion.scenarios().iter().take(scenario).map(|portion| portion.max_vus()).sum()
    }

    /// A number that hasn't been used before, as far as chance allows.
    pub(crate) fn nonce(&self) -> u64 {
        self.nonces.borrow_mut().next()
    }

    pub(crate) fn send(&self, event: Event) {
        // The worker is gone only when its shards have ended.
        let _ = self.reporting.events.send((self.settings.shard as usize, event));
    }

    pub(crate) fn report_abort(&self, message: &str) {
        self.send(Event::Abort(message.to_owned()));
    }

    pub(crate) fn report_fail(&self, message: String) {
        self.send(Event::Fail(message));
    }

    pub(crate) fn instance_info(&self) -> InstanceInfo {
        let mut info = InstanceInfo {
            current_test_run_duration_ns: Clock::now().since(self.began.get()),
            vus_initialized: self.pool.made(),
            ..InstanceInfo::default()
        };
        for scenario in &*self.scenarios.borrow() {
            let counts = scenario.counts();
            info.iterations_completed += counts.completed;
            info.iterations_interrupted += counts.interrupted;
            info.vus_active += counts.vus;
        }
        info
    }

    /// Obeys a command to an externally-controlled scenario.
    fn control(&self, scenario: usize, vus: ControlledVus) {
        if let Some(share) = self.scenarios.borrow().get(scenario) {
            self.pool.grow(share.growth(&vus));
            share.control(vus);
        }
    }

    /// Notes when the run began: with setup, or with the load.
    fn begin(&self, at: Nanos) {
        if self.began.get() == Nanos::default() {
            self.began.set(at);
        }
    }

    fn usage(&self) -> ShardUsage {
        let counts = self.shard.counts();
        ShardUsage {
            cpu: thread_cpu(),
            turns: counts.turns,
            sockets: counts.sockets,
            sockets_max: counts.sockets_max,
            starved: counts.starved,
            seconds: self.health.seconds(),
        }
    }

    /// Samples `vus` as k6 does, once a second while the scenarios run; merging sums it over the shards.
    fn sample_vus(&self) -> u64 {
        let active: u64 = self.scenarios.borrow().iter().map(|scenario| scenario.counts().vus).sum();
        self.set_gauge(builtin::VUS, active);
        active
    }

    fn set_gauge(&self, metric: MetricId, value: u64) {
        let mut recorder = self.series.recorder.borrow_mut();
        let series = recorder.series(metric, &TagSet::empty());
        recorder.set(series, value as f64);
    }

    /// Samples how many connections there are to each destination; as one beyond those that are told one by one.
    fn sample_sources(&self, sources: &[DestinationUse]) {
        let mut recorder = self.series.recorder.borrow_mut();
        let (told, rest) = sources.split_at(sources.len().min(DESTINATIONS_TOLD_MAX));
        let told = told.iter().map(|used| (used.destination.to_string(), used.in_use));
        let rest =
            (!rest.is_empty()).then(|| (OTHER_DESTINATIONS.to_owned(), rest.iter().map(|used| used.in_use).sum()));
        for (destination, in_use) in told.chain(rest) {
            let series = recorder.series(builtin::SOURCES_IN_USE, &TagSet::from_pairs([("destination", destination)]));
            recorder.set(series, in_use as f64);
        }
    }

    /// Sends what was recorded until `at`, and the VUs sampled then.
    fn send_window(&self, at: Nanos, vus: Option<u64>) {
        self.set_gauge(builtin::VUS_MAX, self.pool.made());
        self.set_gauge(builtin::CONNECTIONS_OPEN, self.shard.counts().sockets.into());
        if let Some(open) = self.websockets.count() {
            self.set_gauge(builtin::WS_OPEN, open);
        }
        let sources = self.shard.source_uses();
        self.sample_sources(&sources);
        self.scenarios.borrow().iter().for_each(|scenario| scenario.record_counts(self));
        let at = Duration::from_nanos(at.since(self.began.get()));
        let window = self.series.recorder.borrow_mut().take(at);
        let scenarios = self.scenarios.borrow().iter().map(|scenario| scenario.counts()).collect();
        let (vus_initialized, usage) = (self.pool.made(), self.usage());
        let report = ShardReport { window, scenarios, vus_initialized, vus, usage, sources };
        if let Some(samples) = &self.samples {
            samples.flush();
        }
        self.reporting.waiting.fetch_add(1, Ordering::Relaxed);
        self.send(Event::Window(Box::new(report)));
        self.logs.flush();
        for message in self.shard.take_panics() {
            self.logs.report(throng_vu::LogLevel::Error, &format!("a task of throng panicked: {message}"), "");
        }
    }
}

/// The scenarios as this shard sees them.
fn shares(context: &Rc<ShardContext>, plan: &Plan, taken: &Arc<[AtomicU64]>) -> Vec<Rc<ScenarioShare>> {
    let scenarios = plan.scenarios().iter().zip(context.portion.scenarios()).enumerate();
    let share = |(index, (planned, portion))| {
        ScenarioShare::new(context, planned, ScenarioPortion::clone(portion), index, Arc::clone(taken))
    };
    scenarios.map(share).map(Rc::new).collect()
}

/// Obeys the worker until it says to finish.
pub(crate) async fn main(shard: Shard, index: usize, inbox: Inbox<Command>, reporting: Reporting) {
    let mut presence = Presence { reporting: reporting.clone(), index, finished: false };
    let mut prepared: Option<(Rc<ShardContext>, Arc<Plan>)> = None;
    loop {
        match (inbox.receive().await, &prepared) {
            (Command::Prepare(preparation), _) => {
                let Preparation { script, plan, portion, settings, taken, outlet } = *preparation;
                let samples = outlet.map(|outlet| Samples::new(outlet, plan.options().system_tags));
                let context = ShardContext::new(&shard, script, portion, settings, samples, reporting.clone());
                context.scenarios.replace(shares(&context, &plan, &taken));
                let made = context.pool.fill(&context).await.map(|vus| (vus, context.usage()));
                context.send(Event::Ready(made.map_err(|fault| fault.to_string())));
                prepared = Some((context, plan));
            }
            (Command::Setup { began, scenario, run_data }, Some((context, _))) => {
                context.begin(began);
                context.setup_data.borrow_mut().run = run_data;
                let result = stages::setup(context, &inbox, scenario).await;
                context.send_window(Clock::now(), None);
                context.send(Event::SetupDone(result));
            }
            (Command::InitVus { began, run_data }, Some((context, _))) => {
                context.begin(began);
                context.setup_data.borrow_mut().run = run_data;
                stages::init_vus(context, &inbox).await;
                context.send_window(Clock::now(), None);
                context.send(Event::VusInitialised);
            }
            (Command::Start { began, at, from, setup_data }, Some((context, plan))) => {
                context.from.set(from);
                context.setup_data.replace(setup_data);
                context.begin(began);
                run_scenarios(context, plan, at, &inbox).await;
                context.send_window(Clock::now(), None);
                context.send(Event::Done);
            }
            (Command::Teardown, Some((context, _))) => {
                let result = stages::teardown(context, &inbox).await;
                context.send_window(Clock::now(), None);
                context.send(Event::TeardownDone(result));
            }
            (Command::Summarize(data), Some((context, _))) => {
                let result = stages::summarize(context, data).await;
                context.send(Event::Summarized(result));
            }
            (Command::Finish, prepared) => {
                // The VUs' hosts refer to the context, and the context to the VUs: somebody has to let go first.
                if let Some((context, _)) = prepared {
                    context.pool.clear();
                }
                presence.finished = true;
                return;
            }
            (Command::Control { scenario, vus }, Some((context, _))) => context.control(scenario, vus),
            // Nothing runs that could be stopped, or nothing is prepared.
            (
                Command::Stop
                | Command::Control { .. }
                | Command::Setup { .. }
                | Command::InitVus { .. }
                | Command::Start { .. }
                | Command::Teardown
                | Command::Summarize(_),
                _,
            ) => {}
        }
    }
}

/// Tells the worker if the shard's main task ends by a panic: nobody else would, and it would wait for ever.
struct Presence {
    reporting: Reporting,
    index: usize,
    finished: bool,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.reporting.events.send((self.index, Event::Gone));
        }
    }
}

/// Runs all scenarios; a command to stop cuts them.
async fn run_scenarios(context: &Rc<ShardContext>, plan: &Plan, at: Nanos, inbox: &Inbox<Command>) {
    let scenarios = context.scenarios.borrow().clone();
    let all_ended = Rc::new(crate::stop::Stop::default());
    let left = Rc::new(Cell::new(scenarios.len()));
    for (share, planned) in scenarios.iter().zip(plan.scenarios()) {
        let (share, task) = (Rc::clone(share), Rc::clone(context));
        let (left, all_ended) = (Rc::clone(&left), Rc::clone(&all_ended));
        let begin = at.after(planned.scenario().start);
        context.shard.spawn(async move {
            share.run(task, begin).await;
            left.set(left.get() - 1);
            if left.get() == 0 {
                all_ended.raise();
            }
        });
    }
    context.health.begin(context);
    let mut ended = crate::stop::Listener::new(&all_ended);
    let windows = async {
        // As in k6 the first sample of VUs is that of the beginning, when those that are there from then on have begun.
        context.shard.sleep_until(at).await;
        yield_now().await;
        let mut next = at;
        if context.from.get().is_zero() {
            context.send_window(at, Some(context.sample_vus()));
        } else {
            // The seconds before are somebody else's.
            next = at.after(Duration::from_secs(Clock::now().since(at) / 1_000_000_000));
        }
        loop {
            next = next.after(WINDOW);
            context.shard.sleep_until(next).await;
            let vus = Some(context.sample_vus());
            context.health.sample(context);
            if context.reporting.waiting.load(Ordering::Relaxed) < WINDOWS_WAITING_MAX {
                // The planned instant is the same on all shards, so that what they say of a second belongs together.
                context.send_window(next, vus);
            }
        }
    };
    let obey = async {
        loop {
            match inbox.share().receive().await {
                Command::Stop => scenarios.iter().for_each(|scenario| scenario.cut()),
                Command::Control { scenario, vus } => context.control(scenario, vus),
                _ => {}
            }
        }
    };
    ended.unless_stopped(or(windows, obey)).await;
}
