//! Execution segments: which part of a run somebody performs.
//!
//! A [`Segment`] is a part of the whole, a [`SegmentSequence`] cuts the whole into such parts, and a [`SegmentTuple`] is
//! one part of a sequence with the elements that are its own: VUs, iterations and ticks are dealt out one by one, in a
//! cycle that gives each part its share as evenly as it goes (k6's striping). A [`Share`] divides an agent's part once
//! more, among its shards.

pub use error::SegmentError;
pub use fraction::Fraction;
pub use index::SegmentedIndex;
pub use sequence::{Segment, SegmentSequence};
pub use share::Share;
pub use tuple::SegmentTuple;

mod error;
mod fraction;
mod index;
mod sequence;
mod share;
mod stripe;
#[cfg(test)]
pub(crate) mod tests;
mod tuple;
