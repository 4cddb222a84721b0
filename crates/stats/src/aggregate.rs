//! What a metric's samples come to.

use std::time::Duration;

use crate::metric::Kind;
use crate::trend::{MILLION, Trend};
use crate::window::SourceId;

/// The samples of one series, combined. Values are in the metric's unit, or, where
/// a name says so, in whole millionths of it, so that sums are exact.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// A sum.
    Counter {
        /// Sum in millionths.
        sum_millionths: i128,
        /// How many samples were added.
        samples: u64,
    },
    /// The last value.
    Gauge {
        /// The value with the greatest stamp.
        last: f64,
        /// The smallest value.
        min: f64,
        /// The largest value.
        max: f64,
        /// When the last value was set.
        stamp: Stamp,
    },
    /// A share.
    Rate {
        /// Samples that weren't zero.
        trues: u64,
        /// All samples.
        total: u64,
    },
    /// A distribution.
    Trend(Box<Trend>),
}

/// What says which of two values of a gauge is the later one, whichever comes first. The order is that of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// When the window was taken in which it was set, from the start of the run.
    pub at: Duration,
    /// Whose window that was.
    pub source: SourceId,
    /// Counts the values that the recorder set in that window.
    pub order: u32,
}

impl Aggregate {
    /// The combination of no samples. A gauge without samples is 0.
    pub fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter { sum_millionths: 0, samples: 0 },
            Kind::Gauge => Self::Gauge { last: 0.0, min: 0.0, max: 0.0, stamp: Stamp::default() },
            Kind::Rate => Self::Rate { trues: 0, total: 0 },
            Kind::Trend => Self::Trend(Box::default()),
        }
    }

    /// Which kind of metric this belongs to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Counter { .. } => Kind::Counter,
            Self::Gauge { .. } => Kind::Gauge,
            Self::Rate { .. } => Kind::Rate,
            Self::Trend(_) => Kind::Trend,
        }
    }

    /// Adds the samples of another aggregate. The order makes no difference: of gauges, the value with the later
    /// stamp is the last one. Both gauges must have samples. Another kind is ignored, since a series keeps its kind.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::Counter { sum_millionths, samples },
                Self::Counter { sum_millionths: more, samples: more_samples },
            ) => {
                *sum_millionths += more;
                *samples += more_samples;
            }
            (
                Self::Gauge { last, min, max, stamp },
                Self::Gauge { last: other, min: other_min, max: other_max, stamp: other_stamp },
            ) => {
                if (*stamp).cmp(other_stamp).then_with(|| last.total_cmp(other)).is_lt() {
                    (*last, *stamp) = (*other, *other_stamp);
                }
                *min = min.min(*other_min);
                *max = max.max(*other_max);
            }
            (Self::Rate { trues, total }, Self::Rate { trues: more_trues, total: more }) => {
                *trues += more_trues;
                *total += more;
            }
            (Self::Trend(trend), Self::Trend(more)) => trend.merge(more),
            _ => debug_assert!(false, "a series keeps its kind"),
        }
    }

    /// Takes samples away that were merged before; gauges and the ends of a trend are left as they are.
    /// See [`Trend::subtract`].
    pub(crate) fn subtract(&mut self, other: &Self, bounds: (i64, i64)) {
        match (self, other) {
            (Self::Counter { sum_millionths, samples }, Self::Counter { sum_millionths: less, samples: fewer }) => {
                *sum_millionths -= less;
                *samples -= fewer;
            }
            (Self::Rate { trues, total }, Self::Rate { trues: fewer_trues, total: fewer }) => {
                *trues -= fewer_trues;
                *total -= fewer;
            }
            (Self::Trend(trend), Self::Trend(other)) => trend.subtract(other, bounds),
            _ => {}
        }
    }

    /// Whether it is of no samples; a gauge never is.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Counter { samples, .. } => *samples == 0,
            Self::Gauge { .. } => false,
            Self::Rate { total, .. } => *total == 0,
            Self::Trend(trend) => trend.is_empty(),
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn held_bytes(&self) -> usize {
        let beyond = match self {
            Self::Trend(trend) => trend.held_bytes(),
            _ => 0,
        };
        size_of::<Self>() + beyond
    }

    /// A counter's sum in the metric's unit; 0 for other kinds.
    pub fn sum(&self) -> f64 {
        match self {
            Self::Counter { sum_millionths, .. } => millionths_to_unit(*sum_millionths),
            _ => 0.0,
        }
    }
}

/// Whole units and the fraction apart, so that counts stay exact up to 2^53.
fn millionths_to_unit(sum_millionths: i128) -> f64 {
    let whole = sum_millionths / 1_000_000;
    let fraction = (sum_millionths % 1_000_000) as f64 / MILLION;
    whole as f64 + fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counters_and_rates_merge_in_any_order(
            sums in prop::array::uniform3(any::<i64>()), counts in prop::array::uniform3(0..1_u64 << 40),
        ) {
            let [a, b, c] = [0, 1, 2].map(|i| Aggregate::Counter {
                sum_millionths: sums[i].into(), samples: counts[i],
            });
            let merged = |first: &Aggregate, second: &Aggregate| {
                let mut result = first.clone();
                result.merge(second);
                result
            };
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));

            let [a, b, c] = [0, 1, 2].map(|i| Aggregate::Rate { trues: counts[i] / 2, total: counts[i] });
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        }

        #[test]
        fn gauges_merge_in_any_order(
            values in prop::array::uniform3(-3..3_i8), stamps in prop::array::uniform3((0..3_u64, 0..3_u32, 0..3_u32)),
        ) {
            let [a, b, c] = [0, 1, 2].map(|i| {
                let (value, (at, source, order)) = (f64::from(values[i]), stamps[i]);
                let stamp = Stamp { at: Duration::from_secs(at), source: SourceId(source), order };
                Aggregate::Gauge { last: value, min: value, max: value, stamp }
            });
            let merged = |first: &Aggregate, second: &Aggregate| {
                let mut result = first.clone();
                result.merge(second);
                result
            };
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        }

        #[test]
        fn counts_are_exact_where_their_millionths_are_not(count in 0..1_u64 << 53) {
            let sum_millionths = i128::from(count) * 1_000_000;
            let counter = Aggregate::Counter { sum_millionths, samples: 1 };
            prop_assert_eq!(counter.sum(), count as f64);
        }
    }
}
