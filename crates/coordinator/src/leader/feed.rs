//! What of the live runs only their leader knows, for those who watch them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_control::RunId;
use throng_control::leading::{Audience, RunView};
use throng_protocol::agent::LogLevel;
use tokio::sync::watch;

/// Messages of a run that are kept for those who watch it, and for those who come later; of more the oldest go.
pub const LOGS_KEPT_MAX: usize = 256;

/// The feeds of the live runs, on the node that leads; on others there are none. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Feeds(Arc<Mutex<BTreeMap<RunId, RunFeed>>>);

/// What there is to see of a live run. It goes on until the run has ended, or its leader leads no more: then its readers
/// are told that there is nothing more. Clones are the same one.
#[derive(Clone, Debug)]
pub struct RunFeed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    view: watch::Sender<Option<Arc<RunView>>>,
    logs: Mutex<Logs>,
    /// The number of the next message; none once there won't be one.
    next: watch::Sender<Option<u64>>,
}

#[derive(Debug, Default)]
struct Logs {
    kept: VecDeque<Arc<LogLine>>,
    /// The number of the first that is kept.
    first: u64,
    /// Messages that agents left out, by the number of the next that came.
    left_out: VecDeque<(u64, u64)>,
}

/// A message of a script's, or of an agent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The agent; empty for the leader itself.
    pub agent: String,
    /// How important it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// Where it comes from, for example `scenario=default vu=3`.
    pub source: String,
}

/// Reads the messages of a run, each once.
#[derive(Debug)]
pub struct LogReader {
    shared: Arc<Shared>,
    next: watch::Receiver<Option<u64>>,
    position: u64,
}

/// Messages that were read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LogsRead {
    /// How many there were between those that were read before and these, that nobody keeps any more.
    pub skipped: u64,
    /// In their order.
    pub lines: Vec<Arc<LogLine>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feeds {
    /// That of a run; none unless it is live and this node leads.
    #[must_use]
    pub fn get(&self, run: &RunId) -> Option<RunFeed> {
        lock(&self.0).get(run).cloned()
    }

    /// That of a run, which begins now unless it was there.
    fn of(&self, run: &RunId) -> RunFeed {
        lock(&self.0).entry(run.clone()).or_insert_with(RunFeed::new).clone()
    }
}

impl Audience for Feeds {
    fn open(&self, run: &RunId) {
        drop(self.of(run));
    }

    fn show(&self, run: &RunId, view: RunView) {
        self.of(run).show(view);
    }

    fn warn(&self, run: &RunId, messages: Vec<String>) {
        let line = |message| LogLine { agent: String::new(), level: LogLevel::Warn, message, source: String::new() };
        self.of(run).log(messages.into_iter().map(line), 0);
    }

    fn close(&self, has_ended: &dyn Fn(&RunId) -> bool) {
        lock(&self.0).retain(|run, feed| {
            let is_over = has_ended(run);
            if is_over {
                feed.end();
            }
            !is_over
        });
    }
}

impl RunFeed {
    fn new() -> Self {
        let shared =
            Shared { view: watch::Sender::new(None), logs: Mutex::default(), next: watch::Sender::new(Some(0)) };
        Self { shared: Arc::new(shared) }
    }

    /// How the run goes on, once that is known: a new view about once a second, and at once when something happens. After
    /// the last one it says no more, which [`LogReader::read`] tells.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<Option<Arc<RunView>>> {
        self.shared.view.subscribe()
    }

    /// The messages that are kept, and all that come.
    #[must_use]
    pub fn logs(&self) -> LogReader {
        let position = lock(&self.shared.logs).first;
        LogReader { shared: Arc::clone(&self.shared), next: self.shared.next.subscribe(), position }
    }

    /// The messages that come from now on.
    #[must_use]
    pub fn new_logs(&self) -> LogReader {
        let position = lock(&self.shared.logs).next();
        LogReader { shared: Arc::clone(&self.shared), next: self.shared.next.subscribe(), position }
    }

    pub(crate) fn show(&self, view: RunView) {
        self.shared.view.send_replace(Some(Arc::new(view)));
    }

    /// Adds messages, before which an agent left out so many.
    pub(crate) fn log(&self, lines: impl IntoIterator<Item = LogLine>, left_out: u64) {
        let mut logs = lock(&self.shared.logs);
        if left_out > 0 {
            let next = logs.next();
            logs.left_out.push_back((next, left_out));
        }
        logs.kept.extend(lines.into_iter().map(Arc::new));
        while logs.kept.len() > LOGS_KEPT_MAX {
            logs.kept.pop_front();
            logs.first += 1;
        }
        while logs.left_out.len() > LOGS_KEPT_MAX {
            logs.left_out.pop_front();
        }
        let next = logs.next();
        self.shared.next.send_if_modified(|known| {
            let is_open = known.is_some();
            if is_open {
                *known = Some(next);
            }
            is_open
        });
    }

    /// Says that nothing more comes.
    fn end(&self) {
        self.shared.next.send_replace(None);
    }
}

impl Logs {
    /// The number of the next message.
    fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }
}

impl LogReader {
    /// What has come since the last time; waits for it. None once all is read and nothing more comes: the run has ended, or
    /// this node leads no more.
    pub async fn read(&mut self) -> Option<LogsRead> {
        loop {
            // What comes after this look wakes it.
            let is_over = self.next.borrow_and_update().is_none();
            let read = self.take();
            if read != LogsRead::default() {
                return Some(read);
            }
            if is_over {
                return None;
            }
            // The sender lives as long as this reader does.
            self.next.changed().await.ok()?;
        }
    }

    /// What has come since the last time, without waiting; none if nothing has.
    pub fn read_now(&mut self) -> Option<LogsRead> {
        Some(self.take()).filter(|read| *read != LogsRead::default())
    }

    fn take(&mut self) -> LogsRead {
        let logs = lock(&self.shared.logs);
        let lost = logs.first.saturating_sub(self.position);
        let from = self.position.max(logs.first);
        let lines: Vec<_> = logs.kept.iter().skip((from - logs.first) as usize).cloned().collect();
        let left_out = logs.left_out.iter().filter(|(number, _)| (self.position..logs.next()).contains(number));
        let skipped = lost + left_out.map(|(_, count)| count).sum::<u64>();
        self.position = logs.next();
        LogsRead { skipped, lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> LogLine {
        LogLine { agent: "a".to_owned(), level: LogLevel::Info, message: number.to_string(), source: String::new() }
    }

    fn numbers(read: &LogsRead) -> Vec<u64> {
        read.lines.iter().map(|line| line.message.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn every_reader_gets_each_message_once_and_is_told_what_it_missed() {
        let (feeds, run) = (Feeds::default(), RunId::new("r").unwrap());
        assert!(feeds.get(&run).is_none());
        let feed = feeds.of(&run);
        let mut early = feeds.get(&run).unwrap().logs();
        feed.log((0..3).map(line), 0);
        assert_eq!(numbers(&early.read().await.unwrap()), [0, 1, 2]);
        feed.log((3..300).map(line), 0);
        let read = early.read().await.unwrap();
        assert_eq!((read.skipped, numbers(&read)), (300 - 256 - 3, (44..300).collect()));
        let mut late = feed.logs();
        let read = late.read().await.unwrap();
        assert_eq!((read.skipped, numbers(&read)), (0, (44..300).collect()));
        feed.log([line(300)], 7);
        for reader in [&mut early, &mut late] {
            let read = reader.read().await.unwrap();
            assert_eq!((read.skipped, numbers(&read)), (7, vec![300]));
        }
        feed.log([line(301)], 0);
        feeds.close(&|_| true);
        assert_eq!(numbers(&early.read().await.unwrap()), [301]);
        assert_eq!(early.read().await, None);
        assert!(feeds.get(&run).is_none());
    }

    #[tokio::test]
    async fn a_reader_waits_until_something_comes() {
        let (feeds, run) = (Feeds::default(), RunId::new("r").unwrap());
        let feed = feeds.of(&run);
        let mut reader = feed.logs();
        let reading = tokio::spawn(async move { reader.read().await });
        tokio::task::yield_now().await;
        feed.log([], 2);
        // What was left out is told with the next message.
        tokio::task::yield_now().await;
        assert!(!reading.is_finished());
        feed.log([line(0)], 0);
        assert_eq!(reading.await.unwrap().unwrap().skipped, 2);
    }
}
