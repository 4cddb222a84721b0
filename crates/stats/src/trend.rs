//! The distribution of a metric's values in bounded memory.

use hdrhistogram::Histogram;

#[cfg(test)]
mod tests;

/// Significant decimal digits a histogram keeps. Its buckets are at most 1/1024 of
/// their lower edge wide, so that an estimate is within 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Up to this many values that aren't zero are kept as they are. A series that is seldom
/// used then costs a kilobyte and not the 100 KB and more of a histogram, and its
/// percentiles are exact.
const MAX_EXACT: usize = 128;

/// Millionths in one unit of a metric.
pub(crate) const MILLION: f64 = 1e6;

/// A distribution of values.
///
/// Values are whole *millionths of the metric's unit*: for a time metric, whose unit
/// is the millisecond, these are nanoseconds. Count, sum, minimum and maximum are exact.
/// Percentiles are exact up to 128 values other than zero, and within 0.1 % of the
/// neighbouring samples beyond. What is returned is in the metric's unit.
#[derive(Debug, Clone)]
pub struct Trend {
    count: u64,
    zeros: u64,
    sum: i128,
    min: i64,
    max: i64,
    /// The values that aren't zero, while they are few.
    exact: Vec<i64>,
    /// All values that aren't zero, once they were too many.
    spilled: bool,
    positive: Option<Box<Histogram<u64>>>,
    /// Magnitudes of negative values.
    negative: Option<Box<Histogram<u64>>>,
}

impl Trend {
    /// A distribution without values. It allocates when the first one comes.
    pub fn new() -> Self {
        Self {
            count: 0,
            zeros: 0,
            sum: 0,
            min: i64::MAX,
            max: i64::MIN,
            exact: Vec::new(),
            spilled: false,
            positive: None,
            negative: None,
        }
    }

    /// Adds one value, in millionths of the metric's unit.
    #[inline]
    pub fn record(&mut self, millionths: i64) {
        self.count += 1;
        self.sum += i128::from(millionths);
        self.min = self.min.min(millionths);
        self.max = self.max.max(millionths);
        if millionths == 0 {
            self.zeros += 1;
        } else if self.spilled {
            self.record_in_histogram(millionths);
        } else {
            self.record_exactly(millionths);
        }
    }

    /// Adds one value so many times.
    pub fn record_times(&mut self, millionths: i64, times: u64) {
        let spilling = !self.spilled && times > (MAX_EXACT - self.exact.len()) as u64;
        if millionths == 0 || times == 0 || !(self.spilled || spilling) {
            return (0..times).for_each(|_| self.record(millionths));
        }
        self.spill();
        self.count += times;
        self.sum += i128::from(millionths) * i128::from(times);
        self.min = self.min.min(millionths);
        self.max = self.max.max(millionths);
        let recorded = self.histogram_of(millionths).record_n(millionths.unsigned_abs(), times);
        debug_assert!(recorded.is_ok(), "{millionths} doesn't fit the histogram");
    }

    /// Adds all values of another distribution. The result is the same as if its
    /// values had been recorded here, in any order and grouping.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.zeros += other.zeros;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        if other.spilled {
            self.spill();
            add_histogram(&mut self.positive, other.positive.as_deref());
            add_histogram(&mut self.negative, other.negative.as_deref());
        } else {
            for &value in &other.exact {
                if self.spilled {
                    self.record_in_histogram(value);
                } else {
                    self.record_exactly(value);
                }
            }
        }
    }

    /// Removes all values and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.count = 0;
        self.zeros = 0;
        self.sum = 0;
        self.min = i64::MAX;
        self.max = i64::MIN;
        self.exact.clear();
        self.spilled = false;
        for histogram in [&mut self.positive, &mut self.negative].into_iter().flatten() {
            if !histogram.is_empty() {
                histogram.reset();
            }
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Sum of all values in millionths.
    pub fn sum_millionths(&self) -> i128 {
        self.sum
    }

    /// Mean; 0 without values.
    pub fn avg(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.sum as f64 / self.count as f64 / MILLION
    }

    /// Smallest value; 0 without values.
    pub fn min(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.min as f64 / MILLION
    }

    /// Largest value; 0 without values.
    pub fn max(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.max as f64 / MILLION
    }

    /// Median; 0 without values.
    pub fn med(&self) -> f64 {
        self.percentile(50.0)
    }

    /// The value below which `percent` (0 to 100) of the values lie; 0 without values.
    ///
    /// k6's rule: the position is percent/100 × (count − 1) in the sorted values, and
    /// between two of them the result is interpolated linearly.
    pub fn percentile(&self, percent: f64) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let position = (percent / 100.0).clamp(0.0, 1.0) * (self.count - 1) as f64;
        // A count beyond 2^53 rounds upwards.
        let below = (position.floor() as u64).min(self.count - 1);
        let above = (below + 1).min(self.count - 1);
        let (low, high) = self.values_at(below, above);
        let fraction = position - below as f64;
        let value = if fraction > 0.0 { low + (high - low) * fraction } else { low };
        value.clamp(self.min as f64, self.max as f64) / MILLION
    }

    /// All values that aren't below zero, in millionths.
    pub(crate) fn histogram(&self) -> Histogram<u64> {
        let mut all = self.positive.as_deref().cloned().unwrap_or_else(|| *new_histogram());
        let positive = self.exact.iter().filter(|value| **value > 0);
        for (value, count) in positive.map(|value| (value.unsigned_abs(), 1)).chain([(0, self.zeros)]) {
            let recorded = all.record_n(value, count);
            debug_assert!(recorded.is_ok(), "histograms resize themselves");
        }
        all
    }

    /// The values, in millionths, at two ranks (from 0) that are equal or adjacent.
    fn values_at(&self, first: u64, second: u64) -> (f64, f64) {
        if !self.spilled {
            let mut sorted = self.exact.clone();
            sorted.sort_unstable();
            let negatives = sorted.partition_point(|&value| value < 0);
            let at = |rank: u64| {
                let after_zeros = rank.checked_sub(negatives as u64);
                match after_zeros {
                    None => sorted[rank as usize] as f64,
                    Some(rank) if rank < self.zeros => 0.0,
                    Some(rank) => sorted[negatives + (rank - self.zeros) as usize] as f64,
                }
            };
            return (at(first), at(second));
        }
        (self.estimate_at(first), self.estimate_at(second))
    }

    /// Estimate of the value at a rank, from the histograms; the ends are exact.
    fn estimate_at(&self, rank: u64) -> f64 {
        if rank == 0 {
            return self.min as f64;
        }
        if rank == self.count - 1 {
            return self.max as f64;
        }
        let negatives = self.negative.as_ref().map_or(0, |histogram| histogram.len());
        let estimate = if rank < negatives {
            // The magnitudes are sorted the other way round.
            let mirrored = negatives - 1 - rank;
            -self.negative.as_ref().map_or(0.0, |h| value_in(h, mirrored))
        } else if rank - negatives < self.zeros {
            0.0
        } else {
            let rank = rank - negatives - self.zeros;
            self.positive.as_ref().map_or(0.0, |h| value_in(h, rank))
        };
        estimate.clamp(self.min as f64, self.max as f64)
    }

    #[inline]
    fn record_exactly(&mut self, millionths: i64) {
        if self.exact.len() == MAX_EXACT {
            self.spill();
            self.record_in_histogram(millionths);
        } else {
            self.exact.push(millionths);
        }
    }

    /// Moves on from exact values to histograms.
    #[cold]
    fn spill(&mut self) {
        self.spilled = true;
        let mut values = std::mem::take(&mut self.exact);
        for value in values.drain(..) {
            self.record_in_histogram(value);
        }
        self.exact = values;
    }

    #[inline]
    fn record_in_histogram(&mut self, millionths: i64) {
        // It resizes itself up to 2^63, the largest magnitude of an i64.
        let recorded = self.histogram_of(millionths).record(millionths.unsigned_abs());
        debug_assert!(recorded.is_ok(), "{millionths} doesn't fit the histogram");
    }

    #[inline]
    fn histogram_of(&mut self, millionths: i64) -> &mut Histogram<u64> {
        let histogram = if millionths > 0 { &mut self.positive } else { &mut self.negative };
        histogram.get_or_insert_with(new_histogram)
    }
}

impl Default for Trend {
    fn default() -> Self {
        Self::new()
    }
}

/// Two distributions are equal when they hold the same values, as far as they
/// can tell values apart.
impl PartialEq for Trend {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |trend: &Self| {
            let mut values = trend.exact.clone();
            values.sort_unstable();
            values
        };
        self.count == other.count
            && self.zeros == other.zeros
            && self.sum == other.sum
            && self.min == other.min
            && self.max == other.max
            && self.spilled == other.spilled
            && sorted(self) == sorted(other)
            && same_counts(self.positive.as_deref(), other.positive.as_deref())
            && same_counts(self.negative.as_deref(), other.negative.as_deref())
    }
}

/// Converts a value in a metric's unit to whole millionths. Values whose
/// magnitude is above about 9.2 × 10¹² are cut to that; NaN becomes 0.
pub(crate) fn to_millionths(value: f64) -> i64 {
    (value * MILLION).round() as i64
}

/// A time as a value of a time metric: the millionth of a millisecond is a nanosecond.
pub(crate) fn millionths_of_ns(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

fn new_histogram() -> Box<Histogram<u64>> {
    match Histogram::new(SIGNIFICANT_DIGITS) {
        Ok(histogram) => Box::new(histogram),
        Err(error) => unreachable!("3 digits are a valid precision: {error}"),
    }
}

fn add_histogram(to: &mut Option<Box<Histogram<u64>>>, from: Option<&Histogram<u64>>) {
    let Some(from) = from.filter(|histogram| !histogram.is_empty()) else {
        return;
    };
    let added = to.get_or_insert_with(new_histogram).add(from);
    debug_assert!(added.is_ok(), "histograms resize themselves");
}

fn same_counts(a: Option<&Histogram<u64>>, b: Option<&Histogram<u64>>) -> bool {
    let counts = |histogram: Option<&Histogram<u64>>| -> Vec<(u64, u64)> {
        let buckets = histogram.into_iter().flat_map(Histogram::iter_recorded);
        buckets.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect()
    };
    counts(a) == counts(b)
}

/// The value at a rank (from 0), taking a bucket's values as spread evenly over it.
fn value_in(histogram: &Histogram<u64>, rank: u64) -> f64 {
    let mut below = 0;
    for bucket in histogram.iter_recorded() {
        let count = bucket.count_at_value();
        if rank < below + count {
            let low = histogram.lowest_equivalent(bucket.value_iterated_to());
            let last = histogram.equivalent_range(low) - 1;
            let share = ((rank - below) as f64 + 0.5) / count as f64;
            return low as f64 + last as f64 * share;
        }
        below += count;
    }
    histogram.max() as f64
}
