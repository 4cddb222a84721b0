//! The last while of a metric, for thresholds that look at no more.

use std::collections::VecDeque;
use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::metric::{Kind, MetricId};
use crate::selector::Selector;
use crate::window::WindowSeries;

/// Steps of which a while consists at most: a longer one has longer steps.
const STEPS_MAX: u32 = 60;
const SECOND: Duration = Duration::from_secs(1);

/// The samples of the last while that a selector looks at. Steps are added and taken away as time goes on, and nothing
/// is added up anew.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    pub(super) selector: Selector,
    pub(super) metric: MetricId,
    pub(super) span: Duration,
    step: Duration,
    /// Ascending, each with its number; those without samples are left out.
    steps: VecDeque<(u64, Aggregate)>,
    /// All steps together.
    sum: Aggregate,
    /// Steps below this are over.
    over_before: u64,
}

/// What the last while came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lately<'a> {
    pub(crate) aggregate: Option<&'a Aggregate>,
    /// How much time that is: the span, less what the run and its first step lack.
    pub(crate) covered: Duration,
}

impl Recent {
    pub(super) fn new(selector: Selector, metric: MetricId, kind: Kind, span: Duration) -> Self {
        let seconds = span.as_secs().max(1).div_ceil(u64::from(STEPS_MAX));
        Self {
            selector,
            metric,
            span,
            step: Duration::from_secs(seconds),
            steps: VecDeque::new(),
            sum: Aggregate::empty(kind),
            over_before: 0,
        }
    }

    /// Takes in a delta that was taken at that time. One that is over already is left out.
    pub(super) fn merge(&mut self, at: Duration, series: &WindowSeries) {
        let number = self.number_at(at);
        if number < self.over_before || matches!(series.delta, Aggregate::Gauge { .. }) {
            return;
        }
        self.sum.merge(&series.delta);
        match self.steps.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(place) => self.steps[place].1.merge(&series.delta),
            Err(place) => {
                // What is no longer the newest is mostly complete.
                if let Some((_, Aggregate::Trend(trend))) = place.checked_sub(1).map(|before| &mut self.steps[before]) {
                    **trend = trend.compact();
                }
                self.steps.insert(place, (number, compact(&series.delta)));
            }
        }
    }

    /// Lets go of what is longer ago than the span.
    pub(super) fn advance(&mut self, now: Duration) {
        if let Some(from) = now.checked_sub(self.span) {
            self.over_before = self.over_before.max(self.number_at(from).saturating_add(1));
        }
        while self.steps.front().is_some_and(|(number, _)| *number < self.over_before) {
            if let Some((_, over)) = self.steps.pop_front() {
                let bounds = self.bounds();
                self.sum.subtract(&over, bounds);
            }
        }
    }

    /// What is left at that time, after [`Recent::advance`] to it.
    pub(super) fn at(&self, now: Duration) -> Lately<'_> {
        let aggregate = Some(&self.sum).filter(|sum| !self.steps.is_empty() && !sum.is_empty());
        // A step of a second is one window, wherever in the second that was taken.
        let from = match self.over_before.checked_sub(1) {
            Some(before) if self.step > SECOND => self.step.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX)),
            _ => now.saturating_sub(self.span),
        };
        Lately { aggregate, covered: now.saturating_sub(from) }
    }

    /// How long a step is.
    pub(super) fn step(&self) -> Duration {
        self.step
    }

    /// The steps that aren't over, with their numbers: one ends so many lengths of a step after the run's start.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Aggregate)> {
        self.steps.iter().map(|(number, aggregate)| (*number, aggregate))
    }

    /// Bytes of memory that it takes.
    pub(super) fn held_bytes(&self) -> usize {
        let steps: usize = self.steps.iter().map(|(_, aggregate)| aggregate.held_bytes()).sum();
        size_of::<Self>() + steps + self.sum.held_bytes()
    }

    /// The number of the step that a window taken at that time belongs to: what was taken at its very end is in it.
    fn number_at(&self, at: Duration) -> u64 {
        u64::try_from(at.as_nanos().div_ceil(self.step.as_nanos())).unwrap_or(u64::MAX)
    }

    fn bounds(&self) -> (i64, i64) {
        let bounds = self.steps.iter().filter_map(|(_, aggregate)| match aggregate {
            Aggregate::Trend(trend) => trend.bounds(),
            _ => None,
        });
        bounds.fold((i64::MAX, i64::MIN), |(min, max), (low, high)| (min.min(low), max.max(high)))
    }
}

fn compact(delta: &Aggregate) -> Aggregate {
    match delta {
        Aggregate::Trend(trend) => Aggregate::Trend(Box::new(trend.compact())),
        other => other.clone(),
    }
}
