//! `/stall/{ms}`: no shard does anything for a while.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use throng_transport::{Clock, Nanos};

/// A silence that all shards keep. They keep it by blocking their threads: nothing is read, answered or even accepted
/// meanwhile, as when a process is stopped or collects its garbage.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    until: Mutex<Until>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Until {
    instant: Nanos,
    ended: bool,
}

impl Silence {
    /// Makes silence last until `instant` at least.
    pub(crate) fn extend_to(&self, instant: Nanos) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.instant = until.instant.max(instant);
    }

    /// Blocks the thread until the silence is over.
    pub(crate) fn keep(&self) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.instant.since(Clock::now());
            if left == 0 || until.ended {
                return;
            }
            let waited = self.changed.wait_timeout(until, Duration::from_nanos(left));
            until = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends it for good: the server stops.
    pub(crate) fn end(&self) {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.changed.notify_all();
    }
}
