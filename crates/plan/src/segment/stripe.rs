//! Dealing elements out to parts, in a cycle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::error::SegmentError;
use super::fraction::gcd;

/// The longest cycle: a part keeps 4 bytes for each of its slots.
pub(super) const CYCLE_MAX: u64 = 1 << 24;

/// The elements of one part: those whose number, modulo the cycle, is one of its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stripe {
    /// Rising, below `cycle`, at least one.
    slots: Arc<[u32]>,
    cycle: u64,
}

impl Stripe {
    /// The stripe of one of several parts by their weights; a part of weight 0 has none.
    pub(super) fn new(weights: &[u64], part: usize) -> Result<Option<Self>, SegmentError> {
        let (weights, cycle) = normalized(weights)?;
        let own = weights.get(part).copied().unwrap_or_default();
        if own == 0 {
            return Ok(None);
        }
        let mut slots = Vec::with_capacity(own as usize);
        deal(&weights, cycle, |slot, owner| {
            if owner == part {
                slots.push(slot as u32);
            }
        });
        Ok(Some(Self { slots: slots.into(), cycle }))
    }

    pub(super) fn cycle(&self) -> u64 {
        self.cycle
    }

    pub(super) fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// The number of its n-th element, both from 0; the largest number if it is beyond that.
    pub(super) fn nth(&self, n: u64) -> u64 {
        let own = self.slots.len() as u64;
        let slot = self.slots[(n % own) as usize];
        (n / own).saturating_mul(self.cycle).saturating_add(slot.into())
    }

    /// How many of its elements have a number below `end`.
    pub(super) fn count_below(&self, end: u64) -> u64 {
        let (cycles, rest) = (end / self.cycle, end % self.cycle);
        let within = self.slots.partition_point(|&slot| u64::from(slot) < rest) as u64;
        // No more than `end`, so it fits.
        cycles * self.slots.len() as u64 + within
    }
}

/// How many of the elements below `end` each part has.
pub(super) fn counts_below(weights: &[u64], end: u64) -> Result<Vec<u64>, SegmentError> {
    let (weights, cycle) = normalized(weights)?;
    let mut counts: Vec<_> = weights.iter().map(|weight| end / cycle * weight).collect();
    deal(&weights, end % cycle, |_, owner| counts[owner] += 1);
    Ok(counts)
}

/// Weights without a common divisor, and their sum, which is the cycle.
fn normalized(weights: &[u64]) -> Result<(Vec<u64>, u64), SegmentError> {
    let divisor = weights.iter().fold(0, |divisor, &weight| gcd(divisor, weight.into())).max(1) as u64;
    let sum = weights.iter().map(|&weight| u128::from(weight / divisor)).sum::<u128>();
    match u64::try_from(sum) {
        Ok(cycle @ 1..=CYCLE_MAX) => Ok((weights.iter().map(|weight| weight / divisor).collect(), cycle)),
        _ => Err(SegmentError::Cycle(sum)),
    }
}

/// Tells the owner of each of the first `end` slots of a cycle.
///
/// k6's rule: a part of weight w may take its k-th slot (k from 0) from slot k · cycle / w on; of those that may, the
/// one with the largest weight takes it, and of equal ones the first. That an owner is always found follows from the
/// weights' adding up to the cycle.
fn deal(weights: &[u64], end: u64, mut tell: impl FnMut(u64, usize)) {
    let cycle = weights.iter().sum::<u64>();
    let mut order: Vec<_> = (0..weights.len()).filter(|&part| weights[part] > 0).collect();
    order.sort_by_key(|&part| Reverse(weights[part]));
    let mut taken = vec![0_u64; order.len()];
    let mut may: BinaryHeap<_> = (0..order.len()).map(Reverse).collect();
    let mut later: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    for slot in 0..end {
        while later.peek().is_some_and(|Reverse((from, _))| *from <= slot) {
            may.extend(later.pop().map(|Reverse((_, rank))| Reverse(rank)));
        }
        let Some(Reverse(rank)) = may.pop() else { return };
        let part = order[rank];
        tell(slot, part);
        taken[rank] += 1;
        // Both factors are at most `CYCLE_MAX`.
        later.push(Reverse(((taken[rank] * cycle).div_ceil(weights[part]), rank)));
    }
}
