//! Which statistics of trends a summary shows, and in which unit of time.

use std::fmt;
use std::str::FromStr;

use crate::threshold::{MethodError, parse_percentile};
use crate::trend::Trend;

/// A statistic of a trend, as `summaryTrendStats` names them.
#[derive(Debug, Clone, PartialEq)]
pub enum TrendStat {
    /// The mean.
    Avg,
    /// The smallest value.
    Min,
    /// The median.
    Med,
    /// The largest value.
    Max,
    /// How many values there are.
    Count,
    /// A percentile.
    Percentile {
        /// 0 to 100.
        percent: f64,
        /// As the user wrote it, which is how it is shown.
        written: String,
    },
}

/// Why a statistic could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrendStatError {
    /// It isn't one of them.
    #[error("there is no `{0}`; use avg, min, med, max, count or p(N)")]
    Unknown(String),
    /// A percentile out of range, or not a number.
    #[error("`{0}` isn't a percentile; N in p(N) is a number from 0 to 100")]
    Percentile(String),
}

impl TrendStat {
    /// k6's default: `avg`, `min`, `med`, `max`, `p(90)`, `p(95)`.
    pub fn defaults() -> Vec<Self> {
        let percentile = |percent: f64| Self::Percentile { percent, written: format!("p({percent})") };
        let mut stats = vec![Self::Avg, Self::Min, Self::Med, Self::Max];
        stats.extend([percentile(90.0), percentile(95.0)]);
        stats
    }

    /// Its value, in the metric's unit; 0 without samples.
    pub fn value_of(&self, trend: &Trend) -> f64 {
        match self {
            Self::Avg => trend.avg(),
            Self::Min => trend.min(),
            Self::Med => trend.med(),
            Self::Max => trend.max(),
            Self::Count => trend.count() as f64,
            Self::Percentile { percent, .. } => trend.percentile(*percent),
        }
    }
}

impl FromStr for TrendStat {
    type Err = TrendStatError;

    fn from_str(text: &str) -> Result<Self, TrendStatError> {
        Ok(match text {
            "avg" => Self::Avg,
            "min" => Self::Min,
            "med" => Self::Med,
            "max" => Self::Max,
            "count" => Self::Count,
            other => {
                let percent = parse_percentile(other).map_err(|error| match error {
                    MethodError::Unknown(text) => TrendStatError::Unknown(text),
                    MethodError::Percentile(text) => TrendStatError::Percentile(text),
                })?;
                let written = other.to_owned();
                Self::Percentile { percent, written }
            }
        })
    }
}

impl fmt::Display for TrendStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Med => "med",
            Self::Max => "max",
            Self::Count => "count",
            Self::Percentile { written, .. } => written,
        })
    }
}

/// The one unit in which all times are printed, where the user asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// `s`
    Seconds,
    /// `ms`
    Milliseconds,
    /// `us`
    Microseconds,
}

impl TimeUnit {
    /// Reads k6's `s`, `ms` or `us`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Milliseconds),
            "us" => Some(Self::Microseconds),
            _ => None,
        }
    }

    /// As it is written in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_keep_the_users_spelling() {
        for text in ["avg", "min", "med", "max", "count", "p(90)", "p(99.90)"] {
            assert_eq!(text.parse::<TrendStat>().unwrap().to_string(), text);
        }
        let unknown = TrendStatError::Unknown("mean".to_owned());
        assert_eq!("mean".parse::<TrendStat>(), Err(unknown));
        let percentile = TrendStatError::Percentile("p95".to_owned());
        assert_eq!("p95".parse::<TrendStat>(), Err(percentile));
    }
}
