//! Several windows as one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::{SUMMED_SECONDS_MAX, SourceId, Window, WindowSeries, second_of};
use crate::aggregate::Aggregate;
use crate::builtin;
use crate::metric::MetricId;
use crate::overflow::Overflow;
use crate::recorder::MAX_SERIES;
use crate::tags::TagSet;

/// Merges the windows of several recorders, or of several seconds, into one that says the same: totals are equal whether
/// they get that one or all of them, in whichever order and grouping.
///
/// Series are as many as one recorder has ([`MAX_SERIES`], and one a metric beyond). The gauges that are counts stay apart
/// by recorder and second, for as many seconds as totals tell apart; the newest are kept.
#[derive(Debug)]
pub struct WindowMerger {
    source: SourceId,
    at: Duration,
    series: HashMap<(MetricId, TagSet), Aggregate>,
    /// By the second they were set in.
    summed: HashMap<(MetricId, TagSet, SourceId), BTreeMap<u64, Aggregate>>,
    overflows: Vec<Overflow>,
}

impl WindowMerger {
    /// Merges nothing yet. `source` is what the merged windows are to say of themselves.
    pub fn new(source: SourceId) -> Self {
        Self { source, at: Duration::ZERO, series: HashMap::new(), summed: HashMap::new(), overflows: Vec::new() }
    }

    /// Takes in a window.
    pub fn add(&mut self, window: Window) {
        self.at = self.at.max(window.at);
        for series in window.series {
            if builtin::is_summed_gauge(series.metric) {
                self.add_summed(series);
            } else {
                self.add_series(series);
            }
        }
        for overflow in window.overflows {
            overflow.note(&mut self.overflows);
        }
    }

    /// Takes the merged window, and begins anew.
    pub fn take(&mut self) -> Window {
        let plain = self.series.drain();
        let mut series: Vec<_> = plain.map(|((metric, tags), delta)| WindowSeries { metric, tags, delta }).collect();
        for ((metric, tags, _), seconds) in self.summed.drain() {
            let tags = &tags;
            series.extend(seconds.into_values().map(|delta| WindowSeries { metric, tags: tags.clone(), delta }));
        }
        let at = std::mem::take(&mut self.at);
        Window { source: self.source, at, series, overflows: std::mem::take(&mut self.overflows) }
    }

    fn add_series(&mut self, series: WindowSeries) {
        let WindowSeries { metric, tags, delta } = series;
        let mut key = (metric, tags);
        if self.series.len() >= MAX_SERIES && !self.series.contains_key(&key) && !key.1.is_empty() {
            let rest = (metric, TagSet::empty());
            if !self.series.contains_key(&rest) {
                let of_metric = self.series.keys().filter(|(of, _)| *of == metric).map(|(_, tags)| tags);
                Overflow::of(metric, of_metric).note(&mut self.overflows);
            }
            key = rest;
        }
        match self.series.get_mut(&key) {
            Some(known) => known.merge(&delta),
            None => drop(self.series.insert(key, delta)),
        }
    }

    fn add_summed(&mut self, series: WindowSeries) {
        let WindowSeries { metric, tags, delta } = series;
        let Aggregate::Gauge { stamp, .. } = delta else { return };
        let seconds = self.summed.entry((metric, tags, stamp.source)).or_default();
        match seconds.get_mut(&second_of(stamp.at)) {
            Some(known) => known.merge(&delta),
            None => drop(seconds.insert(second_of(stamp.at), delta)),
        }
        if seconds.len() as u64 > SUMMED_SECONDS_MAX {
            seconds.pop_first();
        }
    }
}
