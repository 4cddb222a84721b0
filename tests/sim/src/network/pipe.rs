//! One direction of a connection.

use std::collections::VecDeque;
use std::task::Waker;

use tokio::time::Instant;

use super::Host;

/// Bytes under way; a writer waits.
const BYTES_MAX: usize = 1 << 20;

/// What is under way from one end to the other.
pub(super) struct Pipe {
    pub(super) way: (Host, Host),
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// When the last that was written arrives.
    last: Instant,
    stalled_until: Instant,
    /// When the end of it arrives.
    finished: Option<Instant>,
    /// From when on neither end can use it.
    broken: Option<Instant>,
    /// Ends that there are.
    pub(super) ends: u8,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What a reader finds.
pub(super) enum Found {
    Bytes(usize),
    End,
    Broken,
    /// Nothing before that.
    Later(Instant),
    Nothing,
}

impl Pipe {
    pub(super) fn new(way: (Host, Host)) -> Self {
        let now = Instant::now();
        Self {
            way,
            chunks: VecDeque::new(),
            bytes: 0,
            last: now,
            stalled_until: now,
            finished: None,
            broken: None,
            ends: 2,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn touches(&self, host: Host) -> bool {
        self.way.0 == host || self.way.1 == host
    }

    pub(super) fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    /// Neither end can use it from then on.
    pub(super) fn reset(&mut self, at: Instant) {
        self.broken = Some(self.broken.map_or(at, |earlier| earlier.min(at)));
        self.wake();
    }

    /// What is under way comes no earlier.
    pub(super) fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
        self.wake();
    }

    /// The writer has come to its end.
    pub(super) fn finish(&mut self, arrival: Instant) {
        self.finished = Some(arrival.max(self.last));
        self.wake();
    }

    pub(super) fn is_broken(&self, now: Instant) -> bool {
        self.broken.is_some_and(|broken| broken <= now)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }

    pub(super) fn wait_to_write(&mut self, waker: &Waker) {
        self.writer = Some(waker.clone());
    }

    pub(super) fn wait_to_read(&mut self, waker: &Waker) {
        self.reader = Some(waker.clone());
    }

    pub(super) fn write(&mut self, arrival: Instant, bytes: &[u8]) {
        self.last = self.last.max(arrival);
        self.bytes += bytes.len();
        self.chunks.push_back((self.last, bytes.to_vec()));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// What has arrived, as much as there is room for.
    pub(super) fn read(&mut self, now: Instant, room: &mut [u8]) -> Found {
        if self.is_broken(now) {
            return Found::Broken;
        }
        let next = self.chunks.front().map(|(at, _)| *at).or(self.finished);
        let Some(next) = next.map(|at| at.max(self.stalled_until)) else {
            return self.broken.map_or(Found::Nothing, Found::Later);
        };
        if next > now {
            return Found::Later(self.broken.map_or(next, |broken| broken.min(next)));
        }
        let Some((_, chunk)) = self.chunks.front_mut() else { return Found::End };
        let count = chunk.len().min(room.len());
        room[..count].copy_from_slice(&chunk[..count]);
        if count == chunk.len() {
            self.chunks.pop_front();
        } else {
            chunk.drain(..count);
        }
        self.bytes -= count;
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        Found::Bytes(count)
    }
}
