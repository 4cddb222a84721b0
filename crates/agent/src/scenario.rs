//! One scenario's part in one shard: its VUs take iterations until the plan says no.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::future::yield_now;
use throng_plan::{LoadModel, PlannedScenario};
use throng_stats::{TagSet, builtin};
use throng_transport::{Clock, Meter, Nanos, Traffic};
use throng_vu::{Host, LogLevel};

use crate::command::ScenarioCounts;
use crate::host::{Environment, Errands, Iteration, VuHost, unix_ms};
use crate::series::IterationSeries;
use crate::shard::{ShardContext, VuSlot};
use crate::stop::{Listener, Stop};

/// A scenario as one shard sees it.
pub(crate) struct ScenarioShare {
    pub(crate) name: String,
    pub(crate) executor: &'static str,
    pub(crate) env: Environment,
    /// Tags of the run and the scenario.
    pub(crate) tags: TagSet,
    pub(crate) started_unix_ms: Cell<u64>,
    model: LoadModel,
    graceful_stop: Duration,
    function: u32,
    index: usize,
    started: Cell<Nanos>,
    taken: Arc<[AtomicU64]>,
    begun: Cell<u64>,
    /// Those of them that are in the metrics.
    begun_recorded: Cell<u64>,
    /// Bytes that aren't in the metrics yet.
    meter: Rc<Meter>,
    stop: Rc<Stop>,
    counts: Cell<ScenarioCounts>,
    series: IterationSeries,
}

impl ScenarioShare {
    pub(crate) fn new(shard: &ShardContext, planned: &PlannedScenario, index: usize, taken: Arc<[AtomicU64]>) -> Self {
        let scenario = planned.scenario();
        let own = TagSet::from_pairs(scenario.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let tags = shard.settings.tags.merged(&own).with("scenario", &scenario.name);
        Self {
            name: scenario.name.clone(),
            executor: scenario.model.executor_name(),
            env: scenario.env.clone(),
            started_unix_ms: Cell::new(0),
            model: scenario.model.clone(),
            graceful_stop: scenario.graceful_stop,
            function: planned.function(),
            index,
            started: Cell::default(),
            taken,
            begun: Cell::new(0),
            begun_recorded: Cell::new(0),
            meter: Rc::default(),
            stop: Rc::default(),
            counts: Cell::default(),
            series: shard.series.iteration(&tags),
            tags,
        }
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(crate) fn counts(&self) -> ScenarioCounts {
        self.counts.get()
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

    /// Share of the scenario that is over, 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        let elapsed = Duration::from_nanos(Clock::now().since(self.started.get()));
        self.model.progress(elapsed, self.taken[self.index].load(Ordering::Relaxed))
    }

    fn change(&self, change: impl FnOnce(&mut ScenarioCounts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// Takes the next iteration, if the load model has one for this VU now, and returns its number in the run.
    fn take_iteration(&self, shard: &ShardContext, now: Nanos, done_by_vu: u64) -> Option<u64> {
        let elapsed = Duration::from_nanos(now.since(self.started.get()));
        if elapsed >= self.model.regular_duration() {
            return None;
        }
        let number = match self.model {
            LoadModel::SharedIterations { .. } => self.taken[self.index].fetch_add(1, Ordering::Relaxed),
            // Striped over the shards, so that no number is given twice without a shared counter.
            _ => self.begun.get() * shard.settings.shards + shard.settings.shard,
        };
        if !self.model.admits(elapsed, done_by_vu, number) {
            return None;
        }
        self.begun.set(self.begun.get() + 1);
        Some(number)
    }

    /// Runs the scenario from `at` until its VUs have ended.
    pub(crate) async fn run(self: Rc<Self>, shard: Rc<ShardContext>, at: Nanos, slots: Vec<VuSlot>) {
        let mut listener = Listener::new(&self.stop);
        if listener.unless_stopped(shard.shard.sleep_until(at)).await.is_none() {
            shard.give_back(slots);
            return self.change(|counts| counts.ended = true);
        }
        self.started.set(at);
        self.started_unix_ms.set(unix_ms());
        self.change(|counts| counts.vus = slots.len() as u64);
        let vus = slots.len();
        let ended: Rc<Stop> = Rc::default();
        let left = Rc::new(Cell::new(vus));
        for slot in slots {
            let (share, shard) = (Rc::clone(&self), Rc::clone(&shard));
            let last = LastOut { left: Rc::clone(&left), ended: Rc::clone(&ended) };
            let task_shard = shard.shard.clone();
            task_shard.spawn(async move {
                share.run_vu(&shard, slot).await;
                drop(last);
            });
        }
        if vus > 0 {
            let hard_end = at.after(self.model.regular_duration()).after(self.graceful_stop);
            let mut all_out = Listener::new(&ended);
            let cut = async {
                shard.shard.sleep_until(hard_end).await;
                self.stop.raise();
                std::future::pending::<()>().await;
            };
            all_out.unless_stopped(cut).await;
        }
        self.change(|counts| (counts.vus, counts.ended) = (0, true));
    }

    /// One VU's iterations: the script asks for each by [`next_iteration`], until there is none. After a fault the VU
    /// is made anew and goes on.
    async fn run_vu(self: Rc<Self>, shard: &Rc<ShardContext>, mut slot: VuSlot) {
        let mut listener = Listener::new(&self.stop);
        loop {
            if let Err(fault) = slot.make_ready(shard, &self).await {
                shard.logs.report(LogLevel::Error, &format!("a VU could not be made: {fault}"), &self.name);
                break;
            }
            let Some(vu) = slot.vu.as_mut() else { break };
            let errand = vu.host().errand();
            let result = listener.unless_stopped(Errands::of(errand, vu.run(self.function))).await;
            let within = vu.host_mut().iteration.take();
            match (result, within) {
                (Some(Ok(())), None) => break,
                (Some(Ok(())), Some(iteration)) => {
                    let outcome = Err("the script returned from run within an iteration, and ends its VU".into());
                    self.end_iteration(vu.host_mut(), iteration, Clock::now(), outcome);
                    break;
                }
                (Some(Err(fault)), Some(iteration)) if !vu.host().aborted => {
                    self.end_iteration(vu.host_mut(), iteration, Clock::now(), Err(fault.to_string()));
                    // After a trap the instance can't be called again.
                    slot.drop_vu();
                }
                (Some(Err(fault)), None) => {
                    vu.host_mut().log(LogLevel::Error, &format!("the VU ends, outside of an iteration: {fault}"));
                    slot.drop_vu();
                    break;
                }
                (result, within) => {
                    let cut = within.is_some();
                    self.change(|counts| counts.interrupted += u64::from(cut));
                    drop(result);
                    slot.drop_vu();
                    break;
                }
            }
        }
        self.record_dropped(shard, slot.iterations_in_scenario());
        self.change(|counts| counts.vus = counts.vus.saturating_sub(1));
        slot.leave();
        shard.give_back(vec![slot]);
    }

    /// Counts and records an iteration that came to its end, in one way or the other.
    fn end_iteration(&self, host: &mut VuHost, iteration: Iteration, now: Nanos, outcome: Result<(), String>) {
        {
            let mut recorder = host.shard.series.recorder.borrow_mut();
            recorder.increment(self.series.iterations, 1);
            recorder.record_ns(self.series.duration, now.since(iteration.began));
            if outcome.is_err() {
                recorder.increment(self.series.failed, 1);
            }
        }
        self.change(|counts| {
            counts.completed += 1;
            counts.failed += u64::from(outcome.is_err());
        });
        if let Err(message) = outcome {
            host.log(LogLevel::Error, &message);
        }
        host.tidy();
    }

    /// k6's rule for per-vu-iterations: a VU that ran out of time, or was stopped, reports what it had left. Shared
    /// iterations are counted by the conductor, once for all shards.
    fn record_dropped(&self, shard: &ShardContext, done: u64) {
        let left = self.model.dropped_by_vu(done);
        if left > 0 {
            let place = shard.series.place(&self.tags);
            let series = shard.series.of(builtin::DROPPED_ITERATIONS, &place, &TagSet::empty());
            let mut recorder = shard.series.recorder.borrow_mut();
            recorder.increment(series, left);
            recorder.rates(self.series.dropped_ratio, left, left);
        }
    }
}

/// Ends the iteration that the VU is in, if any, and begins the next if the load model has one now.
pub(crate) async fn next_iteration(host: &mut VuHost, outcome: Result<(), String>) -> bool {
    let Some(scenario) = host.scenario.clone() else { return false };
    let mut now = Clock::now();
    if let Some(iteration) = host.iteration.take() {
        scenario.end_iteration(host, iteration, now, outcome);
        let least = host.shard.settings.min_iteration_duration;
        let took = Duration::from_nanos(now.since(iteration.began));
        if took < least {
            host.shard.shard.sleep(least - took).await;
            now = Clock::now();
        } else if host.shard.shard.turn_number() == iteration.turn {
            // An iteration that waited for nothing must not keep the shard to itself.
            yield_now().await;
            now = Clock::now();
        }
    }
    if scenario.stop.is_raised() {
        return false;
    }
    let Some(number) = scenario.take_iteration(&host.shard, now, host.identity.iterations_in_scenario) else {
        return false;
    };
    host.identity.begin_iteration(scenario.begun.get() - 1, number);
    host.iteration = Some(Iteration { began: now, turn: host.shard.shard.turn_number() });
    true
}

/// Raises `ended` when the last VU's task is gone, by whatever way.
struct LastOut {
    left: Rc<Cell<usize>>,
    ended: Rc<Stop>,
}

impl Drop for LastOut {
    fn drop(&mut self) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.ended.raise();
        }
    }
}
