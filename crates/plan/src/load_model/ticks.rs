//! A share's ticks, one after another.

use std::sync::Arc;
use std::time::Duration;

use super::arrivals::Arrivals;
use crate::segment::Share;

/// A planned start of an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it is due, from the scenario's beginning.
    pub at: Duration,
    /// Its number in the whole scenario, from 0.
    pub number: u64,
    /// Its number within the share, from 0.
    pub own: u64,
}

/// A cursor over the ticks that fall to a share, in the order of time. It computes each when the one before is taken,
/// from whole numbers, and allocates nothing.
#[derive(Debug, Clone)]
pub struct Ticks {
    arrivals: Arc<Arrivals>,
    share: Share,
    next: Option<Tick>,
    piece: usize,
}

impl Ticks {
    /// All ticks of a share. It has to be the one derived from the scenario's VUs; see [`Share::derived`].
    pub fn new(arrivals: Arc<Arrivals>, share: Share) -> Self {
        let mut ticks = Self { arrivals, share, next: None, piece: 0 };
        ticks.find(0);
        ticks
    }

    /// Leaves out what is due at this time or before: for who joins a run that is under way.
    pub fn skip_due_by(&mut self, time: Duration) {
        self.piece = 0;
        self.find(self.due_by(time));
    }

    /// The next tick.
    pub fn peek(&self) -> Option<Tick> {
        self.next
    }

    /// The next tick, if it is due. Who is late gets the overdue ones at once, one by one.
    pub fn take_due(&mut self, now: Duration) -> Option<Tick> {
        self.next.filter(|tick| tick.at <= now)?;
        self.next()
    }

    /// How many of the share's ticks are due at this time or before it, taken or not.
    pub fn due_by(&self, time: Duration) -> u64 {
        self.share.scale(self.arrivals.due_by(time))
    }

    /// How many ticks the share has.
    pub fn total(&self) -> u64 {
        self.share.scale(self.arrivals.total())
    }

    /// When the tick of this number within the share is due; none if there are fewer.
    pub fn instant_of(&self, own: u64) -> Option<Duration> {
        self.arrivals.at(self.share.nth(own))
    }

    fn find(&mut self, own: u64) {
        let number = self.share.nth(own);
        self.next = self.arrivals.at_from(number, &mut self.piece).map(|at| Tick { at, number, own });
    }
}

impl Iterator for Ticks {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        let tick = self.next.take()?;
        self.find(tick.own + 1);
        Some(tick)
    }
}
