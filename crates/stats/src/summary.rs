//! The summary at the end of a run: a model of it, and its printed forms.

pub use report::{AgentReport, MetricReport, Report, ScopeReport, Settings, ThresholdReport, Values};
pub use stat::{TimeUnit, TrendStat, TrendStatError};
pub use text::Mode;

pub mod json;
mod number;
mod report;
mod section;
mod stat;
pub mod text;
