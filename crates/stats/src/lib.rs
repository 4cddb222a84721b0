//! Metrics of a load test: recording, merging, judging, reporting.
//!
//! A shard owns a [`Recorder`]. It asks once for a [`SeriesId`] per metric and
//! [`TagSet`], then records by that number, which costs an index into a table.
//! About once a second it takes a [`Window`], the changes since the last one.
//! [`Totals`] merges the windows of all shards; [`Thresholds`] are judged on
//! them, and a [`Report`] is what the summaries are printed from:
//!
//! ```text
//! Recorder --take--> Window --merge--> Totals --evaluate--> Outcome
//!                                         \--Report::new--> text, JSON
//! ```
//!
//! A [`WindowMerger`] makes one window of several, and [`Window::encode`] makes bytes
//! of one.
//!
//! Trends are histograms with three significant digits and an exact count, sum,
//! minimum and maximum, so memory doesn't grow with the length of a run.
//!
//! This crate has no clock, no files, no threads and no randomness: time is an
//! argument. It doesn't know scenarios, scripts or sockets.

pub mod builtin;

mod aggregate;
mod checks;
mod interval_log;
mod metric;
mod overflow;
mod recorder;
mod registry;
mod selector;
mod summary;
mod tags;
mod threshold;
mod totals;
mod trend;
mod window;

pub use aggregate::{Aggregate, Stamp};
pub use checks::{Check, Checks};
pub use interval_log::{EncodeError, IntervalLog};
pub use metric::{Contains, Definition, Kind, MetricError, MetricId};
pub use overflow::Overflow;
pub use recorder::{MAX_SERIES, Recorder, SeriesId};
pub use registry::Registry;
pub use selector::{Selector, SelectorError};
pub use summary::{
    AgentReport, MetricReport, Mode, Report, ScopeReport, Settings, ThresholdReport, TimeUnit, TrendStat,
    TrendStatError, Values, json, text,
};
pub use tags::TagSet;
pub use threshold::{
    Expression, Method, MethodError, Operator, Outcome, Threshold, ThresholdError, Thresholds, ValidationError,
    failed_metrics,
};
pub use totals::{Totals, TotalsMemory};
pub use trend::Trend;
pub use window::{SERIES_MAX, SourceId, WINDOW_BYTES_MAX, Window, WindowError, WindowMerger, WindowSeries};
