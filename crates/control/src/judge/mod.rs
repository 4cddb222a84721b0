//! What the leader of a run knows of it: the totals of all agents, what the thresholds say, how far the scenarios are.
//!
//! Agents send an [`AgentWindow`] a second. A [`Judge`] takes those of any number of agents, each once, and makes of them
//! totals, verdicts, a [`Progress`] and at last the report. An [`Ending`] is why a run ended.
//!
//! There is no clock here: all times are counted from the run's beginning, which is before setup, and are arguments. The
//! same windows in any order give the same totals.

mod ending;
mod health;
mod judging;
mod progress;
mod report;
mod sources;
mod summary;
#[cfg(test)]
mod tests;
mod vus;
mod window;

pub use ending::{CallFailure, Ending};
pub use judging::{AgentPart, Judge, Memory, NotTaken};
pub use progress::{Progress, Rate, ScenarioProgress};
pub use report::ReportFacts;
pub use sources::{DESTINATIONS_TOLD_MAX, OTHER_DESTINATIONS, SourceUsage, gathered};
pub use summary::{IterationCounts, RunSummary, SummaryError, SummaryText};
pub use vus::VusAt;
pub use window::{AgentWindow, ScenarioCounts, Seconds, ShardUsage, Standing, VUS_SECONDS_MAX, VuCount};
