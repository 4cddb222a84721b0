//! Stages of ramping models.

use std::time::Duration;

/// A stretch of time in which a level goes in a straight line from where it was to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// How long it takes; with none the level jumps.
    pub duration: Duration,
    /// The level at its end: VUs, or iterations per unit of time.
    pub target: u64,
}

/// Why a load model has no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Times that nanoseconds in 63 bits don't hold.
    #[error("it takes longer than 292 years; shorten its stages")]
    TooLong,
    /// Iterations, or rates, that can't be numbered.
    #[error("it plans more iterations than can be numbered, 2^64; lower its rate")]
    TooMany,
}

/// A duration in whole nanoseconds, at most 292 years.
pub(super) fn ns(duration: Duration) -> Result<u64, ScheduleError> {
    i64::try_from(duration.as_nanos()).map(i64::unsigned_abs).map_err(|_| ScheduleError::TooLong)
}

/// Nanoseconds up to which a schedule is asked for: what is beyond it counts as its end.
pub(super) fn ns_up_to(duration: Duration) -> u64 {
    ns(duration).unwrap_or(i64::MAX as u64)
}

/// How long stages take together.
pub(super) fn total(stages: &[Stage]) -> Duration {
    stages.iter().fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.duration))
}
