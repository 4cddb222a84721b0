//! The distribution of a metric's values in bounded memory.

use buckets::Buckets;
use hdrhistogram::Histogram;

pub(crate) mod buckets;
#[cfg(test)]
mod tests;

/// Up to this many values that aren't zero are kept as they are. A series that is seldom
/// used then costs a kilobyte and not the 100 KB and more of a histogram, and its
/// percentiles are exact.
pub(crate) const MAX_EXACT: usize = 128;

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
    positive: Option<Box<Buckets>>,
    /// Magnitudes of negative values.
    negative: Option<Box<Buckets>>,
}

/// What a distribution consists of.
pub(crate) struct Parts<'a> {
    pub(crate) zeros: u64,
    /// The values that aren't zero, while they are few.
    pub(crate) exact: &'a [i64],
    /// Otherwise the buckets of the positive and of the negative ones.
    pub(crate) buckets: Option<(Option<&'a Buckets>, Option<&'a Buckets>)>,
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
            self.record_in_bucket(millionths);
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
        self.buckets_of(millionths).record_n(millionths.unsigned_abs(), times);
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
            add_buckets(&mut self.positive, other.positive.as_deref());
            add_buckets(&mut self.negative, other.negative.as_deref());
        } else {
            for &value in &other.exact {
                if self.spilled {
                    self.record_in_bucket(value);
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
        for buckets in [&mut self.positive, &mut self.negative].into_iter().flatten() {
            buckets.clear();
        }
    }

    /// The same values in as little memory as they need, to be set aside.
    pub(crate) fn compact(&self) -> Self {
        let sparse = |buckets: &Option<Box<Buckets>>| {
            let buckets = buckets.as_ref().filter(|buckets| !buckets.is_empty());
            buckets.map(|buckets| Box::new(buckets.sparse()))
        };
        Self { exact: self.exact.clone(), positive: sparse(&self.positive), negative: sparse(&self.negative), ..*self }
    }

    /// Takes values away that were merged before. The smallest and largest of those that are left
    /// are not known by this and have to be given: they count if any are left.
    pub(crate) fn subtract(&mut self, other: &Self, (min, max): (i64, i64)) {
        self.count -= other.count;
        if self.count == 0 {
            return self.clear();
        }
        self.zeros -= other.zeros;
        self.sum -= other.sum;
        (self.min, self.max) = (min, max);
        if self.spilled {
            let mut removed = other.clone();
            removed.spill();
            for (from, removed) in [(&mut self.positive, removed.positive), (&mut self.negative, removed.negative)] {
                if let (Some(from), Some(removed)) = (from, removed.filter(|removed| !removed.is_empty())) {
                    from.subtract(&removed);
                }
            }
            return;
        }
        for value in &other.exact {
            if let Some(place) = self.exact.iter().position(|known| known == value) {
                self.exact.swap_remove(place);
            }
        }
    }

    /// What it consists of, to be written down.
    pub(crate) fn parts(&self) -> Parts<'_> {
        let buckets = self.spilled.then_some((self.positive.as_deref(), self.negative.as_deref()));
        Parts { zeros: self.zeros, exact: &self.exact, buckets }
    }

    /// A distribution of so many zeros and these values, none of them zero.
    pub(crate) fn of_values(zeros: u64, values: Vec<i64>) -> Self {
        let (min, max) = (values.iter().min().copied(), values.iter().max().copied());
        let zero = (zeros > 0).then_some(0);
        Self {
            count: zeros + values.len() as u64,
            zeros,
            sum: values.iter().map(|value| i128::from(*value)).sum(),
            min: min.into_iter().chain(zero).min().unwrap_or(i64::MAX),
            max: max.into_iter().chain(zero).max().unwrap_or(i64::MIN),
            exact: values,
            ..Self::new()
        }
    }

    /// A distribution of so many zeros, and of positive and negative values in buckets. None if it can't have that sum
    /// or these ends.
    pub(crate) fn of_buckets(
        zeros: u64,
        sum: i128,
        (min, max): (i64, i64),
        positive: Buckets,
        negative: Buckets,
    ) -> Option<Self> {
        let count = zeros.checked_add(positive.len())?.checked_add(negative.len())?;
        let at_end = |value: i64, positive_end: Option<u32>, negative_end: Option<u32>| match value {
            0 => zeros > 0,
            1.. => positive_end == Some(buckets::number_of(value.unsigned_abs())),
            _ => negative_end == Some(buckets::number_of(value.unsigned_abs())),
        };
        let (above, below) = (positive.ends(), negative.ends());
        let min_fits = at_end(min, above.map(|(first, _)| first), below.map(|(_, last)| last));
        let max_fits = at_end(max, above.map(|(_, last)| last), below.map(|(first, _)| first));
        // What lies beyond an end must not be there at all.
        let min_is_least = min < 0 || (below.is_none() && (min == 0 || zeros == 0));
        let max_is_most = max > 0 || (above.is_none() && (max == 0 || zeros == 0));
        let sum_fits = i128::from(min) * i128::from(count) <= sum && sum <= i128::from(max) * i128::from(count);
        let fits = min <= max && min_fits && max_fits && min_is_least && max_is_most && sum_fits;
        let boxed = |buckets: Buckets| (!buckets.is_empty()).then(|| Box::new(buckets));
        fits.then(|| Self {
            count,
            zeros,
            sum,
            min,
            max,
            exact: Vec::new(),
            spilled: true,
            positive: boxed(positive),
            negative: boxed(negative),
        })
    }

    /// The smallest and the largest value in millionths; none without values.
    pub(crate) fn bounds(&self) -> Option<(i64, i64)> {
        (self.count > 0).then_some((self.min, self.max))
    }

    /// Bytes of memory that it takes.
    pub(crate) fn held_bytes(&self) -> usize {
        let buckets = [&self.positive, &self.negative].into_iter().flatten();
        let buckets: usize = buckets.map(|buckets| buckets.held_bytes()).sum();
        size_of::<Self>() + self.exact.capacity() * size_of::<i64>() + buckets
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
        let mut all = Buckets::dense();
        if let Some(positive) = &self.positive {
            all.add(positive);
        }
        let positive = self.exact.iter().filter(|value| **value > 0);
        positive.for_each(|value| all.record(value.unsigned_abs()));
        if self.zeros > 0 {
            all.record_n(0, self.zeros);
        }
        all.into_histogram()
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
        let negatives = self.negative.as_ref().map_or(0, |buckets| buckets.len());
        let estimate = if rank < negatives {
            // The magnitudes are sorted the other way round.
            let mirrored = negatives - 1 - rank;
            -self.negative.as_ref().map_or(0.0, |buckets| buckets.value_at(mirrored))
        } else if rank - negatives < self.zeros {
            0.0
        } else {
            let rank = rank - negatives - self.zeros;
            self.positive.as_ref().map_or(0.0, |buckets| buckets.value_at(rank))
        };
        estimate.clamp(self.min as f64, self.max as f64)
    }

    #[inline]
    fn record_exactly(&mut self, millionths: i64) {
        if self.exact.len() == MAX_EXACT {
            self.spill();
            self.record_in_bucket(millionths);
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
            self.record_in_bucket(value);
        }
        self.exact = values;
    }

    #[inline]
    fn record_in_bucket(&mut self, millionths: i64) {
        self.buckets_of(millionths).record(millionths.unsigned_abs());
    }

    #[inline]
    fn buckets_of(&mut self, millionths: i64) -> &mut Buckets {
        let buckets = if millionths > 0 { &mut self.positive } else { &mut self.negative };
        buckets.get_or_insert_with(|| Box::new(Buckets::dense()))
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

fn add_buckets(to: &mut Option<Box<Buckets>>, from: Option<&Buckets>) {
    if let Some(from) = from.filter(|buckets| !buckets.is_empty()) {
        to.get_or_insert_with(|| Box::new(Buckets::dense())).add(from);
    }
}

fn same_counts(a: Option<&Buckets>, b: Option<&Buckets>) -> bool {
    let empty = |buckets: Option<&Buckets>| buckets.is_none_or(Buckets::is_empty);
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (a, b) => empty(a) && empty(b),
    }
}
