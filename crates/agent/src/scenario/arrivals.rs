//! Open models: iterations begin by a schedule, on whichever VU is idle.
//!
//! An idle VU waits inside its guest's call of `next-iteration` and is handed ticks there: that costs a wake-up, where
//! a call into the guest for each iteration would cost several times as much.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::yield_now;
use throng_plan::{Missed as Wanted, ScenarioPortion, Tick, Ticks, VuReserve};
use throng_stats::{Recorder, SeriesId};
use throng_transport::{Clock, Nanos};
use throng_vu::LogLevel;

use super::ScenarioShare;
use super::crew::Crew;
use super::seat::{Release, Seat};
use crate::command::Event;
use crate::shard::ShardContext;

/// Samples that a stretch of ticks without a VU becomes at most; each then counts for several ticks.
const MISSED_SAMPLES_MAX: u64 = 1_000;
/// How long before its beginning a scenario's VUs get ready to take ticks, and how much longer for each of them.
const AHEAD: Duration = Duration::from_millis(5);
const AHEAD_PER_VU: Duration = Duration::from_micros(20);
const AHEAD_MAX: Duration = Duration::from_secs(1);
/// The same while other scenarios may still have the VUs: less than what [`VuPool`](crate::shard::VuPool) waits for them.
const AHEAD_OF_LATER_MAX: Duration = Duration::from_millis(200);

/// Ticks one after another that found no VU, by their numbers within the share.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missed {
    first: u64,
    count: u64,
}

/// The idle VUs of an open model, and what it could not start.
pub(super) struct OpenModel {
    schedule: Ticks,
    idle: RefCell<VecDeque<Rc<Seat>>>,
    is_over: Cell<bool>,
    reserve: Cell<VuReserve>,
    missed: Cell<Missed>,
    has_told_why: Cell<bool>,
}

/// How long before a scenario of so many VUs begins on a shard these get ready.
pub(crate) fn ahead(vus: u64) -> Duration {
    let per_vu = AHEAD_PER_VU.saturating_mul(u32::try_from(vus).unwrap_or(u32::MAX));
    AHEAD.saturating_add(per_vu).min(AHEAD_MAX)
}

impl OpenModel {
    pub(super) fn new(portion: &ScenarioPortion) -> Option<Self> {
        let (schedule, reserve) = (portion.ticks()?, portion.reserve()?);
        Some(Self {
            schedule,
            idle: RefCell::default(),
            is_over: Cell::new(false),
            reserve: Cell::new(reserve),
            missed: Cell::default(),
            has_told_why: Cell::new(false),
        })
    }

    /// VUs that the scenario has.
    pub(super) fn vus(&self) -> u64 {
        self.reserve.get().vus()
    }

    /// The VU is idle from now on; waits for its next iteration. None once there are no more.
    pub(super) async fn next(&self, seat: &Rc<Seat>) -> Option<Release> {
        if !self.is_over.get() {
            self.idle.borrow_mut().push_back(Rc::clone(seat));
        }
        poll_fn(|context| seat.poll_release(context, self.is_over.get())).await
    }

    /// Records, for ticks without a VU, the time from when they were due until `until`.
    pub(super) fn record_missed(
        &self,
        recorder: &mut Recorder,
        series: SeriesId,
        began: Nanos,
        missed: Missed,
        until: Nanos,
    ) {
        let stride = missed.count.div_ceil(MISSED_SAMPLES_MAX).max(1);
        let end = missed.first + missed.count;
        let mut first = missed.first;
        while first < end {
            let count = stride.min(end - first);
            let due = self.schedule.instant_of(first + count / 2).unwrap_or_default();
            recorder.record_ns_times(series, until.since(began.after(due)), count);
            first += count;
        }
    }

    /// Takes the ticks that found no VU since the last that found one.
    pub(super) fn take_missed(&self) -> Missed {
        self.missed.take()
    }

    fn miss(&self, tick: Tick, count: u64) {
        let mut missed = self.missed.get();
        if missed.count == 0 {
            missed.first = tick.own;
        }
        missed.count += count;
        self.missed.set(missed);
    }

    fn end(&self) {
        self.is_over.set(true);
        for seat in self.idle.take() {
            seat.wake();
        }
    }

    fn change_reserve<T>(&self, change: impl FnOnce(&mut VuReserve) -> T) -> T {
        let mut reserve = self.reserve.get();
        let result = change(&mut reserve);
        self.reserve.set(reserve);
        result
    }
}

/// Follows the schedule to its end, from shortly before `at`, when the scenario begins.
pub(super) async fn drive(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>, crew: &Crew, at: Nanos) {
    let Some(open) = &share.open else { return };
    let vus = share.portion.planned_vus();
    let most = if share.start.is_zero() { AHEAD_MAX } else { AHEAD_OF_LATER_MAX };
    let early = ahead(vus).min(most);
    shard.shard.sleep_until(Nanos(at.0.saturating_sub(early.as_nanos() as u64))).await;
    for _ in 0..vus {
        share.activate(shard, crew, Some(Rc::default()));
    }
    shard.shard.sleep_until(at).await;
    share.begin(at);
    let mut ticks = open.schedule.clone();
    // What was before reaches up to that instant, and not beyond.
    let from = shard.from.get().checked_sub(share.start);
    if let Some(before) = from.and_then(|from| from.checked_sub(Duration::from_nanos(1))) {
        ticks.skip_due_by(before);
    }
    while let Some(tick) = ticks.peek() {
        shard.shard.sleep_until(share.instant(tick.at)).await;
        release_due(share, shard, crew, open, &mut ticks).await;
    }
    // After a rate of 0 at the end the VUs stay all the same.
    shard.shard.sleep_until(share.instant(share.model.regular_duration())).await;
    open.end();
}

/// Hands all ticks that are due to idle VUs, and drops those that find none.
async fn release_due(
    share: &Rc<ScenarioShare>,
    shard: &Rc<ShardContext>,
    crew: &Crew,
    open: &OpenModel,
    ticks: &mut Ticks,
) {
    let mut now = share.elapsed();
    let mut handed = 0;
    while let Some(tick) = ticks.take_due(now) {
        let is_over = now >= share.model.regular_duration();
        let mut seat = open.idle.borrow_mut().pop_front();
        // Where ticks are late it is our fault that several came at once: VUs that took one may be idle again.
        while seat.is_none() && handed > 0 && !is_over {
            handed = 0;
            yield_now().await;
            now = share.elapsed();
            seat = open.idle.borrow_mut().pop_front();
        }
        match seat {
            Some(seat) => {
                seat.hand(Release {
                    intended: share.instant(tick.at),
                    in_agent: share.portion.iteration_number_at_agent(tick.own),
                    in_run: tick.number,
                    missed: open.take_missed(),
                });
                handed += 1;
            }
            None if is_over => {
                // Nobody starts any more: all others are lost with it.
                let count = ticks.total() - tick.own;
                drop_ticks(share, shard, open, tick, count);
                return ticks.skip_due_by(Duration::MAX);
            }
            None => {
                drop_ticks(share, shard, open, tick, 1);
                match open.change_reserve(VuReserve::missed) {
                    Wanted::Make => make_vu(share, shard, crew),
                    Wanted::Warn => shard.send(Event::VusUsedUp { scenario: share.index }),
                    Wanted::Nothing => {}
                }
            }
        }
    }
}

fn drop_ticks(share: &ScenarioShare, shard: &ShardContext, open: &OpenModel, tick: Tick, count: u64) {
    open.miss(tick, count);
    share.record_dropped(shard, count);
}

/// Makes one VU more, in a task of its own so that the schedule doesn't wait for it.
fn make_vu(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>, crew: &Crew) {
    let (member, share, context) = (crew.join(), Rc::clone(share), Rc::clone(shard));
    shard.shard.spawn(async move {
        let Some(open) = &share.open else { return };
        match context.pool.take_unplanned(&context).await {
            Ok(slot) => {
                open.change_reserve(|reserve| reserve.made(true));
                share.run_vu(&context, slot, Some(Rc::default())).await;
            }
            Err(fault) => {
                open.change_reserve(|reserve| reserve.made(false));
                if !open.has_told_why.replace(true) {
                    context.logs.report(LogLevel::Error, &format!("a VU could not be made: {fault}"), &share.name);
                }
            }
        }
        drop(member);
    });
}

impl ScenarioShare {
    /// For ticks that found no VU to the end: they waited at least until now.
    pub(super) fn record_leftover(&self, shard: &ShardContext) {
        if let Some(open) = &self.open {
            let mut recorder = shard.series.recorder.borrow_mut();
            open.record_missed(
                &mut recorder,
                self.series.corrected,
                self.started.get(),
                open.take_missed(),
                Clock::now(),
            );
        }
    }
}
