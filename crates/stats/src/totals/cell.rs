//! One metric's or submetric's total.

use std::collections::HashMap;
use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::builtin;
use crate::tags::TagSet;
use crate::window::{SourceId, Window, WindowSeries};

/// Samples combined over windows, with what gauges need besides.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    aggregate: Aggregate,
    /// When the window with a gauge's last value was taken.
    at: Duration,
    /// The parts of a gauge that is summed.
    parts: Option<Box<Parts>>,
}

/// The latest value of every part of a summed gauge.
///
/// Parts report in rounds. Only the sum at the end of a round is a value the gauge had, so
/// smallest and largest are taken when a part reports again.
#[derive(Debug, Clone, Default)]
struct Parts {
    latest: HashMap<(SourceId, TagSet), Part>,
    round: u64,
    /// Smallest and largest sum of the rounds that are over.
    bounds: Option<(f64, f64)>,
}

#[derive(Debug, Clone)]
struct Part {
    value: f64,
    round: u64,
}

impl Cell {
    /// Adds a series' delta to a cell that comes into being with the first one.
    pub(super) fn merge_into(cell: &mut Option<Self>, window: &Window, series: &WindowSeries) {
        match cell {
            Some(cell) => cell.merge(window, series),
            None => *cell = Some(Self::first(window, series)),
        }
    }

    /// The samples combined.
    pub(super) fn aggregate(&self) -> &Aggregate {
        &self.aggregate
    }

    fn first(window: &Window, series: &WindowSeries) -> Self {
        let summed = builtin::is_summed_gauge(series.metric);
        let mut cell = Self { aggregate: series.delta.clone(), at: window.at, parts: summed.then(Box::default) };
        cell.sum_parts(window, series);
        cell
    }

    fn merge(&mut self, window: &Window, series: &WindowSeries) {
        if self.parts.is_some() {
            self.sum_parts(window, series);
            return;
        }
        let last_so_far = match self.aggregate {
            Aggregate::Gauge { last, .. } if window.at < self.at => Some(last),
            _ => None,
        };
        self.aggregate.merge(&series.delta);
        self.at = self.at.max(window.at);
        if let (Some(kept), Aggregate::Gauge { last, .. }) = (last_so_far, &mut self.aggregate) {
            *last = kept;
        }
    }

    fn sum_parts(&mut self, window: &Window, series: &WindowSeries) {
        let (Some(parts), Aggregate::Gauge { last: value, .. }) = (&mut self.parts, &series.delta) else {
            return;
        };
        parts.report((window.source, series.tags.clone()), *value);
        let sum = parts.sum();
        let (min, max) = parts.bounds.unwrap_or((sum, sum));
        self.aggregate = Aggregate::Gauge { last: sum, min: min.min(sum), max: max.max(sum) };
    }
}

impl Parts {
    fn report(&mut self, part: (SourceId, TagSet), value: f64) {
        let reported = self.latest.get(&part);
        if reported.is_some_and(|reported| reported.round == self.round) {
            let sum = self.sum();
            let (min, max) = self.bounds.unwrap_or((sum, sum));
            self.bounds = Some((min.min(sum), max.max(sum)));
            self.round += 1;
        }
        let round = self.round;
        self.latest.insert(part, Part { value, round });
    }

    fn sum(&self) -> f64 {
        self.latest.values().map(|part| part.value).sum()
    }
}
