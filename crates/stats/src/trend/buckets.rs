//! Counts of magnitudes, in buckets of three significant digits.

use hdrhistogram::Histogram;

/// Significant decimal digits that are kept. Buckets are at most 1/1024 of their lower edge
/// wide, so that an estimate is within 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Magnitudes below this have a bucket each; above, every power of two has half as many.
const UNIT_BUCKETS: u64 = 2048;
const HALF: u64 = UNIT_BUCKETS / 2;

/// Numbers of buckets are below this: the last one holds 2^63, the largest magnitude of an i64.
pub(crate) const BUCKETS_MAX: u64 = 54 * HALF + 1;

/// Counts of magnitudes from 1 to 2^63.
#[derive(Debug, Clone)]
pub(crate) enum Buckets {
    /// Quick to add to, and as large as its largest value demands: up to some 400 KiB.
    Dense(Histogram<u64>),
    /// Only the buckets that hold something, by number: what is decoded or set aside.
    Sparse(Vec<(u32, u64)>),
}

impl Buckets {
    /// No counts, to add to.
    pub(crate) fn dense() -> Self {
        match Histogram::new(SIGNIFICANT_DIGITS) {
            Ok(histogram) => Self::Dense(histogram),
            Err(error) => unreachable!("3 digits are a valid precision: {error}"),
        }
    }

    /// Those counts in as little memory as they need.
    pub(crate) fn sparse(&self) -> Self {
        Self::Sparse(self.iter().collect())
    }

    /// Counts one magnitude.
    #[inline]
    pub(crate) fn record(&mut self, magnitude: u64) {
        self.record_n(magnitude, 1);
    }

    /// Counts one magnitude so many times.
    pub(crate) fn record_n(&mut self, magnitude: u64, count: u64) {
        if let Self::Sparse(_) = self {
            let sparse = std::mem::replace(self, Self::dense());
            self.add(&sparse);
        }
        if let Self::Dense(histogram) = self {
            // It resizes itself up to 2^63, the largest magnitude of an i64.
            let recorded = histogram.record_n(magnitude, count);
            debug_assert!(recorded.is_ok(), "{magnitude} doesn't fit the histogram");
        }
    }

    /// Adds the counts of `other`. Two that are sparse stay so.
    pub(crate) fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Dense(to), Self::Dense(from)) => {
                let added = to.add(from);
                debug_assert!(added.is_ok(), "histograms resize themselves");
            }
            (Self::Sparse(to), _) => *to = united(to, other),
            (Self::Dense(_), Self::Sparse(from)) => {
                for &(number, count) in from {
                    self.record_n(lowest(number), count);
                }
            }
        }
    }

    /// Takes counts away that were added before.
    pub(crate) fn subtract(&mut self, other: &Self) {
        let mut removed = Self::dense();
        removed.add(other);
        if let (Self::Dense(from), Self::Dense(removed)) = (self, &removed) {
            let subtracted = from.subtract(removed);
            debug_assert!(subtracted.is_ok(), "only what was added is subtracted");
        }
    }

    /// Removes all counts and keeps the memory.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Dense(histogram) if histogram.is_empty() => {}
            Self::Dense(histogram) => histogram.reset(),
            Self::Sparse(counts) => counts.clear(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Dense(histogram) => histogram.is_empty(),
            Self::Sparse(counts) => counts.is_empty(),
        }
    }

    /// How many magnitudes were counted.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Dense(histogram) => histogram.len(),
            Self::Sparse(counts) => counts.iter().map(|(_, count)| count).sum(),
        }
    }

    /// The buckets that hold something by number, in ascending order, each with its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        let (dense, sparse) = match self {
            Self::Dense(histogram) => (Some(histogram), &[][..]),
            Self::Sparse(counts) => (None, counts.as_slice()),
        };
        // Not the library's own iterator: that works out quantiles on its way.
        let dense = dense.into_iter().filter(|histogram| !histogram.is_empty()).flat_map(|histogram| {
            let numbers = number_of(histogram.min_nz())..=number_of(histogram.max());
            numbers.map(|number| (number, histogram.count_at(lowest(number)))).filter(|(_, count)| *count > 0)
        });
        dense.chain(sparse.iter().copied())
    }

    /// Numbers of the first and the last bucket that hold something.
    pub(crate) fn ends(&self) -> Option<(u32, u32)> {
        match self {
            Self::Dense(histogram) if histogram.is_empty() => None,
            Self::Dense(histogram) => Some((number_of(histogram.min_nz()), number_of(histogram.max()))),
            Self::Sparse(counts) => Some((counts.first()?.0, counts.last()?.0)),
        }
    }

    /// The value at a rank (from 0), taking a bucket's values as spread evenly over it.
    pub(crate) fn value_at(&self, rank: u64) -> f64 {
        let Some((number, below, count)) = self.jump_to(rank).or_else(|| self.walk_to(rank)) else { return 0.0 };
        let width = lowest(number + 1) - lowest(number);
        let share = ((rank - below) as f64 + 0.5) / count as f64;
        lowest(number) as f64 + (width - 1) as f64 * share
    }

    /// The bucket that holds a rank, how many magnitudes are in those below, and how many in it.
    fn walk_to(&self, rank: u64) -> Option<(u32, u64, u64)> {
        let mut below = 0;
        self.iter().find_map(|(number, count)| {
            let is_in = rank < below + count;
            below += count;
            is_in.then(|| (number, below - count, count))
        })
    }

    /// The same by the library's own search, which looks at eight buckets at a time. None where its floating-point numbers
    /// lead elsewhere.
    fn jump_to(&self, rank: u64) -> Option<(u32, u64, u64)> {
        let Self::Dense(histogram) = self else { return None };
        let value = histogram.value_at_quantile((rank as f64 + 0.5) / histogram.len() as f64);
        let (low, least) = (histogram.lowest_equivalent(value), histogram.min_nz());
        let below = if low > least { histogram.count_between(least, low - 1) } else { 0 };
        let count = histogram.count_at(value);
        (below <= rank && rank < below + count).then(|| (number_of(value), below, count))
    }

    /// The counts in the library's own form.
    pub(crate) fn into_histogram(self) -> Histogram<u64> {
        let mut whole = Self::dense();
        whole.add(&self);
        match whole {
            Self::Dense(histogram) => histogram,
            Self::Sparse(_) => unreachable!("adding to what is dense leaves it so"),
        }
    }

    /// Bytes of memory that the counts take.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Dense(histogram) => histogram.distinct_values() * size_of::<u64>(),
            Self::Sparse(counts) => counts.capacity() * size_of::<(u32, u64)>(),
        }
    }
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// The number of the bucket that holds a magnitude.
pub(crate) fn number_of(magnitude: u64) -> u32 {
    if magnitude < UNIT_BUCKETS {
        return magnitude as u32;
    }
    let shift = 53 - magnitude.leading_zeros();
    shift * HALF as u32 + (magnitude >> shift) as u32
}

/// The smallest magnitude of a bucket.
fn lowest(number: u32) -> u64 {
    let number = u64::from(number);
    if number < UNIT_BUCKETS {
        return number;
    }
    let shift = number / HALF - 1;
    (number - shift * HALF) << shift
}

/// Counts of both, sorted.
fn united(some: &[(u32, u64)], other: &Buckets) -> Vec<(u32, u64)> {
    let mut united = Vec::with_capacity(some.len());
    let mut some = some.iter().copied().peekable();
    for (number, count) in other.iter() {
        while let Some(before) = some.next_if(|(known, _)| *known < number) {
            united.push(before);
        }
        let more = some.next_if(|(known, _)| *known == number).map_or(0, |(_, more)| more);
        united.push((number, count + more));
    }
    united.extend(some);
    united
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn magnitude() -> impl Strategy<Value = u64> {
        (0..64_u32, any::<u64>()).prop_map(|(shift, value)| (value >> shift).clamp(1, 1 << 63))
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_the_library(magnitude in magnitude()) {
            let Buckets::Dense(mut histogram) = Buckets::dense() else { panic!("dense") };
            histogram.record(magnitude).unwrap();
            let number = number_of(magnitude);
            prop_assert_eq!(lowest(number), histogram.lowest_equivalent(magnitude));
            prop_assert!(u64::from(number) < BUCKETS_MAX);
            prop_assert_eq!(number_of(lowest(number)), number);
        }

        #[test]
        fn both_forms_come_to_the_same(
            some in prop::collection::vec(magnitude(), 0..100), more in prop::collection::vec(magnitude(), 0..100),
        ) {
            let of = |values: &[u64]| {
                let mut buckets = Buckets::dense();
                values.iter().for_each(|value| buckets.record(*value));
                buckets
            };
            let (some_dense, more_dense) = (of(&some), of(&more));
            let all = of(&[some, more].concat());
            for (a, b) in [
                (some_dense.clone(), more_dense.clone()),
                (some_dense.clone(), more_dense.sparse()),
                (some_dense.sparse(), more_dense.clone()),
                (some_dense.sparse(), more_dense.sparse()),
            ] {
                let mut sum = a;
                sum.add(&b);
                prop_assert!(sum == all);
                prop_assert_eq!(sum.len(), all.len());
                prop_assert_eq!(sum.ends(), all.ends());
            }
            for rank in 0..all.len() {
                prop_assert_eq!(all.jump_to(rank), all.walk_to(rank));
                prop_assert_eq!(all.value_at(rank), all.sparse().value_at(rank));
            }
            let mut rest = all;
            rest.subtract(&more_dense.sparse());
            prop_assert!(rest == some_dense);
        }
    }
}
