//! A shard's part of a run: its VUs, its recorder, and the commands it obeys.

mod logs;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_lite::future::or;
use throng_archive::TestFiles;
use throng_plan::{HostRules, HttpOptions, Plan, PlannedScenario, Shard as ShardPlace};
use throng_stats::{MetricId, Recorder, Registry, SourceId, TagSet, builtin};
use throng_transport::tls::TlsClient;
use throng_transport::{Clock, NameOptions, Names as HostNames, Nanos, Shard};
use throng_vu::{Fault, InstanceInfo, Script, Vu};

pub(crate) use logs::Logs;

use crate::command::{Command, Event, Preparation, ShardReport, Stumble};
use crate::health::{Health, ShardUsage, thread_cpu};
use crate::host::{Environment, Errands, Identity, Names, Random, VuHost};
use crate::http::{Origins, PreparedRequests};
use crate::inbox::Inbox;
use crate::network::RunRules;
use crate::pace::Pace;
use crate::scenario::ScenarioShare;
use crate::series::{KeptTags, Series};

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
    pub(crate) rules: Arc<HostRules>,
    /// None where nothing is requested.
    pub(crate) tls: Option<TlsClient>,
    pub(crate) min_iteration_duration: Duration,
    pub(crate) setup_timeout: Duration,
    pub(crate) teardown_timeout: Duration,
    pub(crate) seed: u64,
}

/// What the VUs of a shard share.
pub(crate) struct ShardContext {
    pub(crate) shard: Shard,
    pub(crate) settings: Settings,
    pub(crate) series: Series,
    pub(crate) checks: RefCell<Names>,
    pub(crate) origins: Origins,
    pub(crate) prepared_requests: PreparedRequests,
    /// None without a limit of requests per second.
    pub(crate) pace: Option<Pace>,
    /// For what a client makes up.
    nonces: RefCell<Random>,
    pub(crate) setup_data: RefCell<Option<Arc<str>>>,
    pub(crate) logs: Logs,
    script: Script<VuHost>,
    scenarios: RefCell<Vec<Rc<ScenarioShare>>>,
    /// VUs that no scenario has, by number.
    idle: RefCell<HashMap<u64, VuSlot>>,
    made: Cell<u64>,
    /// When the run began, for all shards the same instant.
    began: Cell<Nanos>,
    health: Health,
    reporting: Reporting,
}

/// A shard's way to the conductor.
#[derive(Clone)]
pub(crate) struct Reporting {
    pub(crate) events: mpsc::Sender<(usize, Event)>,
    /// Windows that this shard has sent and that aren't merged yet.
    pub(crate) waiting: Arc<AtomicUsize>,
}

/// A VU between scenarios, or its number alone while it has no instance.
pub(crate) struct VuSlot {
    pub(crate) vu: Option<Box<Vu<VuHost>>>,
    identity: Identity,
    scenario: Option<Rc<ScenarioShare>>,
}

impl VuSlot {
    /// The VU of this number, from 0, without an instance.
    fn new(number: u64) -> Self {
        let id = number + 1;
        let identity = Identity { id_in_instance: id, id_in_test: id, ..Identity::default() };
        Self { vu: None, identity, scenario: None }
    }

    fn number(&self) -> u64 {
        self.identity.id_in_test - 1
    }

    /// Makes the instance if there is none, and puts it into the scenario if it isn't there yet.
    pub(crate) async fn make_ready(
        &mut self,
        shard: &Rc<ShardContext>,
        scenario: &Rc<ScenarioShare>,
    ) -> Result<(), Fault> {
        if self.vu.is_none() {
            self.vu = Some(Box::new(Vu::new(&shard.script, VuHost::new(shard, self.identity)).await?));
            self.scenario = None;
        }
        if self.scenario.is_none()
            && let Some(vu) = &mut self.vu
        {
            vu.host_mut().enter(scenario);
            self.scenario = Some(Rc::clone(scenario));
        }
        Ok(())
    }

    /// Ends the instance; its counters go on in the next.
    pub(crate) fn drop_vu(&mut self) {
        if let Some(vu) = self.vu.take() {
            self.identity = vu.host().identity;
        }
    }

    /// Leaves the scenario; another may take the VU.
    pub(crate) fn leave(&mut self) {
        self.scenario = None;
        self.identity_mut().iterations_in_scenario = 0;
    }

    /// Iterations that the VU has begun in its scenario.
    pub(crate) fn iterations_in_scenario(&self) -> u64 {
        self.vu.as_ref().map_or(self.identity, |vu| vu.host().identity).iterations_in_scenario
    }

    fn identity_mut(&mut self) -> &mut Identity {
        match &mut self.vu {
            Some(vu) => &mut vu.host_mut().identity,
            None => &mut self.identity,
        }
    }
}

impl ShardContext {
    fn new(shard: &Shard, script: Script<VuHost>, settings: Settings, reporting: Reporting) -> Rc<Self> {
        let names = NameOptions { seed: settings.seed.wrapping_add(settings.shard), ..settings.names.clone() };
        shard.set_names(HostNames::new(names, Rc::new(RunRules(Arc::clone(&settings.rules)))));
        let recorder = Recorder::new(Arc::clone(&settings.registry), SourceId(settings.shard as u32));
        Rc::new(Self {
            shard: shard.clone(),
            series: Series::new(recorder, settings.kept_tags.clone()),
            checks: RefCell::default(),
            origins: Origins::default(),
            prepared_requests: PreparedRequests::default(),
            pace: settings.http.requests_per_second.map(|limit| Pace::new(limit, settings.shards)),
            nonces: RefCell::new(Random::new(settings.seed.wrapping_add(settings.shard))),
            setup_data: RefCell::default(),
            logs: Logs::new(reporting.events.clone(), settings.shard as usize, settings.shards),
            settings,
            script,
            scenarios: RefCell::default(),
            idle: RefCell::default(),
            made: Cell::new(0),
            began: Cell::default(),
            health: Health::default(),
            reporting,
        })
    }

    /// A number that hasn't been used before, as far as chance allows.
    pub(crate) fn nonce(&self) -> u64 {
        self.nonces.borrow_mut().next()
    }

    fn send(&self, event: Event) {
        // The conductor is gone only when the process ends.
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
            vus_initialized: self.made.get(),
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

    /// Makes the VU of this number, from 0.
    async fn make_vu(self: &Rc<Self>, number: u64) -> Result<(), Fault> {
        let mut slot = VuSlot::new(number);
        slot.vu = Some(Box::new(Vu::new(&self.script, VuHost::new(self, slot.identity)).await?));
        self.made.set(self.made.get() + 1);
        self.idle.borrow_mut().insert(number, slot);
        Ok(())
    }

    /// The VUs of a scenario. One that isn't there, since what it did before is being cut, is made anew.
    fn take_slots(&self, planned: &PlannedScenario) -> Vec<VuSlot> {
        let mut idle = self.idle.borrow_mut();
        let numbers = planned.vus_on(self.settings.place());
        numbers.map(|number| idle.remove(&number).unwrap_or_else(|| VuSlot::new(number))).collect()
    }

    pub(crate) fn give_back(&self, slots: Vec<VuSlot>) {
        self.idle.borrow_mut().extend(slots.into_iter().map(|slot| (slot.number(), slot)));
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
    fn sample_vus(&self) {
        let active: u64 = self.scenarios.borrow().iter().map(|scenario| scenario.counts().vus).sum();
        self.set_gauge(builtin::VUS, active);
    }

    fn set_gauge(&self, metric: MetricId, value: u64) {
        let mut recorder = self.series.recorder.borrow_mut();
        let series = recorder.series(metric, &TagSet::empty());
        recorder.set(series, value as f64);
    }

    /// Sends what was recorded until `at`.
    fn send_window(&self, at: Nanos) {
        self.set_gauge(builtin::VUS_MAX, self.made.get());
        self.set_gauge(builtin::CONNECTIONS_OPEN, self.shard.counts().sockets.into());
        self.scenarios.borrow().iter().for_each(|scenario| scenario.record_counts(self));
        let at = Duration::from_nanos(at.since(self.began.get()));
        let window = self.series.recorder.borrow_mut().take(at);
        let scenarios = self.scenarios.borrow().iter().map(|scenario| scenario.counts()).collect();
        let report = ShardReport { window, scenarios, vus_initialized: self.made.get(), usage: self.usage() };
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
    let scenarios = plan.scenarios().iter().enumerate();
    scenarios.map(|(index, planned)| Rc::new(ScenarioShare::new(context, planned, index, Arc::clone(taken)))).collect()
}

/// Obeys the conductor until it says to finish.
pub(crate) async fn main(shard: Shard, index: usize, inbox: Inbox<Command>, reporting: Reporting) {
    let mut presence = Presence { reporting: reporting.clone(), index, finished: false };
    let mut prepared: Option<(Rc<ShardContext>, Arc<Plan>)> = None;
    loop {
        match (inbox.receive().await, &prepared) {
            (Command::Prepare(preparation), _) => {
                let Preparation { script, plan, settings, taken } = *preparation;
                let context = ShardContext::new(&shard, script, settings, reporting.clone());
                context.scenarios.replace(shares(&context, &plan, &taken));
                let made = make_vus(&context, &plan).await.map(|vus| (vus, context.usage()));
                context.send(Event::Ready(made));
                prepared = Some((context, plan));
            }
            (Command::Setup { began }, Some((context, _))) => {
                context.begin(began);
                let result = setup(context, &inbox).await;
                context.send(Event::SetupDone(result));
                context.send_window(Clock::now());
            }
            (Command::Start { began, at, setup_data }, Some((context, plan))) => {
                context.setup_data.replace(setup_data);
                context.begin(began);
                run_scenarios(context, plan, at, &inbox).await;
                context.send_window(Clock::now());
                context.send(Event::Done);
            }
            (Command::Teardown, Some((context, _))) => {
                let result = teardown(context, &inbox).await;
                context.send_window(Clock::now());
                context.send(Event::TeardownDone(result));
            }
            (Command::Summarize(data), Some((context, _))) => {
                let result = summarize(context, data).await;
                context.send(Event::Summarized(result));
            }
            (Command::Finish, prepared) => {
                // The VUs' hosts refer to the context, and the context to the VUs: somebody has to let go first.
                if let Some((context, _)) = prepared {
                    drop(context.idle.take());
                }
                presence.finished = true;
                return;
            }
            // Nothing runs that could be stopped, or nothing is prepared.
            (
                Command::Stop
                | Command::Control { .. }
                | Command::Setup { .. }
                | Command::Start { .. }
                | Command::Teardown
                | Command::Summarize(_),
                _,
            ) => {}
        }
    }
}

/// Tells the conductor if the shard's main task ends by a panic: nobody else would, and it would wait for ever.
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

async fn make_vus(context: &Rc<ShardContext>, plan: &Plan) -> Result<u64, String> {
    for number in plan.vus_on(context.settings.place()) {
        context.make_vu(number).await.map_err(|fault| fault.to_string())?;
    }
    Ok(context.made.get())
}

/// Runs all scenarios; a command to stop cuts them.
async fn run_scenarios(context: &Rc<ShardContext>, plan: &Plan, at: Nanos, inbox: &Inbox<Command>) {
    let scenarios = context.scenarios.borrow().clone();
    let all_ended = Rc::new(crate::stop::Stop::default());
    let left = Rc::new(Cell::new(scenarios.len()));
    for (share, planned) in scenarios.iter().zip(plan.scenarios()) {
        let slots = context.take_slots(planned);
        let (share, task) = (Rc::clone(share), Rc::clone(context));
        let (left, all_ended) = (Rc::clone(&left), Rc::clone(&all_ended));
        let begin = at.after(planned.scenario().start);
        context.shard.spawn(async move {
            share.run(task, begin, slots).await;
            left.set(left.get() - 1);
            if left.get() == 0 {
                all_ended.raise();
            }
        });
    }
    context.health.begin(context);
    let mut ended = crate::stop::Listener::new(&all_ended);
    let ends = plan.scenarios().iter().map(|planned| planned.scenario().regular_end());
    let last_end = at.after(ends.max().unwrap_or_default());
    let windows = async {
        let mut next = at;
        loop {
            next = next.after(WINDOW);
            context.shard.sleep_until(next).await;
            // At the end VUs leave one by one, which says nothing of the run.
            if next < last_end {
                context.sample_vus();
            }
            context.health.sample(context);
            if context.reporting.waiting.load(Ordering::Relaxed) < WINDOWS_WAITING_MAX {
                // The planned instant is the same on all shards, so that what they say of a second belongs together.
                context.send_window(next);
            }
        }
    };
    let obey = async {
        loop {
            if let Command::Stop = inbox.share().receive().await {
                scenarios.iter().for_each(|scenario| scenario.stop().raise());
            }
        }
    };
    ended.unless_stopped(or(windows, obey)).await;
}

/// Runs setup in a VU of its own, numbered 0.
async fn setup(context: &Rc<ShardContext>, inbox: &Inbox<Command>) -> Result<Option<String>, Stumble> {
    let limit = context.settings.setup_timeout;
    stage(context, inbox, limit, "::setup", async |vu| vu.setup().await).await
}

async fn teardown(context: &Rc<ShardContext>, inbox: &Inbox<Command>) -> Result<(), Stumble> {
    let limit = context.settings.teardown_timeout;
    stage(context, inbox, limit, "::teardown", async |vu| vu.teardown().await).await
}

async fn stage<T>(
    context: &Rc<ShardContext>,
    inbox: &Inbox<Command>,
    limit: Duration,
    group: &str,
    call: impl AsyncFnOnce(&mut Vu<VuHost>) -> Result<T, Fault>,
) -> Result<T, Stumble> {
    let mut host = VuHost::new(context, Identity::default());
    host.enter_stage(group);
    let mut vu = Vu::new(&context.script, host).await.map_err(Stumble::Fault)?;
    let result = {
        let errand = vu.host().errand();
        let work = Errands::of(errand, async { call(&mut vu).await.map_err(Stumble::Fault) });
        let expire = async {
            context.shard.sleep(limit).await;
            Err(Stumble::Timeout(limit))
        };
        let stop = async {
            loop {
                if let Command::Stop = inbox.share().receive().await {
                    return Err(Stumble::Aborted);
                }
            }
        };
        or(work, or(expire, stop)).await
    };
    vu.host_mut().record_bytes();
    result
}

async fn summarize(context: &Rc<ShardContext>, data: String) -> Result<Option<Vec<(String, String)>>, Fault> {
    let mut vu = Vu::new(&context.script, VuHost::new(context, Identity::default())).await?;
    let errand = vu.host().errand();
    Errands::of(errand, vu.summarize(data)).await
}

impl Settings {
    fn place(&self) -> ShardPlace {
        ShardPlace::new(self.shard as u32, self.shards as u32)
    }
}
