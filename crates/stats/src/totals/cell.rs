//! One metric's or submetric's total.

use crate::aggregate::Aggregate;
use crate::builtin;
use crate::window::WindowSeries;

use super::summed::SummedGauge;

/// Samples combined over windows, in whichever order they come.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// As samples of the metric's kind combine.
    Plain(Aggregate),
    /// A gauge whose parts add up.
    Summed(Box<SummedGauge>),
}

impl Cell {
    /// Adds a series' delta to a cell that comes into being with the first one.
    pub(super) fn merge_into(cell: &mut Option<Self>, series: &WindowSeries) {
        match cell {
            Some(Self::Plain(aggregate)) => aggregate.merge(&series.delta),
            Some(Self::Summed(gauge)) => gauge.report(series),
            None if builtin::is_summed_gauge(series.metric) => {
                let mut gauge = Box::<SummedGauge>::default();
                gauge.report(series);
                *cell = Some(Self::Summed(gauge));
            }
            None => *cell = Some(Self::Plain(series.delta.clone())),
        }
    }

    /// The samples combined.
    pub(super) fn aggregate(&self) -> &Aggregate {
        match self {
            Self::Plain(aggregate) => aggregate,
            Self::Summed(gauge) => gauge.aggregate(),
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Plain(aggregate) => aggregate.held_bytes(),
            Self::Summed(gauge) => gauge.held_bytes(),
        }
    }
}
