//! How other threads reach a shard.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use super::Shard;

type Job = Box<dyn FnOnce(&Shard) + Send>;

/// Runs closures on the shard's thread. May be cloned and sent anywhere.
#[derive(Clone)]
pub struct Remote(Arc<Mailbox>);

struct Mailbox {
    jobs: Mutex<Vec<Job>>,
    wake_fd: OwnedFd,
}

impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl Remote {
    pub(super) fn new(wake_fd: OwnedFd) -> Self {
        Self(Arc::new(Mailbox { jobs: Mutex::default(), wake_fd }))
    }

    /// Runs `job` on the shard's thread soon: at the latest when the task that runs there now waits. Jobs run in the
    /// order they came; after the shard has ended they don't run.
    pub fn run(&self, job: impl FnOnce(&Shard) + Send + 'static) {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(job));
        // An eventfd's counter can't fill up from ones; a shard that has ended needs no waking.
        let _ = nix::unistd::write(self.0.wake_fd.as_fd(), &1u64.to_ne_bytes());
    }

    pub(super) fn run_queued(&self, shard: &Shard) {
        let jobs = std::mem::take(&mut *self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner));
        for job in jobs {
            job(shard);
        }
    }
}
