//! Which statuses count as successes.

use super::cache;
use std::cell::RefCell;
use std::ops::RangeInclusive;

thread_local! {
    /// For requests that don't say themselves; empty is the host's own rule, 200 to 399.
    static EXPECTED: RefCell<Vec<(u16, u16)>> = const { RefCell::new(Vec::new()) };
}

/// A status or a range of them, ends included: `404`, `200..=299`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statuses(pub(super) u16, pub(super) u16);

impl From<u16> for Statuses {
    fn from(status: u16) -> Self {
        Self(status, status)
    }
}

impl From<RangeInclusive<u16>> for Statuses {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self(*range.start(), *range.end())
    }
}

/// Counts these statuses as successes of all later requests of this VU, in place of 200 to 399; none brings that back.
/// Decides `http_req_failed` and the tag `expected_response`. Requests that are prepared already keep what they have.
///
/// ```no_run
/// use throng::http::{self, Statuses};
///
/// http::set_expected_statuses([Statuses::from(200..=299), 404.into()]);
/// ```
pub fn set_expected_statuses(statuses: impl IntoIterator<Item = Statuses>) {
    let statuses = statuses.into_iter().map(|Statuses(first, last)| (first, last)).collect();
    EXPECTED.set(statuses);
    cache::clear();
}

pub(super) fn expected_statuses() -> Vec<(u16, u16)> {
    EXPECTED.with_borrow(Clone::clone)
}
