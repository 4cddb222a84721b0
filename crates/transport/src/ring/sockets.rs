//! The table of sockets: what the driver knows of each slot of the ring's file table.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::{Context, Waker};

use super::connection::SendBytes;
use crate::source::SourceTicket;
use crate::time::{Nanos, TimerKey};

/// Received bytes that nobody has read yet, in a buffer of the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) buffer: u16,
    pub(crate) start: u16,
    pub(crate) len: u16,
    pub(crate) at: Nanos,
}

/// A send that is under way or waits for its turn.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) bytes: SendBytes,
    pub(crate) done: usize,
}

/// Where a socket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody's: the slot may be taken.
    Free,
    /// The table holds a socket whose connect, or accept, is under way.
    Opening,
    /// Data flows.
    Open,
    /// Given up by its owner; the slot is free once every operation has completed.
    Closing,
}

/// One slot. Operations carry its generation, so that a late completion never reaches the slot's next owner.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    /// Operations in the kernel's hands.
    pub(crate) pending: u8,
    pub(crate) receiving: bool,
    /// Receiving was stopped since the reader lags.
    pub(crate) paused: bool,
    /// The peer has sent its last byte.
    pub(crate) ended: bool,
    /// The owner waits for its sends to complete.
    pub(crate) flushing: bool,
    /// errno of the first failed operation, 0 for none.
    pub(crate) error: i32,
    pub(crate) first: Option<Received>,
    pub(crate) more: VecDeque<Received>,
    /// The send in the kernel's hands, and those that wait behind it.
    pub(crate) sending: Option<Sending>,
    pub(crate) queued: VecDeque<Sending>,
    /// When the last queued bytes were first offered to the kernel.
    pub(crate) sent_from: Nanos,
    /// When it had taken the last of them.
    pub(crate) sent_at: Nanos,
    /// The owner's waker; it stays when it has been used, since most owners wait again.
    pub(crate) waker: Option<Waker>,
    /// Whether the owner waits for the next event.
    pub(crate) waiting: bool,
    /// When the owner wants to be woken at the latest.
    pub(crate) deadline: Option<Nanos>,
    /// The timer behind it: at most one a socket, moved on lazily, since most deadlines never come.
    pub(crate) alarm: Option<TimerKey>,
    /// An accept is under way: it is the listener's operation, and cancelled by its name.
    pub(crate) accepting: Option<Box<ClientAddress>>,
    pub(crate) source: Option<SourceTicket>,
    /// Where to connect to, while connecting.
    pub(crate) peer: Option<Box<socket2::SockAddr>>,
    /// Who connected, of an accepted socket.
    pub(crate) client: Option<SocketAddr>,
}

/// Where the kernel leaves the client's address.
#[derive(Debug)]
pub(crate) struct ClientAddress {
    pub(crate) storage: socket2::SockAddrStorage,
    pub(crate) length: libc::socklen_t,
}

impl ClientAddress {
    pub(crate) fn new() -> Self {
        let storage = socket2::SockAddrStorage::zeroed();
        Self { length: storage.size_of(), storage }
    }
}

impl Socket {
    fn new() -> Self {
        Self {
            generation: 0,
            phase: Phase::Free,
            pending: 0,
            receiving: false,
            paused: false,
            ended: false,
            flushing: false,
            error: 0,
            first: None,
            more: VecDeque::new(),
            sending: None,
            queued: VecDeque::new(),
            sent_from: Nanos::default(),
            sent_at: Nanos::default(),
            waker: None,
            waiting: false,
            deadline: None,
            alarm: None,
            accepting: None,
            source: None,
            peer: None,
            client: None,
        }
    }

    pub(crate) fn push_received(&mut self, received: Received) {
        if self.first.is_none() && self.more.is_empty() {
            self.first = Some(received);
        } else {
            self.more.push_back(received);
        }
    }

    pub(crate) fn pop_received(&mut self) -> Option<Received> {
        self.first.take().or_else(|| self.more.pop_front())
    }

    pub(crate) fn has_received(&self) -> bool {
        self.first.is_some() || !self.more.is_empty()
    }

    /// Has the owner woken at the next event.
    pub(crate) fn wait(&mut self, context: &Context<'_>) {
        self.waiting = true;
        match &self.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            _ => self.waker = Some(context.waker().clone()),
        }
    }

    /// Wakes the owner, if it waits. That only puts its task into the run queue, so it may happen while the driver is
    /// borrowed.
    pub(crate) fn wake(&mut self) {
        if std::mem::take(&mut self.waiting)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Whether bytes wait to be taken by the kernel.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    pub(crate) fn drop_sends(&mut self) {
        self.sending = None;
        self.queued.clear();
    }

    pub(crate) fn fail(&mut self, errno: i32) {
        if self.error == 0 {
            self.error = errno;
        }
    }
}

/// All slots, as many as the ring's file table has.
#[derive(Debug)]
pub(crate) struct Sockets {
    slots: Vec<Socket>,
    free: Vec<u32>,
    limit: u32,
    open: u32,
}

impl Sockets {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), limit, open: 0 }
    }

    /// Takes a free slot; none when the table is full.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if (self.slots.len() as u32) < self.limit => {
                self.slots.push(Socket::new());
                self.slots.len() as u32 - 1
            }
            None => return None,
        };
        self.open += 1;
        self.slots[slot as usize].phase = Phase::Opening;
        Some(slot)
    }

    /// Frees a slot that no operation refers to any more, and returns what it held.
    pub(crate) fn release(&mut self, slot: u32) -> Socket {
        let socket = &mut self.slots[slot as usize];
        debug_assert!(socket.pending == 0 && !socket.has_received());
        let mut fresh = Socket::new();
        fresh.generation = socket.generation.wrapping_add(1) & GENERATION_MASK;
        self.free.push(slot);
        self.open -= 1;
        std::mem::replace(socket, fresh)
    }

    pub(crate) fn get(&mut self, slot: u32) -> &mut Socket {
        &mut self.slots[slot as usize]
    }

    /// Wakes all owners that wait.
    pub(crate) fn wake_all(&mut self) {
        self.slots.iter_mut().for_each(Socket::wake);
    }

    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }
}

/// Generations have 24 bits in an operation's name.
pub(crate) const GENERATION_MASK: u32 = 0x00ff_ffff;
