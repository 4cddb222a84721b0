use std::{num::NonZeroU32, time::Duration};

use crate::ticker::TICK;

/// How many ticks a guest may run before other VUs of its thread get a turn. One is the fewest, and costs the fewest
/// ticks; a slice that begins between two of them is shorter.
pub(crate) const SLICE_TICKS: u64 = 1;
/// The same as time, at most.
pub(crate) const SLICE: Duration = TICK.saturating_mul(SLICE_TICKS as u32);

/// How much longer a guest may compute without waiting.
///
/// It counts slices that the guest used up, not time that passed: a VU that
/// waits its turn among others, or for a busy processor, loses nothing by it.
#[derive(Debug)]
pub(crate) struct GuestBudget {
    limit: NonZeroU32,
    used: u32,
}

impl GuestBudget {
    pub(crate) fn new(limit: NonZeroU32) -> GuestBudget {
        GuestBudget { limit, used: 0 }
    }

    /// A call or an iteration began, or a host call waited.
    pub(crate) fn refill(&mut self) {
        self.used = 0;
    }

    /// One more slice is used up. Says whether the guest may go on.
    pub(crate) fn use_slice(&mut self) -> bool {
        self.used = self.used.saturating_add(1);
        self.used < self.limit.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refilled_budget_allows_the_whole_limit_again() {
        let mut budget = GuestBudget::new(NonZeroU32::new(3).unwrap());
        assert!(budget.use_slice() && budget.use_slice());
        assert!(!budget.use_slice());
        budget.refill();
        assert!(budget.use_slice());
    }

    #[test]
    fn a_slice_is_ten_milliseconds() {
        assert_eq!(SLICE, Duration::from_millis(10));
    }
}
