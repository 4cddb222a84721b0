//! A cursor over a segment's own elements.

use super::tuple::SegmentTuple;

/// A place among a segment's elements, which are counted from 1 here; 0 is before the first.
///
/// The n-th VU made by an agent has the number n there, and the unscaled number in the whole run.
#[derive(Debug, Clone, Copy)]
pub struct SegmentedIndex<'t> {
    tuple: &'t SegmentTuple,
    scaled: u64,
}

impl<'t> SegmentedIndex<'t> {
    pub(super) fn new(tuple: &'t SegmentTuple) -> Self {
        Self { tuple, scaled: 0 }
    }

    /// The number among the segment's own elements.
    pub fn scaled(&self) -> u64 {
        self.scaled
    }

    /// The number in the whole.
    pub fn unscaled(&self) -> u64 {
        self.scaled.checked_sub(1).map_or(0, |n| self.tuple.nth(n).saturating_add(1))
    }

    /// Goes to the next own element.
    pub fn forward(&mut self) {
        self.scaled = self.scaled.saturating_add(1);
    }

    /// Goes to the own element before, or before the first.
    pub fn back(&mut self) {
        self.scaled = self.scaled.saturating_sub(1);
    }

    /// Goes to the last own element that isn't beyond the number in the whole.
    pub fn go_to(&mut self, unscaled: u64) {
        self.scaled = self.tuple.scale(unscaled);
    }
}
