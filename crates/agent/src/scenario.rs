//! One scenario's part in one shard: its VUs take iterations until the plan says no.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_lite::future::yield_now;
use throng_plan::{LoadModel, PlannedScenario};
use throng_stats::{TagSet, builtin};
use throng_transport::{Clock, Nanos};
use throng_vu::{Fault, FaultKind, Host, LogLevel};

use crate::command::ScenarioCounts;
use crate::host::{Environment, unix_ms};
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

    /// One VU's iterations.
    async fn run_vu(self: Rc<Self>, shard: &Rc<ShardContext>, mut slot: VuSlot) {
        let mut listener = Listener::new(&self.stop);
        let mut done = 0;
        while !listener.is_raised() {
            let now = Clock::now();
            let Some(number) = self.take_iteration(shard, now, done) else { break };
            if let Err(fault) = slot.make_ready(shard, &self).await {
                shard.logs.report(LogLevel::Error, &format!("a VU could not be made: {fault}"), &self.name);
                break;
            }
            done += 1;
            if !self.iterate(shard, &mut slot, &mut listener, number).await {
                break;
            }
        }
        self.record_dropped(shard, done);
        self.change(|counts| counts.vus = counts.vus.saturating_sub(1));
        slot.leave();
        shard.give_back(vec![slot]);
    }

    /// Runs one iteration and counts it. False when the VU is to run no more.
    async fn iterate(&self, shard: &Rc<ShardContext>, slot: &mut VuSlot, listener: &mut Listener, number: u64) -> bool {
        let Some(vu) = slot.vu.as_mut() else { return false };
        let turn = shard.shard.turn_number();
        let host = vu.host_mut();
        host.identity.iteration_in_instance = self.begun.get() - 1;
        host.identity.iteration_in_test = number;
        host.begin_iteration();
        let began = Clock::now();
        let result = listener.unless_stopped(vu.run(self.function)).await;
        let took = Clock::now().since(began);
        let host = vu.host_mut();
        host.identity.iterations += 1;
        host.identity.iterations_in_scenario += 1;
        let (sent, received) = (std::mem::take(&mut host.sent_bytes), std::mem::take(&mut host.received_bytes));
        host.end_iteration();
        let aborted = host.aborted;
        let fatal = matches!(&result, Some(Err(fault)) if fault.fatal());
        let interrupted = result.is_none() || aborted;
        {
            let mut recorder = shard.series.recorder.borrow_mut();
            if sent > 0 {
                recorder.increment(self.series.data_sent, sent);
            }
            if received > 0 {
                recorder.increment(self.series.data_received, received);
            }
            if !interrupted {
                recorder.increment(self.series.iterations, 1);
                recorder.record_ns(self.series.duration, took);
            }
        }
        if let Some(Err(fault)) = result
            && !aborted
        {
            self.report_fault(shard, vu.host_mut(), &fault);
        }
        if fatal || interrupted {
            // After a trap or a cut the instance can't be called again; the next iteration makes a new one.
            slot.drop_vu();
        }
        if interrupted {
            self.change(|counts| counts.interrupted += 1);
            return false;
        }
        self.change(|counts| counts.completed += 1);
        self.pad(shard, listener, Duration::from_nanos(took)).await;
        // An iteration that waited for nothing must not keep the shard to itself.
        if shard.shard.turn_number() == turn {
            yield_now().await;
        }
        true
    }

    async fn pad(&self, shard: &ShardContext, listener: &mut Listener, took: Duration) {
        let least = shard.settings.min_iteration_duration;
        if took < least {
            listener.unless_stopped(shard.shard.sleep(least - took)).await;
        }
    }

    fn report_fault(&self, shard: &ShardContext, host: &mut impl Host, fault: &Fault) {
        self.change(|counts| counts.failed += 1);
        shard.series.recorder.borrow_mut().increment(self.series.failed, 1);
        if fault.kind != FaultKind::Aborted {
            host.log(LogLevel::Error, &fault.to_string());
        }
    }

    /// k6's rule for per-vu-iterations: a VU that ran out of time, or was stopped, reports what it had left. Shared iterations are
    /// counted by the conductor, once for all shards.
    fn record_dropped(&self, shard: &ShardContext, done: u64) {
        let left = self.model.dropped_by_vu(done);
        if left > 0 {
            let place = shard.series.place(&self.tags);
            let series = shard.series.of(builtin::DROPPED_ITERATIONS, &place, &TagSet::empty());
            shard.series.recorder.borrow_mut().increment(series, left);
        }
    }
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
