//! `ramping-vus`: VUs come and go by a curve.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::ScenarioShare;
use super::crew::{Crew, Member};
use super::seat::Seat;
use crate::shard::ShardContext;

/// Follows the curve until its end, when `driver` leaves, and cuts VUs that take too long to end.
pub(super) async fn drive(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>, crew: &Crew, driver: Member) {
    let mut driver = Some(driver);
    let Some(mut steps) = share.portion.vu_steps() else { return };
    // VUs that were stopped, in the order of time.
    let mut cuts: VecDeque<(Duration, Rc<Seat>)> = VecDeque::new();
    let mut started = Vec::new();
    loop {
        let now = share.elapsed();
        while let Some(step) = steps.take_due(now) {
            let seat = share.seat(step.vu);
            if !step.wanted {
                let cut_at = share.portion.cut_at(step.at, share.graceful_stop);
                seat.stop(cut_at);
                cuts.push_back((cut_at, seat));
            } else if seat.start() {
                started.push(seat);
            }
        }
        // Only now: of steps that came late together, a VU may be wanted and not wanted any more.
        for seat in started.drain(..) {
            share.activate_seat(shard, crew, seat);
        }
        while let Some((_, seat)) = cuts.pop_front_if(|(at, _)| *at <= now) {
            // If it was wanted again meanwhile, this cut isn't its any more.
            if seat.is_cut(now) {
                seat.cut();
            }
        }
        if steps.peek().is_none() {
            driver.take();
        }
        let next = steps.peek().map(|step| step.at).into_iter().chain(cuts.front().map(|(at, _)| *at)).min();
        let Some(next) = next else { return };
        shard.shard.sleep_until(share.instant(next)).await;
    }
}
