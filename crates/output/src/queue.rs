//! What a writer is sent, and how much of it may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use throng_stats::{MetricId, Trend};

use crate::batch::Batch;

/// Messages that may wait for one writer: about half a million samples, of some 20 MB.
pub(crate) const MESSAGES_WAITING_MAX: usize = 256;

/// The distributions of a second or so.
#[derive(Clone, Debug)]
pub struct Interval {
    /// When it began, from the start of the run.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// The values of each trend that has some, all series of the metric together.
    pub trends: Vec<(MetricId, Trend)>,
}

pub(crate) enum Message {
    Batch(Arc<Batch>),
    Interval(Box<Interval>),
    /// There is no more.
    End,
}

/// Samples of one output, by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Taken into the queue.
    accepted: AtomicU64,
    /// Refused, since the queue was full.
    refused: AtomicU64,
    /// Handed to the sink.
    written: AtomicU64,
}

impl Counts {
    pub(crate) fn add_written(&self, samples: u64) {
        self.written.fetch_add(samples, Ordering::Relaxed);
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// All that were not written, once nothing is on its way any more.
    pub(crate) fn lost(&self) -> u64 {
        let all = self.accepted.load(Ordering::Relaxed) + self.refused();
        all.saturating_sub(self.written())
    }
}

/// The end of a queue that senders have. It never waits.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    sender: SyncSender<Message>,
    counts: Arc<Counts>,
}

impl Lane {
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = sync_channel(MESSAGES_WAITING_MAX);
        (Self { sender, counts: Arc::default() }, receiver)
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Sends samples, or counts them as refused.
    pub(crate) fn send(&self, batch: &Arc<Batch>) {
        let samples = batch.len() as u64;
        // Before it is sent, so that the writer is never ahead of the count.
        self.counts.accepted.fetch_add(samples, Ordering::Relaxed);
        if self.sender.try_send(Message::Batch(Arc::clone(batch))).is_err() {
            self.counts.accepted.fetch_sub(samples, Ordering::Relaxed);
            self.counts.refused.fetch_add(samples, Ordering::Relaxed);
        }
    }

    /// Sends an interval, or gives it back.
    pub(crate) fn send_interval(&self, interval: Box<Interval>) -> Result<(), Box<Interval>> {
        match self.sender.try_send(Message::Interval(interval)) {
            Ok(()) => Ok(()),
            Err(
                TrySendError::Full(Message::Interval(interval))
                | TrySendError::Disconnected(Message::Interval(interval)),
            ) => Err(interval),
            Err(_) => Ok(()),
        }
    }

    /// Tells the writer that there is no more; false while there is no room to say so.
    pub(crate) fn end(&self) -> bool {
        !matches!(self.sender.try_send(Message::End), Err(TrySendError::Full(_)))
    }
}

#[cfg(test)]
mod tests {
    use throng_stats::{TagSet, builtin};

    use super::*;
    use crate::{Context, Sample};

    fn batch(samples: usize) -> Arc<Batch> {
        let mut batch = Batch::default();
        let context = Context { at_unix_ns: 0, tags: TagSet::empty(), vu: None, iteration: None };
        batch.push(context, &vec![Sample { metric: builtin::HTTP_REQS, value: 1.0 }; samples]);
        Arc::new(batch)
    }

    #[test]
    fn what_finds_no_room_is_counted_to_the_sample() {
        let (lane, receiver) = Lane::new();
        for _ in 0..MESSAGES_WAITING_MAX {
            lane.send(&batch(3));
        }
        lane.send(&batch(7));
        assert_eq!((lane.counts().refused(), lane.counts().lost()), (7, 3 * MESSAGES_WAITING_MAX as u64 + 7));
        assert!(!lane.end());
        drop(receiver);
        lane.send(&batch(2));
        assert_eq!(lane.counts().refused(), 9);
    }
}
