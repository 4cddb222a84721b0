//! Segments and sequences of them, as they are written.

use std::fmt;

use super::error::SegmentError;
use super::fraction::Fraction;

/// A part of the whole that has a length: what lies above `from`, up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    from: Fraction,
    to: Fraction,
}

impl Segment {
    /// Everything.
    pub const WHOLE: Self = Self { from: Fraction::ZERO, to: Fraction::ONE };

    /// What lies between two points.
    ///
    /// # Errors
    ///
    /// When nothing does.
    pub fn new(from: Fraction, to: Fraction) -> Result<Self, SegmentError> {
        if from < to { Ok(Self { from, to }) } else { Err(SegmentError::Empty(format!("{from}:{to}"))) }
    }

    /// Reads `from:to`, or `to` alone, which begins at 0. Nothing is the whole.
    ///
    /// # Errors
    ///
    /// When a bound isn't a number from 0 to 1, or the segment is empty.
    pub fn parse(text: &str) -> Result<Self, SegmentError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(Self::WHOLE);
        }
        let (from, to) = match trimmed.split_once(':') {
            Some((from, to)) => (Fraction::parse(from)?, to),
            None => (Fraction::ZERO, trimmed),
        };
        Self::new(from, Fraction::parse(to)?)
    }

    /// Where it begins; that point isn't part of it.
    pub fn from(&self) -> Fraction {
        self.from
    }

    /// Where it ends; that point is part of it.
    pub fn to(&self) -> Fraction {
        self.to
    }

    /// How much of the whole it is.
    ///
    /// # Errors
    ///
    /// When 64 bits don't hold it.
    pub fn length(&self) -> Result<Fraction, SegmentError> {
        self.to.minus(self.from).ok_or_else(|| SegmentError::TooFine(self.to_string()))
    }

    /// A part of this segment: the bounds of `child`, taken as if this were the whole.
    ///
    /// # Errors
    ///
    /// When 64 bits don't hold the bounds.
    pub fn sub_segment(&self, child: &Self) -> Result<Self, SegmentError> {
        let length = self.length()?;
        let point = |at: Fraction| length.times(at).and_then(|at| self.from.plus(at));
        let bounds = point(child.from).zip(point(child.to));
        let (from, to) = bounds.ok_or_else(|| SegmentError::TooFine(format!("{child} of {self}")))?;
        Self::new(from, to)
    }

    /// This segment in `count` equal parts; none for 0.
    ///
    /// # Errors
    ///
    /// When 64 bits don't hold the bounds.
    pub fn split(&self, count: u32) -> Result<Vec<Self>, SegmentError> {
        let point = |n: u32| Fraction::new(n.into(), count.into()).unwrap_or(Fraction::ONE);
        (0..count).map(|n| self.sub_segment(&Self { from: point(n), to: point(n + 1) })).collect()
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.from, self.to)
    }
}

/// The whole, or an inner part of it, cut into segments that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSequence {
    /// Strictly rising, at least two.
    points: Vec<Fraction>,
}

impl SegmentSequence {
    /// Reads cut points, `0,1/3,2/3,1`.
    ///
    /// # Errors
    ///
    /// When one isn't a number from 0 to 1, when they don't rise, or are fewer than two.
    pub fn parse(text: &str) -> Result<Self, SegmentError> {
        let points = text.split(',').map(Fraction::parse).collect::<Result<Vec<_>, _>>()?;
        if points.len() < 2 {
            return Err(SegmentError::FewPoints(text.to_owned()));
        }
        points.windows(2).try_for_each(|pair| Segment::new(pair[0], pair[1]).map(drop))?;
        Ok(Self { points })
    }

    /// The sequence of one segment.
    pub fn of(segment: &Segment) -> Self {
        Self { points: vec![segment.from, segment.to] }
    }

    /// Cuts the whole into equal parts, at least one.
    pub fn equal(count: u32) -> Self {
        let count = count.max(1);
        let point = |n: u32| Fraction::new(n.into(), count.into()).unwrap_or(Fraction::ONE);
        Self { points: (0..=count).map(point).collect() }
    }

    /// The same with one segment more at each end where it doesn't reach 0 or 1.
    pub fn filled(&self) -> Self {
        let mut points = self.points.clone();
        if points.first() != Some(&Fraction::ZERO) {
            points.insert(0, Fraction::ZERO);
        }
        if points.last() != Some(&Fraction::ONE) {
            points.push(Fraction::ONE);
        }
        Self { points }
    }

    /// Its segments, first to last.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        self.points.windows(2).map(|pair| Segment { from: pair[0], to: pair[1] })
    }
}

impl fmt::Display for SegmentSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, point) in self.points.iter().enumerate() {
            write!(f, "{}{point}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
