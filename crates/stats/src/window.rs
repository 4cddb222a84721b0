//! What changed in one shard between two takes.

use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::metric::MetricId;
use crate::overflow::Overflow;
use crate::tags::TagSet;

mod decode;
mod encode;
mod merge;
#[cfg(test)]
mod tests;

pub use decode::{SERIES_MAX, WINDOW_BYTES_MAX, WindowError};
pub use merge::WindowMerger;

/// Seconds for which the parts of a gauge that is summed are kept apart: reports of one second may come so much later
/// than those of others.
pub(crate) const SUMMED_SECONDS_MAX: u64 = 60;

/// Which recorder a window comes from; unique within a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// The changes of all series that one recorder touched since its last window, or of several: see [`WindowMerger`].
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The recorder, or who merged the windows of several.
    pub source: SourceId,
    /// When it was taken, from the start of the run; of several the latest.
    pub at: Duration,
    /// The series with new samples, in no order that means anything.
    pub series: Vec<WindowSeries>,
    /// Metrics that came to have more series than are kept since the last window.
    pub overflows: Vec<Overflow>,
}

impl Window {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// The new samples of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSeries {
    /// The metric.
    pub metric: MetricId,
    /// The tags its samples carried.
    pub tags: TagSet,
    /// The samples since the last window.
    pub delta: Aggregate,
}

/// The second that a gauge's value belongs to.
pub(crate) fn second_of(at: Duration) -> u64 {
    at.as_secs()
}
