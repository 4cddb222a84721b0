//! A gauge that is a count, whose parts on shards and agents add up.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use crate::aggregate::{Aggregate, Stamp};
use crate::tags::TagSet;
use crate::window::{SUMMED_SECONDS_MAX, SourceId, WindowSeries, second_of};

/// What reports a part of the sum.
type Part = (SourceId, TagSet);

/// The sum at the end of each second. Parts report in whichever order; one that doesn't report in a second has the value
/// that it reported last.
///
/// The last [`SUMMED_SECONDS_MAX`] seconds are open to reports. What comes later than that counts in the last value
/// alone, if it is the part's last.
#[derive(Debug, Clone, Default)]
pub(super) struct SummedGauge {
    /// The last value of each part in the seconds that are closed.
    closed: HashMap<Part, (Stamp, f64)>,
    /// Seconds below this are closed.
    closed_before: u64,
    /// Smallest and largest sum of the seconds that are closed.
    bounds: Option<(f64, f64)>,
    /// The last value of each part that reported in a second.
    open: BTreeMap<u64, HashMap<Part, (Stamp, f64)>>,
    aggregate: OnceLock<Aggregate>,
}

impl SummedGauge {
    /// One whose seconds before that one are closed, with these bounds of their sums.
    pub(super) fn going_on(second: u64, bounds: (f64, f64)) -> Self {
        Self { closed_before: second, bounds: Some(bounds), ..Self::default() }
    }

    /// A second before the newest by so many, and the bounds of the sums before it; none without any.
    pub(super) fn bounds_before(&self, seconds: u64) -> Option<(u64, f64, f64)> {
        let newest = *self.open.last_key_value()?.0;
        let second = (newest + 1).saturating_sub(seconds).max(self.closed_before);
        let mut latest = self.closed.clone();
        let sums = self.open.range(..second).map(|(_, parts)| sum_after(&mut latest, parts));
        let (min, max) = sums.fold(self.bounds, |bounds, sum| Some(widened(bounds, sum)))?;
        Some((second, min, max))
    }

    /// Takes in a part's value.
    pub(super) fn report(&mut self, series: &WindowSeries) {
        let Aggregate::Gauge { last, stamp, .. } = series.delta else { return };
        self.aggregate.take();
        let part = (stamp.source, series.tags.clone());
        let second = second_of(stamp.at);
        let parts = if second < self.closed_before { &mut self.closed } else { self.open.entry(second).or_default() };
        let known = parts.entry(part).or_insert((stamp, last));
        if known.0.cmp(&stamp).then(known.1.total_cmp(&last)).is_lt() {
            *known = (stamp, last);
        }
        let newest = self.open.last_key_value().map_or(0, |(second, _)| *second);
        while let Some(oldest) = self.open.first_entry()
            && *oldest.key() + SUMMED_SECONDS_MAX <= newest
        {
            let (second, parts) = oldest.remove_entry();
            self.closed_before = second + 1;
            let mut latest = std::mem::take(&mut self.closed);
            let sum = sum_after(&mut latest, &parts);
            self.closed = latest;
            self.bounds = Some(widened(self.bounds, sum));
        }
    }

    /// The sums as a gauge: the last, the smallest and the largest.
    pub(super) fn aggregate(&self) -> &Aggregate {
        self.aggregate.get_or_init(|| {
            let mut latest = self.closed.clone();
            let mut bounds = self.bounds;
            let mut last = latest.values().map(|(_, value)| value).sum();
            for parts in self.open.values() {
                last = sum_after(&mut latest, parts);
                bounds = Some(widened(bounds, last));
            }
            let stamp = latest.values().map(|(stamp, _)| *stamp).max().unwrap_or_default();
            let (min, max) = bounds.unwrap_or((last, last));
            Aggregate::Gauge { last, min, max, stamp }
        })
    }

    /// Bytes of memory that it takes, its parts' tags aside.
    pub(super) fn held_bytes(&self) -> usize {
        let parts: usize = self.open.values().map(HashMap::len).sum();
        size_of::<Self>() + (self.closed.len() + parts) * size_of::<(Part, (Stamp, f64))>()
    }
}

/// The sum once these parts have reported.
fn sum_after(latest: &mut HashMap<Part, (Stamp, f64)>, parts: &HashMap<Part, (Stamp, f64)>) -> f64 {
    for (part, value) in parts {
        let known = latest.entry(part.clone()).or_insert(*value);
        // A value that came too late for its second may be newer than one of a second that is open no more.
        if known.0 <= value.0 {
            *known = *value;
        }
    }
    // The parts are counts, and their sum is exact in any order.
    latest.values().map(|(_, value)| value).sum()
}

fn widened(bounds: Option<(f64, f64)>, sum: f64) -> (f64, f64) {
    let (min, max) = bounds.unwrap_or((sum, sum));
    (min.min(sum), max.max(sum))
}
