//! One connection as the agent knows it: small, since there may be a million.

use std::rc::Rc;

use throng_transport::websocket::{Reader, Writer};
use throng_transport::{Nanos, Records, SetKey};

use super::handshake::Lineage;

/// Timers of a connection beside the first: what the contract says.
const MORE_TIMERS_MAX: usize = 16;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its iteration has begun, and its handler hasn't connected yet.
    Begun,
    /// The handshake is under way.
    Opening,
    /// Messages flow.
    Open,
    /// A close frame was sent, and the server's is awaited.
    Closing,
    /// The same for longer than usual: others are closed meanwhile.
    Unanswered,
    /// Its last event waits to be handled.
    Gone,
}

/// A connection, and the iteration that it is.
pub(super) struct Member {
    /// Its VU's place within the share.
    pub(super) vu: u32,
    /// Tells it from those that had its number before.
    pub(super) serial: u32,
    pub(super) phase: Phase,
    /// The script said so, or it broke.
    pub(super) failed: bool,
    /// The load model doesn't want it any more.
    pub(super) stopping: bool,
    /// It hasn't ended within its time.
    pub(super) cut: bool,
    /// Bytes that may still wait to be sent: those since nothing waited.
    pub(super) unsent: u32,
    /// None unless it is open.
    pub(super) key: Option<SetKey>,
    pub(super) reader: Reader,
    /// None in plain and without compression, so that the rule costs little.
    pub(super) layers: Option<Box<Layers>>,
    pub(super) began: Nanos,
    /// When its last event happened.
    pub(super) ended: Nanos,
    /// When the message was sent whose answer is awaited; 0 for none.
    pub(super) sent_at: Nanos,
    /// The same of a ping.
    pub(super) pinged_at: Nanos,
    /// Its iteration's number in the run.
    pub(super) iteration: u64,
    /// Once it was open: what its samples have in common with others'.
    pub(super) lineage: Option<Rc<Lineage>>,
    pub(super) timers: Timers,
}

/// What lies between a connection's messages and its bytes.
pub(super) struct Layers {
    /// None in plain.
    pub(super) tls: Option<Records>,
    pub(super) writer: Writer,
}

impl Member {
    pub(super) fn new(vu: u32, serial: u32, began: Nanos, iteration: u64) -> Self {
        Self {
            vu,
            serial,
            phase: Phase::Begun,
            failed: false,
            stopping: false,
            cut: false,
            unsent: 0,
            key: None,
            reader: Reader::plain(),
            layers: None,
            began,
            ended: Nanos::default(),
            sent_at: Nanos::default(),
            pinged_at: Nanos::default(),
            iteration,
            lineage: None,
            timers: Timers::default(),
        }
    }
}

/// A timer.
#[derive(Clone, Copy, Debug, Default)]
struct Timer {
    number: u32,
    /// 0, which no clock shows, for none: an `Option` would make every connection larger.
    at: Nanos,
}

impl Timer {
    fn is_set(&self) -> bool {
        self.at.0 > 0
    }
}

/// Timers of a connection. Most have one at most, which needs no memory of its own.
#[derive(Debug, Default)]
pub(super) struct Timers {
    first: Timer,
    /// Those that were set while the first was, in no order.
    #[expect(clippy::box_collection, reason = "a third of the bytes where there are none, which is the rule")]
    more: Option<Box<Vec<Timer>>>,
}

impl Timers {
    /// Sets or moves the timer of this number; false if there are too many.
    pub(super) fn set(&mut self, number: u32, at: Nanos) -> bool {
        let first = Some(&mut self.first).filter(|first| first.is_set());
        let more = self.more.iter_mut().flat_map(|more| more.iter_mut());
        if let Some(known) = first.into_iter().chain(more).find(|known| known.number == number) {
            known.at = at;
            return true;
        }
        if !self.first.is_set() {
            self.first = Timer { number, at };
            return true;
        }
        let more = self.more.get_or_insert_default();
        if more.len() < MORE_TIMERS_MAX {
            more.push(Timer { number, at });
            return true;
        }
        false
    }

    /// Takes a timer back, if it is set.
    pub(super) fn cancel(&mut self, number: u32) {
        self.remove(|known| known.number == number);
    }

    /// The instant of the next one.
    pub(super) fn next(&self) -> Option<Nanos> {
        let first = Some(&self.first).filter(|first| first.is_set());
        first.into_iter().chain(self.more.iter().flat_map(|more| more.iter())).map(|timer| timer.at).min()
    }

    /// Takes the earliest one that is due, and returns its number.
    pub(super) fn take_due(&mut self, now: Nanos) -> Option<u32> {
        let next = self.next().filter(|next| *next <= now)?;
        self.remove(|known| known.at == next)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn remove(&mut self, is_it: impl Fn(&Timer) -> bool) -> Option<u32> {
        if self.first.is_set() && is_it(&self.first) {
            return Some(std::mem::take(&mut self.first).number);
        }
        let more = self.more.as_mut()?;
        let place = more.iter().position(is_it)?;
        let Timer { number, .. } = more.swap_remove(place);
        if more.is_empty() {
            self.more = None;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_the_order_of_time_and_only_when_due() {
        let mut timers = Timers::default();
        for (number, at) in [(7, 30), (8, 10), (9, 20)] {
            assert!(timers.set(number, Nanos(at)));
        }
        assert_eq!(timers.next(), Some(Nanos(10)));
        assert_eq!(timers.take_due(Nanos(9)), None);
        assert_eq!(timers.take_due(Nanos(25)), Some(8));
        assert!(timers.set(9, Nanos(40)), "moved");
        assert_eq!(timers.take_due(Nanos(35)), Some(7));
        timers.cancel(9);
        timers.cancel(9);
        assert_eq!(timers.take_due(Nanos(100)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_connection_has_room_for_one_timer_and_sixteen_others() {
        let mut timers = Timers::default();
        assert!((0..17).all(|number| timers.set(number, Nanos(5))));
        assert!(!timers.set(17, Nanos(1)));
        assert!(timers.set(16, Nanos(1)), "a timer that is set can be moved");
        timers.cancel(0);
        assert!(timers.set(17, Nanos(1)));
    }

    #[test]
    fn a_member_is_small() {
        assert_eq!(size_of::<Member>(), 112);
        assert_eq!(size_of::<Option<Member>>(), 112, "a slab's entry needs no more");
    }
}
