//! The windows of a run, merged.

use serde::{Deserialize, Serialize};
use throng_stats::{
    Aggregate, Registry, SERIES_MAX, SourceId, Stamp, Window, WindowError, WindowMerger, WindowSeries, builtin,
};

use crate::limits::{SUMMED_PARTS_MAX, TOTALS_BYTES_MAX};

/// Bytes that one of the encoded windows has at most, if it has several series, and bytes of their tags: a good deal
/// fewer than are read.
const PART_BYTES_MAX: usize = 4 << 20;
/// Series that one of them has at most.
const PART_SERIES_MAX: usize = SERIES_MAX / 4;
/// Samples of one series. More than that in one series are not read.
const SAMPLES_MAX: u64 = 1 << 48;
/// The largest magnitude of a sum in millionths, likewise.
const SUM_MAX: u128 = 1 << 100;

/// All windows of a run so far as encoded windows, several if one would be too long.
///
/// They are kept as bytes, in an order of their own, so that the same windows give the same bytes on all nodes. Samples
/// are those of all windows. Of the gauges that are counts (`vus`) they have the last value of each part, and as many
/// earlier ones as [`SUMMED_PARTS_MAX`] lets them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedWindows {
    parts: Vec<Vec<u8>>,
}

/// Why windows can't be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MergeError {
    /// They can't be read.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// There are more samples than can be.
    #[error("the run would have more samples than can be counted; the windows are damaged")]
    Samples,
    /// There would be too many bytes.
    #[error("the run's merged windows would have more than {TOTALS_BYTES_MAX} bytes")]
    TooLarge,
}

impl MergedWindows {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// The windows.
    ///
    /// # Errors
    ///
    /// When they aren't of a run with these metrics.
    pub fn decode(&self, registry: &Registry) -> Result<Vec<Window>, WindowError> {
        self.parts.iter().map(|part| Window::decode(part, registry)).collect()
    }

    /// That of one window.
    pub fn of(window: Window) -> Self {
        let mut parts = Vec::new();
        if !window.is_empty() || !window.overflows.is_empty() {
            encode(sorted(window), &mut parts);
        }
        Self { parts }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes that may be no window.
    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { parts: vec![bytes] }
    }

    /// These windows with some more. It costs about as much as there is in both.
    pub(crate) fn with(&self, delta: &Self, registry: &Registry) -> Result<Self, MergeError> {
        let delta = delta.decode(registry)?;
        let mut merger = WindowMerger::new(SourceId::default());
        for window in self.decode(registry)?.into_iter().chain(delta) {
            merger.add(window);
        }
        let mut merged = merger.take();
        if !merged.series.iter().all(|series| can_be_read(&series.delta)) {
            return Err(MergeError::Samples);
        }
        merged = sorted(merged);
        thin_out(&mut merged.series);
        let mut parts = Vec::new();
        encode(merged, &mut parts);
        let merged = Self { parts };
        if merged.bytes() > TOTALS_BYTES_MAX { Err(MergeError::TooLarge) } else { Ok(merged) }
    }
}

/// In an order of its own.
fn sorted(mut window: Window) -> Window {
    window.series.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.tags.iter().cmp(b.tags.iter())));
    window
}

/// Series without tags come last: a merger takes them in whatever its number of series.
fn order(series: &WindowSeries) -> (bool, usize, Stamp) {
    let stamp = match series.delta {
        Aggregate::Gauge { stamp, .. } if is_summed(series) => stamp,
        _ => Stamp::default(),
    };
    (series.tags.is_empty(), series.metric.index(), stamp)
}

fn is_summed(series: &WindowSeries) -> bool {
    builtin::is_summed_gauge(series.metric)
}

/// Leaves out the earliest values of gauges that are counts if there are too many. The last of each part stays.
fn thin_out(series: &mut Vec<WindowSeries>) {
    let summed = series.iter().filter(|series| is_summed(series)).count();
    let mut surplus = summed.saturating_sub(SUMMED_PARTS_MAX);
    if surplus == 0 {
        return;
    }
    let mut later = std::collections::BTreeSet::new();
    let mut superseded = vec![false; series.len()];
    let mut by_time: Vec<_> = (0..series.len()).filter(|n| is_summed(&series[*n])).collect();
    by_time.sort_by_key(|n| (order(&series[*n]).2, *n));
    for &n in by_time.iter().rev() {
        let tags = series[n].tags.iter().collect::<Vec<_>>();
        superseded[n] = !later.insert((series[n].metric, order(&series[n]).2.source, tags));
    }
    for n in by_time {
        if superseded[n] && surplus > 0 {
            surplus -= 1;
        } else {
            superseded[n] = false;
        }
    }
    drop(later);
    let mut kept = superseded.into_iter().map(|superseded| !superseded);
    series.retain(|_| kept.next().unwrap_or(true));
}

fn can_be_read(delta: &Aggregate) -> bool {
    match delta {
        Aggregate::Counter { sum_millionths, samples } => {
            *samples <= SAMPLES_MAX && sum_millionths.unsigned_abs() <= SUM_MAX
        }
        Aggregate::Gauge { .. } => true,
        Aggregate::Rate { total, .. } => *total <= SAMPLES_MAX,
        Aggregate::Trend(trend) => trend.count() <= SAMPLES_MAX,
    }
}

/// As one window, or the two halves likewise if that would be too long.
fn encode(window: Window, parts: &mut Vec<Vec<u8>>) {
    let of_tags = |series: &WindowSeries| series.tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let is_single = window.series.len() <= 1;
    if is_single
        || window.series.len() <= PART_SERIES_MAX && window.series.iter().map(of_tags).sum::<usize>() <= PART_BYTES_MAX
    {
        let bytes = window.encode();
        if is_single || bytes.len() <= PART_BYTES_MAX {
            return parts.push(bytes);
        }
    }
    let Window { source, at, mut series, overflows } = window;
    let second = series.split_off(series.len() / 2);
    encode(Window { source, at, series, overflows }, parts);
    encode(Window { source, at, series: second, overflows: Vec::new() }, parts);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use throng_stats::{MetricId, TagSet, Trend};

    use super::*;

    fn window(series: Vec<(MetricId, TagSet, Aggregate)>) -> Vec<u8> {
        let series = series.into_iter().map(|(metric, tags, delta)| WindowSeries { metric, tags, delta });
        let at = Duration::from_secs(1);
        Window { source: SourceId(9), at, series: series.collect(), overflows: Vec::new() }.encode()
    }

    fn times(n: u64) -> Vec<u8> {
        let mut trend = Trend::new();
        (0..40).for_each(|value| trend.record((n + value) as i64 * 1_000_003));
        let tags = |key| TagSet::from_pairs([(key, format!("{}", n % 5))]);
        let count = Aggregate::Counter { sum_millionths: 1_000_000, samples: 1 };
        window(vec![
            (builtin::HTTP_REQ_DURATION, tags("url"), Aggregate::Trend(Box::new(trend))),
            (builtin::HTTP_REQS, tags("name"), count.clone()),
            (builtin::HTTP_REQS, TagSet::empty(), count),
        ])
    }

    fn delta(window: Vec<u8>) -> MergedWindows {
        MergedWindows::of_bytes(window)
    }

    fn merged(windows: impl IntoIterator<Item = Vec<u8>>) -> MergedWindows {
        let registry = Registry::new();
        let all = windows.into_iter();
        all.fold(MergedWindows::default(), |merged, window| merged.with(&delta(window), &registry).unwrap())
    }

    #[test]
    fn the_same_windows_give_the_same_bytes_in_any_order() {
        let forth = merged((0..30).map(times));
        assert_eq!(forth, merged((0..30).rev().map(times)));
        assert_ne!(forth, merged((0..29).map(times)));
        let again: MergedWindows = postcard::from_bytes(&postcard::to_stdvec(&forth).unwrap()).unwrap();
        assert_eq!(again.with(&delta(times(40)), &Registry::new()), forth.with(&delta(times(40)), &Registry::new()));
    }

    #[test]
    fn what_would_be_too_long_is_several_windows() {
        let name = |n: usize| TagSet::from_pairs([("url", format!("{n}{}", "x".repeat(2_000)))]);
        let one = Aggregate::Counter { sum_millionths: 1_000_000, samples: 1 };
        let series =
            |range: std::ops::Range<usize>| window(range.map(|n| (builtin::HTTP_REQS, name(n), one.clone())).collect());
        let merged = merged([series(0..3_000), series(2_000..5_000)]);
        assert!(merged.parts.len() >= 2);
        assert!(merged.parts.iter().all(|part| part.len() <= PART_BYTES_MAX));
        let windows = merged.decode(&Registry::new()).unwrap();
        assert_eq!(windows.iter().map(|window| window.series.len()).sum::<usize>(), 5_000);
    }

    #[test]
    fn of_too_many_values_of_counts_the_earliest_go_and_the_last_of_each_part_stays() {
        let vus = |source, second: u64| {
            let stamp = Stamp { at: Duration::from_secs(second), source: SourceId(source), order: 0 };
            (builtin::VUS, TagSet::empty(), Aggregate::Gauge { last: 1.0, min: 1.0, max: 1.0, stamp })
        };
        let early = window(vec![vus(1_000_000, 0)]);
        let seconds = (1..=50).map(|second| window((0..500).map(|source| vus(source, second)).collect()));
        let merged = merged([early].into_iter().chain(seconds));
        let series = merged.decode(&Registry::new()).unwrap().into_iter().flat_map(|window| window.series);
        let stamps: Vec<_> = series.map(|series| order(&series).2).collect();
        assert_eq!(stamps.len(), SUMMED_PARTS_MAX);
        assert!(stamps.iter().any(|stamp| stamp.source == SourceId(1_000_000)));
        assert_eq!(stamps.iter().filter(|stamp| stamp.at == Duration::from_secs(50)).count(), 500);
        assert!(!stamps.iter().any(|stamp| stamp.at == Duration::from_secs(1)));
    }

    #[test]
    fn more_samples_than_can_be_are_refused() {
        let most = |samples| {
            let count = Aggregate::Counter { sum_millionths: 0, samples };
            window(vec![(builtin::HTTP_REQS, TagSet::empty(), count)])
        };
        let merged = merged([most(SAMPLES_MAX)]);
        assert_eq!(merged.with(&delta(most(1)), &Registry::new()), Err(MergeError::Samples));
        assert!(matches!(merged.with(&delta(b"nothing".to_vec()), &Registry::new()), Err(MergeError::Window(_))));
    }
}
