//! The timers of sockets: a hierarchical wheel whose entries are the sockets themselves, so that a timer takes no memory
//! of its own and is armed and disarmed in a few steps.
//!
//! The scheme of Varghese and Lauck (1987), as tokio has it: a timer stands at the level of the highest digit, to base
//! 64, in which its tick differs from the present one. When the present reaches its bucket it moves down a level, and at
//! the lowest it is due.

use super::sockets::{Armed, Sockets};
use crate::time::Nanos;

/// A tick is 2 to the power of this nanoseconds, 65 µs.
const TICK_SHIFT: u32 = 16;
/// Buckets of a level, 2 to the power of this.
const LEVEL_BITS: u32 = 6;
/// All ticks of 64 bits of nanoseconds.
const LEVELS: usize = 8;
const TICK_BITS: u32 = 48;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;
const BUCKETS: usize = 1 << LEVEL_BITS;
const NONE: u32 = u32::MAX;

impl Armed {
    /// In no bucket.
    pub(crate) const NOT: Self = Self { at: u64::MAX, next: NONE, previous: NONE };

    fn new(tick: u64, bucket: usize) -> Self {
        Self { at: tick | (bucket as u64) << TICK_BITS, ..Self::NOT }
    }

    pub(crate) fn is_armed(self) -> bool {
        self.at != u64::MAX
    }

    fn tick(self) -> u64 {
        self.at & TICK_MASK
    }

    fn bucket(self) -> usize {
        (self.at >> TICK_BITS) as usize
    }
}

/// Armed timers of sockets.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The first slot of each bucket, level by level.
    heads: [u32; LEVELS * BUCKETS],
    /// Which buckets of each level have any.
    occupied: [u64; LEVELS],
    /// Ticks up to this one were looked at.
    present: u64,
}

impl Wheel {
    pub(crate) fn new(now: Nanos) -> Self {
        Self { heads: [NONE; LEVELS * BUCKETS], occupied: [0; LEVELS], present: now.0 >> TICK_SHIFT }
    }

    /// Has `slot` due at `deadline`, rounded up to a tick, unless it is armed for an earlier instant.
    pub(crate) fn arm(&mut self, sockets: &mut Sockets, slot: u32, deadline: Nanos) {
        let tick = deadline.0.div_ceil(1 << TICK_SHIFT).clamp(self.present + 1, TICK_MASK);
        let armed = sockets.get(slot).armed;
        if armed.is_armed() {
            if armed.tick() <= tick {
                return;
            }
            self.disarm(sockets, slot);
        }
        self.insert(sockets, slot, tick);
    }

    fn insert(&mut self, sockets: &mut Sockets, slot: u32, tick: u64) {
        let level = ((63 - ((tick ^ self.present) | 1).leading_zeros()) / LEVEL_BITS) as usize;
        let place = (tick >> (LEVEL_BITS * level as u32)) as usize & (BUCKETS - 1);
        let bucket = level * BUCKETS + place;
        let next = std::mem::replace(&mut self.heads[bucket], slot);
        self.occupied[level] |= 1 << place;
        sockets.get(slot).armed = Armed { next, ..Armed::new(tick, bucket) };
        if next != NONE {
            sockets.get(next).armed.previous = slot;
        }
    }

    /// Takes `slot` out, if it is in.
    pub(crate) fn disarm(&mut self, sockets: &mut Sockets, slot: u32) {
        let armed = std::mem::replace(&mut sockets.get(slot).armed, Armed::NOT);
        if !armed.is_armed() {
            return;
        }
        if armed.next != NONE {
            sockets.get(armed.next).armed.previous = armed.previous;
        }
        if armed.previous != NONE {
            sockets.get(armed.previous).armed.next = armed.next;
            return;
        }
        let bucket = armed.bucket();
        self.heads[bucket] = armed.next;
        if armed.next == NONE {
            self.occupied[bucket / BUCKETS] &= !(1 << (bucket % BUCKETS));
        }
    }

    /// The first occupied bucket, and the tick at which the present reaches it: lower levels come first.
    fn next_bucket(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
        let place = self.occupied[level].trailing_zeros() as usize;
        let shift = LEVEL_BITS * level as u32;
        let above = self.present >> shift >> LEVEL_BITS << LEVEL_BITS;
        Some((level * BUCKETS + place, (above | place as u64) << shift))
    }

    /// When there is something to do next: never later than the nearest timer.
    pub(crate) fn nearest(&self) -> Option<Nanos> {
        self.next_bucket().map(|(_, tick)| Nanos(tick << TICK_SHIFT))
    }

    /// Takes a slot that is due at `now`.
    pub(crate) fn pop_due(&mut self, sockets: &mut Sockets, now: Nanos) -> Option<u32> {
        let now = now.0 >> TICK_SHIFT;
        loop {
            let Some((bucket, tick)) = self.next_bucket().filter(|(_, tick)| *tick <= now) else {
                self.present = self.present.max(now);
                return None;
            };
            self.present = self.present.max(tick);
            let slot = self.heads[bucket];
            if bucket < BUCKETS {
                self.disarm(sockets, slot);
                return Some(slot);
            }
            self.move_down(sockets, bucket);
        }
    }

    /// Puts all timers of a bucket that the present has reached a level down, or further.
    fn move_down(&mut self, sockets: &mut Sockets, bucket: usize) {
        let mut slot = std::mem::replace(&mut self.heads[bucket], NONE);
        self.occupied[bucket / BUCKETS] &= !(1 << (bucket % BUCKETS));
        while slot != NONE {
            let armed = sockets.get(slot).armed;
            self.insert(sockets, slot, armed.tick());
            slot = armed.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tick(tick: u64) -> Nanos {
        Nanos(tick << TICK_SHIFT)
    }

    proptest! {
        #[test]
        fn timers_are_due_in_their_tick_and_never_before(
            start in 0u64..1 << 40,
            delays in proptest::collection::vec(0u64..1 << 26, 1..60),
            steps in proptest::collection::vec(1u64..1 << 21, 1..60),
            disarmed in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut sockets = Sockets::new(6, 64);
            sockets.add_table();
            let mut wheel = Wheel::new(tick(start));
            let mut expected = std::collections::BTreeMap::new();
            for (delay, disarmed) in delays.iter().zip(&disarmed) {
                let slot = sockets.take().unwrap();
                wheel.arm(&mut sockets, slot, tick(start + delay));
                if *disarmed {
                    wheel.disarm(&mut sockets, slot);
                } else {
                    expected.insert(slot, start + delay.max(&1));
                }
            }
            let mut now = start;
            for step in steps.into_iter().chain([1 << 26]) {
                let nearest = wheel.nearest();
                let least = expected.values().min().copied();
                prop_assert_eq!(nearest.is_some(), least.is_some());
                prop_assert!(nearest.is_none_or(|nearest| nearest <= tick(least.unwrap())));
                now += step;
                while let Some(slot) = wheel.pop_due(&mut sockets, tick(now)) {
                    prop_assert!(expected.remove(&slot).is_some_and(|due| due <= now));
                }
                prop_assert!(expected.values().all(|due| *due > now), "none is late");
            }
            prop_assert!(expected.is_empty() && wheel.nearest().is_none());
        }
    }

    #[test]
    fn an_earlier_deadline_moves_a_timer_and_a_later_one_does_not() {
        let mut sockets = Sockets::new(6, 64);
        sockets.add_table();
        let slot = sockets.take().unwrap();
        let mut wheel = Wheel::new(tick(100));
        wheel.arm(&mut sockets, slot, tick(5000));
        wheel.arm(&mut sockets, slot, tick(200));
        wheel.arm(&mut sockets, slot, tick(9000));
        assert_eq!(wheel.pop_due(&mut sockets, tick(199)), None);
        assert_eq!(wheel.pop_due(&mut sockets, tick(200)), Some(slot));
        assert_eq!((wheel.pop_due(&mut sockets, tick(9000)), wheel.nearest()), (None, None));
    }
}
