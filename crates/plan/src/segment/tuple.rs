//! One segment of a sequence, with its elements.

use std::sync::Arc;

use super::error::SegmentError;
use super::fraction::{Fraction, gcd};
use super::index::SegmentedIndex;
use super::sequence::{Segment, SegmentSequence};
use super::stripe::{Stripe, counts_below};

/// One part of a sequence that covers the whole: k6's execution tuple.
///
/// Elements (VUs, iterations, ticks) are numbered from 0 and belong to exactly one part. All parts have to be made from
/// the same sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentTuple {
    weights: Arc<[u64]>,
    part: usize,
    stripe: Stripe,
}

impl SegmentTuple {
    /// A segment and the sequence that it belongs to. What the sequence leaves out at its ends becomes a segment each;
    /// without a sequence it consists of the segment alone, filled in the same way. Without a segment it is the whole.
    ///
    /// # Errors
    ///
    /// When the sequence doesn't contain the segment, is given without one, or has too large a common denominator.
    pub fn new(segment: Option<&Segment>, sequence: Option<&SegmentSequence>) -> Result<Self, SegmentError> {
        let segment = match (segment, sequence) {
            (Some(segment), _) => segment,
            (None, Some(sequence)) if sequence.segments().count() > 1 => {
                return Err(SegmentError::NoSegment(sequence.to_string()));
            }
            (None, _) => &Segment::WHOLE,
        };
        let sequence = sequence.map_or_else(|| SegmentSequence::of(segment).filled(), SegmentSequence::filled);
        let part = sequence.segments().position(|one| one == *segment).ok_or_else(|| SegmentError::NotInSequence {
            segment: segment.to_string(),
            sequence: sequence.to_string(),
        })?;
        Self::of_weights(weights(&sequence)?, part)?.ok_or_else(|| SegmentError::Empty(segment.to_string()))
    }

    /// Everything.
    pub fn whole() -> Self {
        Self::equal(0, 1)
    }

    /// This part of a whole that is itself the part `outer` of something: of a run that has a segment of its own. Only a
    /// whole is such a part as a whole; one that is divided has to be a part of everything.
    #[must_use]
    pub fn within(self, outer: &Self) -> Self {
        if self == Self::whole() { outer.clone() } else { self }
    }

    /// One of several equal parts.
    ///
    /// # Panics
    ///
    /// When `part` isn't below `count`, or that is more than 16,777,216.
    pub fn equal(part: u32, count: u32) -> Self {
        assert!(part < count, "part {part} of {count}");
        let weights = vec![1; count as usize];
        let tuple = Self::of_weights(weights, part as usize).ok().flatten();
        tuple.unwrap_or_else(|| panic!("{count} parts are too many"))
    }

    /// The same part of a sequence in which each part is as large as its share of `total` elements. None if it has no
    /// share: it doesn't take part then. What a scenario does is dealt out by this, with its VUs as `total`, so that
    /// nothing falls to a part without VUs.
    ///
    /// # Errors
    ///
    /// When the shares' common denominator is too large.
    pub fn derived(&self, total: u64) -> Result<Option<Self>, SegmentError> {
        // The shares come out the same after whole cycles.
        if total > 0 && total.is_multiple_of(self.stripe.cycle()) {
            return Ok(Some(self.clone()));
        }
        match counts_below(&self.weights, total)? {
            shares if total > 0 => Self::of_weights(shares, self.part),
            _ => Ok(None),
        }
    }

    /// How much of the whole it is: what a rate that is shown is multiplied by.
    pub fn length(&self) -> Fraction {
        let own = self.stripe.slots().len() as u64;
        Fraction::new(own, self.stripe.cycle()).unwrap_or(Fraction::ONE)
    }

    /// How many of the first `total` elements are its own. Over the parts of a sequence they add up to `total`.
    pub fn scale(&self, total: u64) -> u64 {
        self.stripe.count_below(total)
    }

    /// The number in the whole of its n-th element, both from 0; saturates.
    pub fn nth(&self, n: u64) -> u64 {
        self.stripe.nth(n)
    }

    /// Its first element.
    pub fn start(&self) -> u64 {
        self.stripe.nth(0)
    }

    /// The distances between its elements in a cycle, the last one to the first element of the next cycle.
    pub fn offsets(&self) -> Vec<u64> {
        let own = self.stripe.slots().len() as u64;
        (0..own).map(|n| self.nth(n + 1) - self.nth(n)).collect()
    }

    /// The number of elements after which the pattern repeats.
    pub fn cycle(&self) -> u64 {
        self.stripe.cycle()
    }

    /// A cursor over its elements, before the first.
    pub fn index(&self) -> SegmentedIndex<'_> {
        SegmentedIndex::new(self)
    }

    fn of_weights(weights: Vec<u64>, part: usize) -> Result<Option<Self>, SegmentError> {
        let stripe = Stripe::new(&weights, part)?;
        Ok(stripe.map(|stripe| Self { weights: weights.into(), part, stripe }))
    }
}

/// The segments' lengths on their least common denominator.
fn weights(sequence: &SegmentSequence) -> Result<Vec<u64>, SegmentError> {
    let lengths = sequence.segments().map(|segment| segment.length()).collect::<Result<Vec<_>, _>>()?;
    let common = lengths.iter().try_fold(1_u128, |common, length| {
        let denominator = u128::from(length.denominator());
        (common / gcd(common, denominator)).checked_mul(denominator).ok_or(SegmentError::Cycle(u128::MAX))
    })?;
    let weight = |length: &Fraction| {
        let weight = common / u128::from(length.denominator()) * u128::from(length.numerator());
        u64::try_from(weight).map_err(|_| SegmentError::Cycle(common))
    };
    lengths.iter().map(weight).collect()
}
