//! Random numbers: a generator of each VU's own in the host, not for secrets.

use crate::bindings::throng::script::random as host;
use std::ops::Range;

/// The next 64 random bits.
pub fn bits() -> u64 {
    host::next()
}

/// Restarts this VU's generator; the same seed gives the same numbers.
pub fn seed(seed: u64) {
    host::seed(seed);
}

/// A number from 0 to 1, 1 excluded, in steps of 2⁻⁵³.
pub fn float() -> f64 {
    unit_interval(bits())
}

/// Whether something of this probability (0 to 1) happens.
pub fn chance(probability: f64) -> bool {
    float() < probability
}

/// A number in a range, each equally likely.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let user = random::range(1..1_000);
/// let res = http::get(format!("{}/echo?user={user}", env("TARGET")));
/// ```
///
/// # Panics
///
/// When the range is empty.
#[track_caller]
pub fn range(range: Range<u64>) -> u64 {
    assert!(range.start < range.end, "random::range: the range {range:?} is empty");
    range.start + below(range.end - range.start, bits)
}

/// One of the items, each equally likely.
///
/// # Panics
///
/// When there are none.
#[track_caller]
pub fn choose<T>(items: &[T]) -> &T {
    assert!(!items.is_empty(), "random::choose: there is nothing to choose from");
    let at = below(items.len() as u64, bits);
    // Below the length, hence within `usize`.
    &items[at as usize]
}

fn unit_interval(bits: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    (bits >> 11) as f64 / STEPS
}

/// A number below the limit without bias (Lemire, "Fast random integer generation in an interval", 2019).
fn below(limit: u64, mut bits: impl FnMut() -> u64) -> u64 {
    let threshold = limit.wrapping_neg() % limit;
    loop {
        let product = u128::from(bits()) * u128::from(limit);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{below, unit_interval};

    #[test]
    fn the_unit_interval_holds_0_and_not_1() {
        assert_eq!(unit_interval(0), 0.0);
        assert!(unit_interval(u64::MAX) < 1.0);
    }

    #[test]
    fn numbers_below_a_limit_cover_it_and_never_reach_it() {
        for limit in [1, 2, 3, 7, 1 << 40, u64::MAX] {
            assert_eq!(below(limit, || u64::MAX), limit - 1);
            let mut bits = [0, 1 << 63].into_iter().cycle();
            assert!(below(limit, || bits.next().unwrap()) < limit);
        }
    }

    #[test]
    fn bits_that_would_make_some_numbers_likelier_are_drawn_again() {
        // With limit 3 the 2⁶⁴ inputs don't divide evenly: exactly one, 0, has to be drawn again.
        let mut draws = [0, 1].into_iter();
        assert_eq!(below(3, || draws.next().unwrap()), 0);
        assert_eq!(draws.next(), None);
    }
}
