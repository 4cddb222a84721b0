//! The log as openraft sees it: its end in memory, all of it on disk.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use redb::Database;
use tokio::sync::{mpsc, oneshot, watch};

use super::super::encoding::seal;
use super::super::{Entry, LogId, Types, Vote};
use super::StoreError;
use super::database::{self, COMMITTED, Change, KNOWN, Known, Saved, VOTE};
use super::writer::{Done, JOBS_MAX, Job, Writer};
use crate::environment::Environment;

/// Bytes of the log past which a snapshot is made, that it may be cut. The log may be longer for as long as that takes.
pub const LOG_BYTES_MAX: u64 = 64 << 20;
/// Bytes of the newest entries that are kept in memory beside those that aren't durable yet.
const RECENT_BYTES_MAX: u64 = 8 << 20;
/// Bytes of entries that one message to a follower has, but for a single entry that has more.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// The log of a node. Clones are the same one.
#[derive(Clone)]
pub(crate) struct LogStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Arc<Database>,
    tail: Mutex<Tail>,
    /// Entries before this one are on disk.
    flushed: Arc<AtomicU64>,
    jobs: mpsc::Sender<Job>,
    failed: watch::Receiver<Option<String>>,
    #[cfg(any(test, feature = "simulation"))]
    simulation: crate::environment::Simulation,
}

/// The state of the log, ahead of the disk.
#[derive(Default)]
struct Tail {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    last: Option<LogId>,
    /// The newest entries, without a gap up to the last.
    recent: BTreeMap<u64, Entry>,
    recent_bytes: u64,
    /// Bytes of every entry, from the first after what is purged.
    sizes: VecDeque<u32>,
    log_bytes: u64,
}

impl LogStore {
    /// Opens the log in the data directory. A new one gets this incarnation.
    pub(crate) fn open(
        environment: &Environment,
        node: u64,
        incarnation: u64,
    ) -> Result<(Self, u64, Known), StoreError> {
        let (database, saved) = database::open(&*environment.disk, node, incarnation)?;
        let Saved { incarnation, known, vote, committed, purged, last, sizes } = saved;
        let (database, (jobs, receiver)) = (Arc::new(database), mpsc::channel(JOBS_MAX));
        let (failing, failed) = watch::channel(None);
        let flushed = Arc::new(AtomicU64::new(last.map_or(0, |last| last.index + 1)));
        let writer = Writer::new(Arc::clone(&database), receiver, failing, Arc::clone(&flushed));
        match environment.disk.simulated_delay() {
            Some(delay) => drop(tokio::spawn(writer.run_simulated(delay))),
            None => {
                let thread = std::thread::Builder::new().name("throng-log".to_owned());
                let place = environment.disk.place();
                drop(thread.spawn(move || writer.run()).map_err(|source| StoreError::Io { place, source })?);
            }
        }
        let log_bytes = sizes.iter().map(|&bytes| u64::from(bytes)).sum();
        let tail = Tail { vote, committed, purged, last, sizes, log_bytes, ..Tail::default() };
        let shared = Shared {
            database,
            tail: Mutex::new(tail),
            flushed,
            jobs,
            failed,
            #[cfg(any(test, feature = "simulation"))]
            simulation: environment.simulation.clone(),
        };
        Ok((Self { shared: Arc::new(shared) }, incarnation, known))
    }

    /// Why the disk isn't written to any more, once it isn't.
    pub(crate) fn failed(&self) -> watch::Receiver<Option<String>> {
        self.shared.failed.clone()
    }

    /// Bytes of all entries.
    pub(crate) fn bytes(&self) -> u64 {
        self.tail().log_bytes
    }

    /// Makes durable what the node knows of its group.
    pub(crate) async fn save_known(&self, known: &Known) -> io::Result<()> {
        self.durably(vec![Change::Meta(KNOWN, seal(known))]).await
    }

    /// Waits until all that was written before is durable, what nobody waited for too.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        self.durably(Vec::new()).await
    }

    /// All entries that there are.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn all(&self) -> io::Result<Vec<Entry>> {
        self.read(0, u64::MAX, usize::MAX)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, changes: Vec<Change>, done: Done) -> io::Result<()> {
        let sent = self.shared.jobs.send(Job { changes, done }).await;
        sent.map_err(|_| io::Error::other("the log has been closed"))
    }

    async fn durably(&self, changes: Vec<Change>) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.send(changes, Done::Caller(sender)).await?;
        receiver.await.unwrap_or_else(|_| Err(io::Error::other("the log has been closed")))
    }

    /// Entries from one index to before another, as far as the log has them. With a limit it may be fewer, but not none.
    fn read(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let (from, older_to, mut newer) = {
            let tail = self.tail();
            let (from, to) = (from.max(tail.first()), to.min(tail.next()));
            if from >= to {
                return Ok(Vec::new());
            }
            let older_to = tail.recent.keys().next().copied().unwrap_or(to).clamp(from, to);
            if older_to == from {
                return Ok(tail.recent(from, to, bytes_max));
            }
            // A limited reader comes again for the rest.
            let newer = if bytes_max == usize::MAX { tail.recent(older_to, to, bytes_max) } else { Vec::new() };
            (from, older_to, newer)
        };
        let mut found = database::entries(&self.shared.database, from, older_to, bytes_max)?;
        found.append(&mut newer);
        Ok(found)
    }
}

impl Tail {
    /// The first entry that there is, if there is one.
    fn first(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.index + 1)
    }

    /// The entry that comes next.
    fn next(&self) -> u64 {
        self.last.map_or(0, |last| last.index + 1)
    }

    fn size(&self, index: u64) -> u64 {
        let place = usize::try_from(index.saturating_sub(self.first())).unwrap_or(usize::MAX);
        self.sizes.get(place).copied().map_or(0, u64::from)
    }

    /// Recent entries from one to before another, at most so many bytes but at least one.
    fn recent(&self, from: u64, to: u64, bytes_max: usize) -> Vec<Entry> {
        let mut bytes = 0;
        let mut found = Vec::new();
        for (&index, entry) in self.recent.range(from..to) {
            bytes += self.size(index);
            if bytes > bytes_max as u64 && !found.is_empty() {
                break;
            }
            found.push(entry.clone());
        }
        found
    }

    fn push(&mut self, entry: Entry, bytes: usize) {
        self.last = Some(entry.log_id);
        self.sizes.push_back(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.recent_bytes += bytes as u64;
        self.log_bytes += bytes as u64;
        self.recent.insert(entry.log_id.index, entry);
    }

    /// Has no more than the recent bytes in memory, but what isn't on disk.
    fn trim(&mut self, flushed: u64) {
        while self.recent_bytes > RECENT_BYTES_MAX
            && let Some((&oldest, _)) = self.recent.first_key_value()
            && oldest < flushed
        {
            self.recent_bytes -= self.size(oldest);
            self.recent.remove(&oldest);
        }
    }

    fn truncate(&mut self, last: Option<LogId>) {
        let from = last.map_or(0, |last| last.index + 1);
        if from >= self.next() {
            return;
        }
        while self.next() > from.max(self.first()) {
            let index = self.next() - 1;
            let bytes = self.sizes.pop_back().map_or(0, u64::from);
            self.log_bytes -= bytes;
            if self.recent.remove(&index).is_some() {
                self.recent_bytes -= bytes;
            }
            // Its leader doesn't matter until it is replaced below.
            self.last = index.checked_sub(1).and_then(|index| self.last.map(|end| LogId { index, ..end }));
        }
        self.last = last.max(self.purged);
    }

    fn purge(&mut self, up_to: LogId) {
        for index in self.first()..=up_to.index {
            let bytes = self.sizes.pop_front().map_or(0, u64::from);
            self.log_bytes -= bytes;
            if self.recent.remove(&index).is_some() {
                self.recent_bytes -= bytes;
            }
        }
        self.purged = Some(up_to);
        self.last = self.last.max(Some(up_to));
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(&from) => from,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&to) => to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + fmt::Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let (from, to) = bounds(&range);
        self.read(from, to, usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.tail().vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, BATCH_BYTES_MAX)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let tail = self.tail();
        Ok(LogState { last_purged_log_id: tail.purged, last_log_id: tail.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.tail().vote = Some(*vote);
        #[cfg(any(test, feature = "simulation"))]
        if self.shared.simulation.has(crate::environment::Bug::ForgottenVote) {
            return Ok(());
        }
        self.durably(vec![Change::Meta(VOTE, seal(vote))]).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else { return Ok(()) };
        self.tail().committed = Some(committed);
        // What was committed can be learnt again: it goes with the next that has to be durable.
        self.send(vec![Change::Meta(COMMITTED, seal(&committed))], Done::Lazily).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.tail().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut changes = Vec::new();
        {
            let mut tail = self.tail();
            for entry in entries {
                let bytes = seal(&entry);
                let index = entry.log_id.index;
                tail.push(entry, bytes.len());
                changes.push(Change::Append(index, bytes));
            }
            tail.trim(self.shared.flushed.load(Ordering::Acquire));
        }
        self.send(changes, Done::Raft(callback)).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        self.tail().truncate(last);
        self.durably(vec![Change::TruncateFrom(from)]).await?;
        // Nothing is appended before this returns, so nothing else changes it.
        self.shared.flushed.fetch_min(from, Ordering::AcqRel);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.tail().purge(log_id);
        // Entries that come back after a crash do no harm.
        self.send(vec![Change::Purge(log_id)], Done::Lazily).await
    }
}
