//! What happened when, in simulated time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// Lines that are kept; of more the last ones.
const LINES_MAX: usize = 20_000;

/// What happened, and what must not have. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Mutex<Inner>>);

struct Inner {
    began: Instant,
    lines: VecDeque<String>,
    count: u64,
    digest: Sha256,
    violation: Option<Violation>,
}

/// A claim that didn't hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: &'static str,
    pub(crate) what: String,
}

impl Trace {
    pub(crate) fn new() -> Self {
        let (began, digest) = (Instant::now(), Sha256::new());
        Self(Arc::new(Mutex::new(Inner { began, lines: VecDeque::new(), count: 0, digest, violation: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what happened now.
    pub(crate) fn note(&self, who: &str, what: &str) {
        let mut inner = self.lock();
        let now = inner.began.elapsed();
        let line = format!("{:>7}.{:03} {who:<7} {what}", now.as_secs(), now.subsec_millis());
        inner.digest.update(line.as_bytes());
        inner.digest.update(b"\n");
        inner.count += 1;
        if inner.lines.len() == LINES_MAX {
            inner.lines.pop_front();
        }
        inner.lines.push_back(line);
    }

    /// Notes that a claim doesn't hold. The first one counts.
    pub(crate) fn violate(&self, invariant: &'static str, what: String) {
        self.note("CLAIM", &format!("{invariant}: {what}"));
        self.lock().violation.get_or_insert(Violation { invariant, what });
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.lock().violation.clone()
    }

    /// Milliseconds since the beginning.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.lock().began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The last lines.
    pub(crate) fn tail(&self, count: usize) -> Vec<String> {
        let inner = self.lock();
        inner.lines.iter().skip(inner.lines.len().saturating_sub(count)).cloned().collect()
    }

    /// How many lines there are, and a digest of all of them.
    pub(crate) fn digest(&self) -> (u64, String) {
        let inner = self.lock();
        let digest = inner.digest.clone().finalize();
        (inner.count, digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}
