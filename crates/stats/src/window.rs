//! What changed in one shard between two takes.

use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::metric::MetricId;
use crate::tags::TagSet;

/// Which recorder a window comes from; unique within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// The changes of all series that one recorder touched since its last window.
#[derive(Debug, Clone)]
pub struct Window {
    /// The recorder.
    pub source: SourceId,
    /// When it was taken, from the start of the run. Orders the last values of gauges.
    pub at: Duration,
    /// The series with new samples, in the order in which they were first touched.
    pub series: Vec<WindowSeries>,
    /// Metrics that had more series than a recorder keeps, since the start of the run.
    pub overflowed: Vec<MetricId>,
}

impl Window {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// The new samples of one series.
#[derive(Debug, Clone)]
pub struct WindowSeries {
    /// The metric.
    pub metric: MetricId,
    /// The tags its samples carried.
    pub tags: TagSet,
    /// The samples since the last window.
    pub delta: Aggregate,
}
