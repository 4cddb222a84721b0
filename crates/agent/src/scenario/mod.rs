//! One scenario's part in one shard: its VUs run iterations as the plan says.
//!
//! Where VUs are connections of an event-driven script, [`flocks`] does all of this. Else a scenario has a driver, which
//! follows its load model and starts and stops VUs, and a task for each VU. What the driver tells a VU lies in the VU's
//! [`Seat`]; the guest comes by its iterations in [`next_iteration`].

mod arrivals;
mod controlled;
mod crew;
mod flocks;
mod iteration;
mod looping;
mod ramping;
mod sampling;
mod seat;
mod vu_task;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::future::or;
use throng_control::judge::ScenarioCounts;
use throng_plan::{ControlledVus, LoadModel, PlannedScenario, ScenarioPortion};
use throng_stats::TagSet;
use throng_transport::{Clock, Meter, Nanos, Traffic};

use crate::host::{Environment, unix_ms};
use crate::series::IterationSeries;
use crate::shard::ShardContext;
use crate::stop::{Listener, Stop};
use arrivals::OpenModel;
use controlled::Controls;
use crew::Member;

pub(crate) use arrivals::ahead;
pub(crate) use crew::Crew;
pub(crate) use flocks::Reins;
pub(crate) use iteration::{Iteration, next_iteration};
pub(crate) use seat::Seat;

/// A scenario as one shard sees it.
pub(crate) struct ScenarioShare {
    pub(crate) name: String,
    pub(crate) executor: &'static str,
    pub(crate) env: Environment,
    /// Tags of the run and the scenario.
    pub(crate) tags: TagSet,
    pub(crate) started_unix_ms: Cell<u64>,
    model: LoadModel,
    /// From the start of the run.
    start: Duration,
    graceful_stop: Duration,
    function: u32,
    /// Of its own setup, if it has one.
    pub(crate) setup: Option<u32>,
    pub(crate) index: usize,
    portion: ScenarioPortion,
    /// Whether iterations are numbered for all shards together, in `taken`.
    is_shared: bool,
    /// Where their number is fixed; of the agent where they are shared.
    planned_iterations: u64,
    taken: Arc<[AtomicU64]>,
    started: Cell<Nanos>,
    begun: Cell<u64>,
    /// Those of them that are in the metrics.
    begun_recorded: Cell<u64>,
    /// Bytes that aren't in the metrics yet.
    meter: Rc<Meter>,
    stop: Rc<Stop>,
    /// By number within the share, where VUs are started and stopped.
    seats: RefCell<Vec<Rc<Seat>>>,
    /// Of arrival-rate models.
    open: Option<OpenModel>,
    /// Of `externally-controlled`.
    controls: Option<Controls>,
    counts: Cell<ScenarioCounts>,
    series: IterationSeries,
}

impl ScenarioShare {
    pub(crate) fn new(
        shard: &ShardContext,
        planned: &PlannedScenario,
        portion: ScenarioPortion,
        index: usize,
        taken: Arc<[AtomicU64]>,
    ) -> Self {
        let scenario = planned.scenario();
        let own = TagSet::from_pairs(scenario.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let tags = shard.settings.tags.merged(&own).with("scenario", &scenario.name);
        Self {
            name: scenario.name.clone(),
            executor: scenario.model.executor_name(),
            env: scenario.env.clone(),
            started_unix_ms: Cell::new(0),
            model: scenario.model.clone(),
            start: scenario.start,
            graceful_stop: scenario.graceful_stop,
            function: planned.function(),
            setup: planned.setup(),
            index,
            is_shared: matches!(scenario.model, LoadModel::SharedIterations { .. }),
            planned_iterations: portion.planned_iterations().unwrap_or_default(),
            taken,
            started: Cell::default(),
            begun: Cell::new(0),
            begun_recorded: Cell::new(0),
            meter: Rc::default(),
            stop: Rc::default(),
            seats: RefCell::default(),
            open: OpenModel::new(&portion),
            controls: portion.controlled().map(Controls::new),
            portion,
            counts: Cell::default(),
            series: shard.series.iteration(&tags),
            tags,
        }
    }

    /// What it has done so far.
    pub(crate) fn counts(&self) -> ScenarioCounts {
        let vus_max = match (&self.open, &self.controls) {
            (Some(open), _) => open.vus(),
            (_, Some(controls)) => self.portion.share().scale(controls.get().max_vus()),
            _ => self.portion.max_vus(),
        };
        ScenarioCounts { begun: self.begun.get(), vus_max, ..self.counts.get() }
    }

    /// Where the bytes of its VUs' connections are counted.
    pub(crate) fn meter(&self) -> &Rc<Meter> {
        &self.meter
    }

    /// Records what is counted while it happens: bytes, and iterations that were begun.
    pub(crate) fn record_counts(&self, shard: &ShardContext) {
        let Traffic { sent, received } = self.meter.take();
        let begun = self.begun.get();
        let begun = begun - self.begun_recorded.replace(begun);
        let mut recorder = shard.series.recorder.borrow_mut();
        for (series, bytes) in [(self.series.data_sent, sent), (self.series.data_received, received)] {
            if bytes > 0 {
                recorder.increment(series, bytes);
            }
        }
        recorder.rates(self.series.dropped_ratio, 0, begun);
    }

    /// Records iterations that found no VU, or no time.
    fn record_dropped(&self, shard: &ShardContext, count: u64) {
        self.change(|counts| counts.dropped += count);
        {
            let mut recorder = shard.series.recorder.borrow_mut();
            recorder.increment(self.series.dropped, count);
            recorder.rates(self.series.dropped_ratio, count, count);
        }
        self.sample_dropped(shard, count);
    }

    /// Share of the scenario that is over, 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        if self.started.get() == Nanos::default() {
            return 0.0;
        }
        let taken = if self.is_shared { self.taken[self.index].load(Ordering::Relaxed) } else { self.begun.get() };
        match self.portion.planned_iterations() {
            Some(planned) => (taken as f64 / planned.max(1) as f64).min(1.0),
            None => self.model.progress(self.elapsed(), 0),
        }
    }

    /// Cuts all iterations; none begins any more.
    pub(crate) fn cut(&self) {
        self.stop.raise();
        self.seats.borrow().iter().for_each(|seat| seat.cut());
    }

    /// Obeys a command to `externally-controlled`.
    pub(crate) fn control(&self, vus: ControlledVus) {
        if let Some(controls) = &self.controls {
            controls.set(vus);
        }
    }

    /// More VUs that it may have by this command than before.
    pub(crate) fn growth(&self, vus: &ControlledVus) -> u64 {
        let Some(controls) = &self.controls else { return 0 };
        let scale = |vus: &ControlledVus| self.portion.share().scale(vus.max_vus());
        scale(vus).saturating_sub(scale(&controls.get()).max(self.portion.max_vus()))
    }

    /// Runs the scenario from `at` until its VUs have ended.
    pub(crate) async fn run(self: Rc<Self>, shard: Rc<ShardContext>, at: Nanos) {
        if self.portion.has_work() && shard.script().is_event_driven() {
            flocks::run(&self, &shard, at).await;
        } else if self.portion.has_work() {
            let crew = Crew::default();
            let mut stop = Listener::new(&self.stop);
            let drive = async {
                stop.unless_stopped(self.drive(&shard, &crew, crew.join(), at)).await;
                pending::<()>().await;
            };
            let hard_end = at.after(self.model.regular_duration()).after(self.graceful_stop);
            let cut = async {
                shard.shard.sleep_until(hard_end).await;
                self.cut();
                pending::<()>().await;
            };
            Listener::new(crew.gone()).unless_stopped(or(drive, cut)).await;
            self.record_leftover(&shard);
        }
        self.change(|counts| (counts.vus, counts.ended) = (0, true));
    }

    /// Starts and stops VUs as the load model says; `driver` stands for those that are still to be started.
    async fn drive(self: &Rc<Self>, shard: &Rc<ShardContext>, crew: &Crew, driver: Member, at: Nanos) {
        if self.open.is_some() {
            return arrivals::drive(self, shard, crew, at).await;
        }
        shard.shard.sleep_until(at).await;
        self.begin(at);
        match self.model {
            LoadModel::RampingVus { .. } => return ramping::drive(self, shard, crew, driver).await,
            LoadModel::ExternallyControlled { .. } => controlled::drive(self, shard, crew).await,
            _ => looping::drive(self, shard, crew),
        }
        drop(driver);
    }

    fn begin(&self, at: Nanos) {
        self.started.set(at);
        self.started_unix_ms.set(unix_ms());
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(Clock::now().since(self.started.get()))
    }

    fn instant(&self, elapsed: Duration) -> Nanos {
        self.started.get().after(elapsed)
    }

    fn change(&self, change: impl FnOnce(&mut ScenarioCounts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// Whether VUs are started and stopped one by one.
    fn has_seats(&self) -> bool {
        matches!(self.model, LoadModel::RampingVus { .. } | LoadModel::ExternallyControlled { .. })
    }

    /// The seat of a VU of the share. Those wanted are always the lowest, so they come in order.
    fn seat(&self, vu: u64) -> Rc<Seat> {
        let mut seats = self.seats.borrow_mut();
        let vu = vu as usize;
        if seats.len() <= vu {
            seats.resize_with(vu + 1, Rc::default);
        }
        Rc::clone(&seats[vu])
    }
}
