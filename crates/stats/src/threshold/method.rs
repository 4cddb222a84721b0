//! What a threshold looks at.

use std::fmt;
use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::metric::Kind;

/// A statistic of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// A counter's sum.
    Count,
    /// A counter's sum per second, or a rate's share.
    Rate,
    /// A gauge's last value.
    Value,
    /// A trend's mean.
    Avg,
    /// A trend's smallest value.
    Min,
    /// A trend's median.
    Med,
    /// A trend's largest value.
    Max,
    /// A trend's percentile, 0 to 100.
    Percentile(f64),
}

/// Why a method could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// It isn't one of them.
    #[error("there is no `{0}`; use count, rate, value, avg, min, med, max or p(N)")]
    Unknown(String),
    /// A percentile out of range, or not a number.
    #[error("`{0}` isn't a percentile; N in p(N) is a number from 0 to 100")]
    Percentile(String),
}

impl Method {
    /// Reads `count`, `rate`, `value`, `avg`, `min`, `med`, `max` or `p(N)`.
    ///
    /// # Errors
    ///
    /// When it is something else, or N isn't a number from 0 to 100. `p95` is
    /// something else; the message says how it is written.
    pub fn parse(text: &str) -> Result<Self, MethodError> {
        Ok(match text {
            "count" => Self::Count,
            "rate" => Self::Rate,
            "value" => Self::Value,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "med" => Self::Med,
            "max" => Self::Max,
            other => Self::Percentile(parse_percentile(other)?),
        })
    }

    /// Whether metrics of that kind have it.
    pub fn fits(self, kind: Kind) -> bool {
        match kind {
            Kind::Counter => matches!(self, Self::Count | Self::Rate),
            Kind::Gauge => matches!(self, Self::Value),
            Kind::Rate => matches!(self, Self::Rate),
            Kind::Trend => !matches!(self, Self::Count | Self::Rate | Self::Value),
        }
    }

    /// What metrics of that kind have, for a message.
    pub(super) fn names_for(kind: Kind) -> &'static str {
        match kind {
            Kind::Counter => "count or rate",
            Kind::Gauge => "value",
            Kind::Rate => "rate",
            Kind::Trend => "avg, min, med, max or p(N)",
        }
    }

    /// Its value, in the metric's unit. None for a rate without samples, a counter's
    /// rate at 0 s, and an aggregate that doesn't have it.
    pub(super) fn value_of(self, aggregate: &Aggregate, elapsed: Duration) -> Option<f64> {
        match (self, aggregate) {
            (Self::Count, Aggregate::Counter { .. }) => Some(aggregate.sum()),
            (Self::Rate, Aggregate::Counter { .. }) => {
                (!elapsed.is_zero()).then(|| aggregate.sum() / elapsed.as_secs_f64())
            }
            (Self::Value, Aggregate::Gauge { last, .. }) => Some(*last),
            (Self::Rate, Aggregate::Rate { trues, total }) => (*total > 0).then(|| *trues as f64 / *total as f64),
            (Self::Avg, Aggregate::Trend(trend)) => Some(trend.avg()),
            (Self::Min, Aggregate::Trend(trend)) => Some(trend.min()),
            (Self::Med, Aggregate::Trend(trend)) => Some(trend.med()),
            (Self::Max, Aggregate::Trend(trend)) => Some(trend.max()),
            (Self::Percentile(percent), Aggregate::Trend(trend)) => Some(trend.percentile(percent)),
            _ => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Rate => f.write_str("rate"),
            Self::Value => f.write_str("value"),
            Self::Avg => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Med => f.write_str("med"),
            Self::Max => f.write_str("max"),
            Self::Percentile(percent) => write!(f, "p({percent})"),
        }
    }
}

/// Reads the number of `p(N)`.
pub(crate) fn parse_percentile(text: &str) -> Result<f64, MethodError> {
    let inner = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')'));
    let Some(inner) = inner else {
        let digits = text.strip_prefix('p').and_then(|rest| rest.parse::<f64>().ok());
        return Err(match digits {
            Some(_) => MethodError::Percentile(text.to_owned()),
            None => MethodError::Unknown(text.to_owned()),
        });
    };
    let percent: Option<f64> = inner.parse().ok();
    percent.filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(|| MethodError::Percentile(text.to_owned()))
}
