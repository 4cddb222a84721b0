//! One iteration after another: what happens between two of them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_lite::future::yield_now;
use throng_transport::{Clock, Nanos};
use throng_vu::{Host, LogLevel};

use super::ScenarioShare;
use super::arrivals::Missed;
use crate::host::VuHost;

/// An iteration that a script is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Iteration {
    pub(super) began: Nanos,
    /// The driver's turn in which it began: if it is still the same at the end, the iteration has waited for nothing.
    turn: u64,
    /// In open models.
    pub(super) planned: Option<Planned>,
}

/// An iteration of an open model as it was planned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) intended: Nanos,
    /// The ticks that it stands for too, as they found no VU.
    missed: Missed,
}

/// What an iteration is in its scenario.
pub(super) struct Start {
    in_agent: u64,
    pub(super) in_run: u64,
    planned: Option<Planned>,
}

/// Ends the iteration that the VU is in, if any, and begins the next: in open models when there is one to be begun, else
/// if the load model has one now.
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
        } else if scenario.open.is_none() && host.shard.shard.turn_number() == iteration.turn {
            // An iteration that waited for nothing must not keep the shard to itself.
            yield_now().await;
            now = Clock::now();
        }
    }
    if scenario.stop.is_raised() {
        return false;
    }
    let start = match (&scenario.open, host.seat.clone()) {
        (Some(open), Some(seat)) => {
            let release = open.next(&seat).await;
            now = Clock::now();
            release.map(|release| Start {
                in_agent: release.in_agent,
                in_run: release.in_run,
                planned: Some(Planned { intended: release.intended, missed: release.missed }),
            })
        }
        (_, Some(seat)) if !seat.may_begin() => None,
        _ => scenario.take(now, host.identity.iterations_in_scenario),
    };
    let Some(start) = start else { return false };
    scenario.begin_iteration(host, &start, now);
    true
}

/// Fails an iteration that has begun and can't be run, and lets others have their turn.
pub(super) async fn fail_iteration(host: &mut VuHost, why: String) {
    let (Some(scenario), Some(iteration)) = (host.scenario.clone(), host.iteration.take()) else { return };
    let now = Clock::now();
    scenario.end_iteration(host, iteration, now, Err(why));
    let least = host.shard.settings.min_iteration_duration;
    let took = Duration::from_nanos(now.since(iteration.began));
    if took < least {
        host.shard.shard.sleep(least - took).await;
    } else {
        yield_now().await;
    }
}

impl ScenarioShare {
    /// Takes the next iteration, if the load model has one for this VU now.
    pub(super) fn take(&self, now: Nanos, done_by_vu: u64) -> Option<Start> {
        let elapsed = Duration::from_nanos(now.since(self.started.get()));
        // Before anything is taken off the counter of shared iterations, of which all that are planned are admitted.
        if elapsed >= self.model.regular_duration() {
            return None;
        }
        let n = if self.is_shared { self.taken[self.index].fetch_add(1, Ordering::Relaxed) } else { self.begun.get() };
        let is_admitted = match self.is_shared {
            true => n < self.planned_iterations,
            false => self.portion.admits(elapsed, done_by_vu, n),
        };
        is_admitted.then(|| Start {
            in_agent: self.portion.iteration_number_at_agent(n),
            in_run: self.portion.iteration_number(n),
            planned: None,
        })
    }

    fn begin_iteration(&self, host: &mut VuHost, start: &Start, now: Nanos) {
        self.begun.set(self.begun.get() + 1);
        host.identity.begin_iteration(start.in_agent, start.in_run);
        host.iteration = Some(Iteration { began: now, turn: host.shard.shard.turn_number(), planned: start.planned });
        if let Some(planned) = start.planned {
            self.change(|counts| counts.vus += 1);
            let mut recorder = host.shard.series.recorder.borrow_mut();
            recorder.record_ns(self.series.start_lag, now.since(planned.intended));
        }
    }

    /// Counts and records an iteration that came to its end, in one way or the other.
    pub(super) fn end_iteration(
        &self,
        host: &mut VuHost,
        iteration: Iteration,
        now: Nanos,
        outcome: Result<(), String>,
    ) {
        let (sent, received) = host.take_bytes();
        {
            let mut recorder = host.shard.series.recorder.borrow_mut();
            recorder.increment(self.series.iterations, 1);
            recorder.record_ns(self.series.duration, now.since(iteration.began));
            if outcome.is_err() {
                recorder.increment(self.series.failed, 1);
            }
        }
        self.sample_iteration(host, iteration, now, (sent, received), outcome.is_err());
        self.end_planned(host, iteration, now);
        self.change(|counts| {
            counts.completed += 1;
            counts.failed += u64::from(outcome.is_err());
        });
        if let Err(message) = outcome {
            host.log(LogLevel::Error, &message);
        }
        host.tidy();
    }

    /// Counts an iteration that was cut. k6's rule: it isn't measured. What was planned and didn't end still took at least
    /// until now, which open models record.
    pub(super) fn cut_iteration(&self, host: &mut VuHost, iteration: Iteration, now: Nanos) {
        self.end_planned(host, iteration, now);
        self.change(|counts| counts.interrupted += 1);
    }

    /// Records how long it took, seen from when it was to begin: what somebody would have seen who didn't know whether
    /// a VU was free. The ticks before it that found none share its end.
    fn end_planned(&self, host: &VuHost, iteration: Iteration, now: Nanos) {
        let (Some(planned), Some(open)) = (iteration.planned, &self.open) else { return };
        self.change(|counts| counts.vus = counts.vus.saturating_sub(1));
        let mut recorder = host.shard.series.recorder.borrow_mut();
        recorder.record_ns(self.series.corrected, now.since(planned.intended));
        open.record_missed(&mut recorder, self.series.corrected, self.started.get(), planned.missed, now);
    }
}
