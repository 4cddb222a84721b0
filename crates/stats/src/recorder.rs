//! Where a shard records its samples.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::{Aggregate, Stamp};
use crate::metric::{Kind, MetricId};
use crate::overflow::Overflow;
use crate::registry::Registry;
use crate::tags::TagSet;
use crate::trend::{Trend, millionths_of_ns, to_millionths};
use crate::window::{SourceId, Window, WindowSeries};

#[cfg(test)]
mod tests;

/// Distinct series a recorder keeps, and a window merged from several. Samples of further ones go to one series per
/// metric, without tags, and [`Window::overflows`] says which metric it was, and which tag.
pub const MAX_SERIES: usize = 10_000;

/// Distributions kept for re-use; more come from the allocator.
const MAX_SPARE_TRENDS: usize = 64;

/// Number of a series in the recorder that gave it. It stays valid as long as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesId(u32);

/// Records the samples of one shard. Recording is an index into a table; only
/// [`Recorder::series`] looks anything up.
#[derive(Debug)]
pub struct Recorder {
    registry: Arc<Registry>,
    source: SourceId,
    numbers: HashMap<(MetricId, TagSet), SeriesId>,
    slots: Vec<Slot>,
    touched: Vec<SeriesId>,
    overflow: HashMap<MetricId, SeriesId>,
    /// Those that no window has told of yet.
    overflows: Vec<Overflow>,
    /// Values of gauges set since the last window.
    gauges_set: u32,
    #[expect(clippy::vec_box, reason = "the boxes are handed out as they are")]
    spare_trends: Vec<Box<Trend>>,
}

#[derive(Debug)]
struct Slot {
    metric: MetricId,
    tags: TagSet,
    kind: Kind,
    /// The samples since the last window, if there were any.
    delta: Option<Aggregate>,
}

impl Recorder {
    /// A recorder without series. `source` tells its windows from those of others.
    pub fn new(registry: Arc<Registry>, source: SourceId) -> Self {
        Self {
            registry,
            source,
            numbers: HashMap::new(),
            slots: Vec::new(),
            touched: Vec::new(),
            overflow: HashMap::new(),
            overflows: Vec::new(),
            gauges_set: 0,
            spare_trends: Vec::new(),
        }
    }

    /// The metrics whose samples this records.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The number of the series of a metric with these tags, made if it is new.
    ///
    /// Beyond [`MAX_SERIES`] it is the metric's overflow series, which has no tags.
    pub fn series(&mut self, metric: MetricId, tags: &TagSet) -> SeriesId {
        let key = (metric, tags.clone());
        if let Some(&id) = self.numbers.get(&key) {
            return id;
        }
        if self.numbers.len() < MAX_SERIES {
            let id = self.new_slot(metric, tags.clone());
            self.numbers.insert(key, id);
            return id;
        }
        if let Some(&id) = self.overflow.get(&metric) {
            return id;
        }
        let id = self.new_slot(metric, TagSet::empty());
        self.overflow.insert(metric, id);
        let of_metric = self.numbers.keys().filter(|(of, _)| *of == metric).map(|(_, tags)| tags);
        self.overflows.push(Overflow::of(metric, of_metric));
        id
    }

    /// Adds a whole number to a counter. For other kinds it is [`Recorder::add`].
    #[inline]
    pub fn increment(&mut self, series: SeriesId, by: u64) {
        match self.delta(series) {
            Aggregate::Counter { sum_millionths, samples } => {
                *sum_millionths += i128::from(by) * 1_000_000;
                *samples += 1;
            }
            other => add_to(other, by as f64, 0),
        }
    }

    /// Adds a sample in the metric's unit, whatever its kind: to a counter's sum, as a
    /// gauge's new value, to a rate as "is it not zero", to a trend as one value.
    ///
    /// The value must be finite; one that isn't is left out.
    #[inline]
    pub fn add(&mut self, series: SeriesId, value: f64) {
        if value.is_finite() {
            let order = self.gauges_set;
            self.gauges_set = order.saturating_add(1);
            add_to(self.delta(series), value, order);
        }
    }

    /// Records a time in a trend of times. For other kinds it is [`Recorder::add`] of
    /// the milliseconds.
    #[inline]
    pub fn record_ns(&mut self, series: SeriesId, ns: u64) {
        match self.delta(series) {
            Aggregate::Trend(trend) => trend.record(millionths_of_ns(ns)),
            other => add_to(other, ns as f64 / 1e6, 0),
        }
    }

    /// Records a time so many times, as if each were a sample of its own.
    pub fn record_ns_times(&mut self, series: SeriesId, ns: u64, times: u64) {
        match self.delta(series) {
            Aggregate::Trend(trend) => trend.record_times(millionths_of_ns(ns), times),
            other => (0..times).for_each(|_| add_to(other, ns as f64 / 1e6, 0)),
        }
    }

    /// Adds one outcome to a rate. For other kinds it is [`Recorder::add`] of 1 or 0.
    #[inline]
    pub fn rate(&mut self, series: SeriesId, outcome: bool) {
        match self.delta(series) {
            Aggregate::Rate { trues, total } => {
                *trues += u64::from(outcome);
                *total += 1;
            }
            other => add_to(other, f64::from(u8::from(outcome)), 0),
        }
    }

    /// Adds so many outcomes to a rate, of which some were true. Does nothing without outcomes, and to other kinds.
    pub fn rates(&mut self, series: SeriesId, some: u64, all: u64) {
        if all == 0 {
            return;
        }
        if let Aggregate::Rate { trues, total } = self.delta(series) {
            *trues += some.min(all);
            *total += all;
        }
    }

    /// Sets a gauge. For other kinds it is [`Recorder::add`].
    #[inline]
    pub fn set(&mut self, series: SeriesId, value: f64) {
        self.add(series, value);
    }

    /// Takes what was recorded since the last take. Series numbers stay valid; series
    /// without new samples cost nothing. `at` is the time since the run began.
    pub fn take(&mut self, at: Duration) -> Window {
        let mut series = Vec::with_capacity(self.touched.len());
        for id in self.touched.drain(..) {
            let slot = &mut self.slots[id.0 as usize];
            if let Some(mut delta) = slot.delta.take() {
                if let Aggregate::Gauge { stamp, .. } = &mut delta {
                    (stamp.at, stamp.source) = (at, self.source);
                }
                series.push(WindowSeries { metric: slot.metric, tags: slot.tags.clone(), delta });
            }
        }
        self.gauges_set = 0;
        Window { source: self.source, at, series, overflows: std::mem::take(&mut self.overflows) }
    }

    /// Gives back a window that was merged, so that the memory of its distributions is
    /// used again.
    pub fn recycle(&mut self, window: Window) {
        for series in window.series {
            if self.spare_trends.len() == MAX_SPARE_TRENDS {
                return;
            }
            if let Aggregate::Trend(mut trend) = series.delta {
                trend.clear();
                self.spare_trends.push(trend);
            }
        }
    }

    fn new_slot(&mut self, metric: MetricId, tags: TagSet) -> SeriesId {
        let id = SeriesId(self.slots.len() as u32);
        self.slots.push(Slot { metric, tags, kind: self.registry.get(metric).kind, delta: None });
        id
    }

    #[inline]
    fn delta(&mut self, series: SeriesId) -> &mut Aggregate {
        let slot = &mut self.slots[series.0 as usize];
        if slot.delta.is_none() {
            self.touched.push(series);
        }
        let (kind, spare) = (slot.kind, &mut self.spare_trends);
        slot.delta.get_or_insert_with(|| first_delta(kind, || spare.pop()))
    }
}

/// A delta for the first sample since a take.
fn first_delta(kind: Kind, spare: impl FnOnce() -> Option<Box<Trend>>) -> Aggregate {
    match kind {
        Kind::Trend => Aggregate::Trend(spare().unwrap_or_default()),
        // The first value sets all three.
        Kind::Gauge => {
            Aggregate::Gauge { last: f64::NAN, min: f64::INFINITY, max: f64::NEG_INFINITY, stamp: Stamp::default() }
        }
        other => Aggregate::empty(other),
    }
}

/// `order` is a gauge's: see [`Stamp`].
fn add_to(delta: &mut Aggregate, value: f64, order: u32) {
    match delta {
        Aggregate::Counter { sum_millionths, samples } => {
            *sum_millionths += i128::from(to_millionths(value));
            *samples += 1;
        }
        Aggregate::Gauge { last, min, max, stamp } => {
            *last = value;
            stamp.order = order;
            *min = min.min(value);
            *max = max.max(value);
        }
        Aggregate::Rate { trues, total } => {
            *trues += u64::from(value != 0.0);
            *total += 1;
        }
        Aggregate::Trend(trend) => trend.record(to_millionths(value)),
    }
}
