//! What is wrong with segments.

use super::stripe::CYCLE_MAX;

/// Why there is no such segment, or no such sequence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A number has another shape.
    #[error("`{0}` isn't a share of the whole; write it like `1/3`, `0.25` or `25%`")]
    Number(String),
    /// A number isn't 0 to 1.
    #[error("`{0}` is more than the whole; shares are 0 to 1")]
    Outside(String),
    /// A number takes more than 64 bits.
    #[error("`{0}` has too many digits to be computed exactly; write it as a fraction such as `1/3`")]
    TooFine(String),
    /// A segment has no length.
    #[error("the segment `{0}` is empty; it must end above its begin")]
    Empty(String),
    /// A sequence of fewer than two points.
    #[error("the sequence `{0}` has no segment; write its cut points like `0,1/3,2/3,1`")]
    FewPoints(String),
    /// A sequence is given, but not which of its segments is meant.
    #[error("the sequence `{0}` is given without a segment; give one of its segments too")]
    NoSegment(String),
    /// A segment that isn't one of its sequence.
    #[error(
        "the segment `{segment}` isn't one of the sequence `{sequence}`; its bounds must be neighbouring cut points"
    )]
    NotInSequence {
        /// The segment.
        segment: String,
        /// The sequence.
        sequence: String,
    },
    /// Shares whose common denominator is too large.
    #[error(
        "the shares only come out even after {0} elements, and at most {CYCLE_MAX} can be dealt with; choose shares with a \
         smaller common denominator, or a number of VUs that is a multiple of it"
    )]
    Cycle(u128),
}
