//! A VU's task: it takes a VU, runs the scenario's iterations in it, and gives it back.

use std::ops::ControlFlow;
use std::rc::Rc;

use futures_lite::future::yield_now;
use throng_transport::Clock;
use throng_vu::{Host, LogLevel};

use super::ScenarioShare;
use super::crew::Crew;
use super::iteration::{fail_iteration, next_iteration};
use super::seat::Seat;
use crate::host::Errands;
use crate::prefetch::Prefetched;
use crate::shard::{ShardContext, VuSlot};
use crate::stop::Listener;

/// Why a VU runs no more iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There are none for it.
    NoMore,
    /// It was cut.
    Cut,
    /// The script can't be run.
    Broken,
}

impl ScenarioShare {
    /// Has a VU run the scenario: any that is idle.
    pub(super) fn activate(self: &Rc<Self>, shard: &Rc<ShardContext>, crew: &Crew, seat: Option<Rc<Seat>>) {
        let (member, share, context) = (crew.join(), Rc::clone(self), Rc::clone(shard));
        shard.shard.spawn(async move {
            let mut cut = Listener::new(&share.stop);
            // In a box as all that happens once, so that it takes no room in the task of every VU.
            if let Some(slot) = Box::pin(cut.unless_stopped(context.pool.take(&context))).await {
                share.run_vu(&context, slot, seat).await;
            }
            drop(member);
        });
    }

    /// The same for a seat whose VU is to be started, if it still is.
    pub(super) fn activate_seat(self: &Rc<Self>, shard: &Rc<ShardContext>, crew: &Crew, seat: Rc<Seat>) {
        if seat.may_begin() && self.elapsed() < self.model.regular_duration() {
            self.activate(shard, crew, Some(seat));
        } else {
            let _ = seat.ended();
        }
    }

    /// Runs a VU until it has no more iterations, and gives it back.
    pub(super) async fn run_vu(self: &Rc<Self>, shard: &Rc<ShardContext>, mut slot: VuSlot, seat: Option<Rc<Seat>>) {
        // In open models a VU counts while it is in an iteration.
        let counted = u64::from(self.open.is_none());
        self.change(|counts| counts.vus += counted);
        loop {
            let end = self.iterate(shard, &mut slot, seat.as_ref()).await;
            // A VU that was stopped may be wanted again since.
            let goes_on = seat.as_ref().is_some_and(|seat| seat.ended()) && end != End::Broken;
            if !goes_on || self.stop.is_raised() || self.elapsed() >= self.model.regular_duration() {
                break;
            }
        }
        self.record_left(shard, slot.iterations_in_scenario());
        self.change(|counts| counts.vus = counts.vus.saturating_sub(counted));
        slot.farewell(shard).await;
        slot.leave();
        shard.pool.give_back(slot);
    }

    /// One VU's iterations: the script asks for each by [`next_iteration`](super::next_iteration), until there is none.
    /// After a fault the VU is made anew and goes on.
    async fn iterate(self: &Rc<Self>, shard: &Rc<ShardContext>, slot: &mut VuSlot, seat: Option<&Rc<Seat>>) -> End {
        let cutting = if self.has_seats() { seat.map(|seat| seat.cutting()) } else { None };
        let mut listener = Listener::new(cutting.as_ref().unwrap_or(&self.stop));
        loop {
            if let Err(fault) = Box::pin(slot.make_ready(shard, self, seat)).await {
                shard.logs.report(LogLevel::Error, &format!("a VU could not be made: {fault}"), &self.name);
                return End::Broken;
            }
            if !slot.is_initialised() {
                match Box::pin(self.initialise(shard, slot, &mut listener)).await {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(end) => return end,
                }
            }
            let heap = slot.heap();
            let Some(vu) = slot.vu.as_mut() else { return End::Broken };
            let errand = vu.host().errand();
            let work = Prefetched::of(heap, Errands::of(errand, vu.run(self.function)));
            let result = listener.unless_stopped(work).await;
            let within = vu.host_mut().iteration.take();
            match (result, within) {
                (Some(Ok(())), None) => return End::NoMore,
                (Some(Ok(())), Some(iteration)) => {
                    let outcome = Err("the script returned from run within an iteration, and ends its VU".into());
                    self.end_iteration(vu.host_mut(), iteration, Clock::now(), outcome);
                    return End::Broken;
                }
                (Some(Err(fault)), Some(iteration)) if !vu.host().aborted => {
                    self.end_iteration(vu.host_mut(), iteration, Clock::now(), Err(fault.to_string()));
                    // After a trap the instance can't be called again.
                    slot.drop_vu();
                    slot.farewell(shard).await;
                    // An iteration that waited for nothing must not keep the shard to itself.
                    yield_now().await;
                }
                (Some(Err(fault)), None) => {
                    vu.host_mut().log(LogLevel::Error, &format!("the VU ends, outside of an iteration: {fault}"));
                    slot.drop_vu();
                    return End::Broken;
                }
                (result, within) => {
                    if let Some(iteration) = within {
                        self.cut_iteration(vu.host_mut(), iteration, Clock::now());
                    }
                    vu.host_mut().sample_bytes();
                    drop(result);
                    slot.drop_vu();
                    return End::Cut;
                }
            }
        }
    }

    /// Has the script make the VU's instance ready for iterations: before it asks for one, so that in open models no tick
    /// waits for it. If it fails, so does the VU's next iteration, and it is to be tried again.
    async fn initialise(
        &self,
        shard: &Rc<ShardContext>,
        slot: &mut VuSlot,
        listener: &mut Listener,
    ) -> ControlFlow<End> {
        let Some(result) = listener.unless_stopped(slot.initialise(shard)).await else {
            slot.drop_vu();
            return ControlFlow::Break(End::Cut);
        };
        let Err(why) = result else { return ControlFlow::Continue(()) };
        let Some(vu) = slot.vu.as_mut() else { return ControlFlow::Break(End::Broken) };
        let host = vu.host_mut();
        let begun = if host.aborted { None } else { listener.unless_stopped(next_iteration(host, Ok(()))).await };
        match begun {
            Some(true) => {
                let why = format!("the VU's init failed: {why}");
                listener.unless_stopped(fail_iteration(vu.host_mut(), why)).await;
                slot.drop_broken();
                ControlFlow::Continue(())
            }
            Some(false) => {
                slot.drop_broken();
                ControlFlow::Break(End::NoMore)
            }
            None => {
                slot.drop_vu();
                ControlFlow::Break(End::Cut)
            }
        }
    }

    /// k6's rule for per-vu-iterations: a VU that ran out of time, or was stopped, reports what it had left. Shared
    /// iterations are counted by the worker, once for all shards.
    fn record_left(&self, shard: &ShardContext, done: u64) {
        let left = self.model.dropped_by_vu(done);
        if left > 0 {
            self.record_dropped(shard, left);
        }
    }
}
