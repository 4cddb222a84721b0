//! The one that writes: it takes what has gathered, makes it durable at once, and tells all who wait.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::storage::IOFlushed;
use redb::Database;
use tokio::sync::{mpsc, oneshot, watch};

use super::super::Types;
use super::database::{Change, commit};

/// Jobs that wait for the disk; who has more waits too.
pub(super) const JOBS_MAX: usize = 1_024;
/// Jobs that become durable together.
const GROUP_MAX: usize = 256;
/// Changes that nobody waits for are kept until somebody waits for one, or there are so many.
const LAZY_MAX: usize = 64;

/// Changes, and who is told when they are durable.
pub(super) struct Job {
    pub(super) changes: Vec<Change>,
    pub(super) done: Done,
}

/// Who is told.
pub(super) enum Done {
    Raft(IOFlushed<Types>),
    Caller(oneshot::Sender<io::Result<()>>),
    /// Nobody.
    Lazily,
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Self::Raft(flushed) => flushed.io_completed(result),
            // Who no longer waits needs no answer.
            Self::Caller(sender) => drop(sender.send(result)),
            Self::Lazily => {}
        }
    }
}

/// Writes until there are no more jobs.
pub(super) struct Writer {
    pub(super) database: Arc<Database>,
    pub(super) jobs: mpsc::Receiver<Job>,
    /// Why nothing is written any more: after an error nobody knows what is on the disk.
    pub(super) failed: watch::Sender<Option<String>>,
    /// Entries before this one are on disk.
    flushed: Arc<AtomicU64>,
    lazy: Vec<Change>,
}

impl Writer {
    pub(super) fn new(
        database: Arc<Database>,
        jobs: mpsc::Receiver<Job>,
        failed: watch::Sender<Option<String>>,
        flushed: Arc<AtomicU64>,
    ) -> Self {
        Self { database, jobs, failed, flushed, lazy: Vec::new() }
    }

    /// On a thread of its own.
    pub(super) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            self.write(first);
        }
        self.finish();
    }

    /// On a simulated disk: a sync takes so long in simulated time, and what came meanwhile isn't part of it.
    pub(super) async fn run_simulated(mut self, delay: Duration) {
        while let Some(first) = self.jobs.recv().await {
            tokio::time::sleep(delay).await;
            self.write(first);
        }
        self.finish();
    }

    fn write(&mut self, first: Job) {
        let mut told = vec![first.done];
        let mut changes = std::mem::take(&mut self.lazy);
        changes.extend(first.changes);
        while told.len() < GROUP_MAX
            && let Ok(job) = self.jobs.try_recv()
        {
            changes.extend(job.changes);
            told.push(job.done);
        }
        if told.iter().all(|done| matches!(done, Done::Lazily)) && changes.len() < LAZY_MAX {
            self.lazy = changes;
            return;
        }
        let result = self.commit(changes);
        for done in told {
            done.tell(result.clone().map_err(io::Error::other));
        }
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), String> {
        if let Some(why) = &*self.failed.borrow() {
            return Err(why.clone());
        }
        let appended = changes.iter().filter_map(|change| match change {
            Change::Append(index, _) => Some(index + 1),
            _ => None,
        });
        let (database, appended) = (&self.database, appended.max().unwrap_or(0));
        // A file that was damaged while it was open can make redb panic.
        let result = catch_unwind(AssertUnwindSafe(|| commit(database, changes)));
        let result = result.unwrap_or_else(|_| Err(io::Error::other("its pages make no sense")));
        self.flushed.fetch_max(if result.is_ok() { appended } else { 0 }, Ordering::AcqRel);
        result.map_err(|error| {
            let why = error.to_string();
            self.failed.send_replace(Some(why.clone()));
            why
        })
    }

    fn finish(&mut self) {
        let lazy = std::mem::take(&mut self.lazy);
        if !lazy.is_empty() {
            // It is told of by `failed`; nobody waits for these.
            let _ = self.commit(lazy);
        }
    }
}
