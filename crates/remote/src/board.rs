//! What there is to tell of a run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throng_protocol::control::{LogRecord, RunEnd};
use tokio::sync::broadcast;

/// Messages that wait for the slowest watcher; past that the oldest are left out, and it is told how many.
pub const MESSAGES_MAX: usize = 256;

/// What there is to tell of a run: messages, and how it ended. Clones are the same board. Writing never waits for a
/// reader, and costs nothing while nobody watches.
#[derive(Clone, Debug)]
pub struct Board {
    end: Arc<Mutex<Option<RunEnd>>>,
    news: broadcast::Sender<News>,
}

/// What is new on the board.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    Log(LogRecord),
    End(Box<RunEnd>),
}

impl Default for Board {
    fn default() -> Self {
        Self { end: Arc::default(), news: broadcast::Sender::new(MESSAGES_MAX) }
    }
}

impl Board {
    /// A board for a run that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes on a message; it is made only if there is someone to pass it to.
    pub fn log(&self, record: impl FnOnce() -> LogRecord) {
        if self.news.receiver_count() > 0 {
            // It fails if the last one has just gone.
            let _ = self.news.send(News::Log(record()));
        }
    }

    /// The run is over; what is said after it isn't told. The first end stays.
    pub fn end(&self, end: RunEnd) {
        let mut place = self.lock();
        if place.is_none() {
            // While it is locked, so that whoever begins to watch finds the end here or among the news, never in both.
            let _ = self.news.send(News::End(Box::new(end.clone())));
            *place = Some(end);
        }
    }

    /// How the run ended, once it has.
    pub(crate) fn ended(&self) -> Option<RunEnd> {
        self.lock().clone()
    }

    /// News from here on, and the end if it is there already.
    pub(crate) fn watch(&self) -> (broadcast::Receiver<News>, Option<RunEnd>) {
        let end = self.lock();
        (self.news.subscribe(), end.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<RunEnd>> {
        // Whoever panicked left it whole.
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    #[test]
    fn a_slow_watcher_loses_the_oldest_messages_and_gets_the_end() {
        let board = Board::new();
        let (mut news, _) = board.watch();
        for _ in 0..MESSAGES_MAX + 10 {
            board.log(LogRecord::default);
        }
        board.end(RunEnd::default());
        assert_eq!(news.try_recv(), Err(TryRecvError::Lagged(11)));
        let rest: Vec<News> = std::iter::from_fn(|| news.try_recv().ok()).collect();
        assert_eq!(rest.len(), MESSAGES_MAX);
        assert!(matches!(rest.last(), Some(News::End(_))));
    }

    #[test]
    fn the_first_end_stays_and_late_watchers_find_it() {
        let board = Board::new();
        let end = |text: &str| RunEnd { summary_text: text.to_owned(), ..RunEnd::default() };
        let (mut news, none) = board.watch();
        assert_eq!(none, None);
        board.end(end("first"));
        board.end(end("second"));
        assert_eq!(news.try_recv(), Ok(News::End(Box::new(end("first")))));
        assert!(news.try_recv().is_err());
        let (mut news, found) = board.watch();
        assert_eq!(found, Some(end("first")));
        assert_eq!(news.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn no_message_is_made_for_nobody() {
        Board::new().log(|| unreachable!("nobody watches"));
    }
}
