//! Messages of scripts, so many a second and no more.

use std::cell::Cell;
use std::sync::mpsc;

use throng_transport::{Clock, Nanos};
use throng_vu::LogLevel;

use crate::command::Event;
use crate::observer::LogRecord;

/// Messages a second over all shards; `wit/script.wit` promises it.
const MESSAGES_PER_SECOND: u64 = 1000;

/// A shard's way to the person who runs the test.
pub(crate) struct Logs {
    events: mpsc::Sender<(usize, Event)>,
    shard: usize,
    limit: u64,
    second: Cell<Nanos>,
    sent: Cell<u64>,
    dropped: Cell<u64>,
}

impl Logs {
    pub(crate) fn new(events: mpsc::Sender<(usize, Event)>, shard: usize, shards: u64) -> Self {
        let limit = MESSAGES_PER_SECOND.div_ceil(shards.max(1));
        Self { events, shard, limit, second: Cell::default(), sent: Cell::new(0), dropped: Cell::new(0) }
    }

    /// Whether another message is within the limit; one that isn't is counted.
    pub(crate) fn admits(&self) -> bool {
        let now = Clock::now();
        if now.since(self.second.get()) >= 1_000_000_000 {
            self.second.set(now);
            self.sent.set(0);
        }
        let admitted = self.sent.get() < self.limit;
        let count = if admitted { &self.sent } else { &self.dropped };
        count.set(count.get() + 1);
        admitted
    }

    pub(crate) fn send(&self, level: LogLevel, message: String, source: String) {
        let _ = self.events.send((self.shard, Event::Log(LogRecord { level, message, source })));
    }

    /// A message of throng itself, within the same limit.
    pub(crate) fn report(&self, level: LogLevel, message: &str, source: &str) {
        if self.admits() {
            self.send(level, message.to_owned(), source.to_owned());
        }
    }

    /// Says how many messages were left out since the last call.
    pub(crate) fn flush(&self) {
        let dropped = self.dropped.take();
        if dropped > 0 {
            let _ = self.events.send((self.shard, Event::LogsDropped(dropped)));
        }
    }
}
