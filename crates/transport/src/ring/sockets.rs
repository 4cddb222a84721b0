//! The table of sockets: what the driver knows of each slot of its rings' file tables.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU16;
use std::task::{Context, Waker};

use super::datagrams::Datagram;
use super::sends::SendQueue;
use crate::source::SourceTicket;
use crate::time::Nanos;

/// Received bytes that nobody has read yet, in a buffer of the table's pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) buffer: u16,
    pub(crate) len: NonZeroU16,
    pub(crate) at: Nanos,
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

/// What is so of a socket, in one word.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags(u16);

impl Flags {
    /// A receive is armed.
    pub(crate) const RECEIVING: u16 = 1;
    /// Receiving was stopped since the reader lags.
    pub(crate) const PAUSED: u16 = 1 << 1;
    /// The peer has sent its last byte.
    pub(crate) const ENDED: u16 = 1 << 2;
    /// The owner waits for its sends to complete.
    pub(crate) const FLUSHING: u16 = 1 << 3;
    /// The owner waits for the next event.
    pub(crate) const WAITING: u16 = 1 << 4;
    /// The socket stands in its set's queue.
    pub(crate) const READY: u16 = 1 << 5;
    /// Its set is to be told that it has opened.
    pub(crate) const OPENED: u16 = 1 << 6;
    /// Its set is to be told that its instant has come.
    pub(crate) const DUE: u16 = 1 << 7;
    /// Its set knows that it has failed.
    pub(crate) const TOLD: u16 = 1 << 8;
    /// Its set knows that the peer has sent its last byte.
    pub(crate) const ENDED_TOLD: u16 = 1 << 10;
    /// The kernel accepts for it.
    pub(crate) const ACCEPTING: u16 = 1 << 9;
    /// Its peer is probed if nothing was heard of it since the last look.
    pub(crate) const PROBED: u16 = 1 << 12;
    pub(crate) const HEARD: u16 = 1 << 13;
    /// It is a UDP socket.
    pub(crate) const DATAGRAMS: u16 = 1 << 11;

    pub(crate) fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub(crate) fn set(&mut self, flag: u16, on: bool) {
        if on {
            self.0 |= flag;
        } else {
            self.0 &= !flag;
        }
    }

    /// Whether it was set; it isn't any more.
    pub(crate) fn take(&mut self, flag: u16) -> bool {
        let had = self.has(flag);
        self.0 &= !flag;
        had
    }
}

/// What only some sockets have, and not for long.
#[derive(Debug, Default)]
pub(crate) struct Cold {
    /// Unread bytes behind the first.
    pub(crate) more: VecDeque<Received>,
    /// Datagrams that nobody has read yet, and errors between them.
    pub(crate) datagrams: VecDeque<Result<Datagram, u16>>,
    /// Where an accept leaves the client's address.
    pub(crate) accepting: Option<Box<ClientAddress>>,
    /// Where to connect to, while connecting.
    pub(crate) peer: Option<Box<socket2::SockAddr>>,
}

impl Cold {
    fn is_empty(&self) -> bool {
        self.more.is_empty() && self.datagrams.is_empty() && self.accepting.is_none() && self.peer.is_none()
    }
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

/// What a socket comes from.
#[derive(Debug, Default)]
pub(crate) enum Origin {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// We have connected, from this source.
    Source(SourceTicket),
    /// A client has, by IPv4.
    Client(Ipv4Addr, u16),
    /// A client has, by IPv6.
    Client6(Box<SocketAddrV6>),
}

impl Origin {
    pub(crate) fn of_client(address: Option<SocketAddr>) -> Self {
        match address {
            None => Self::Unknown,
            Some(SocketAddr::V4(address)) => Self::Client(*address.ip(), address.port()),
            Some(SocketAddr::V6(address)) => Self::Client6(Box::new(address)),
        }
    }

    pub(crate) fn client(&self) -> Option<SocketAddr> {
        match self {
            Self::Client(ip, port) => Some(SocketAddr::new(IpAddr::V4(*ip), *port)),
            Self::Client6(address) => Some(SocketAddr::V6(**address)),
            _ => None,
        }
    }
}

/// No set, where one is named.
pub(crate) const NO_SET: u16 = u16::MAX;

/// A timer's place in the wheel; see `Wheel`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    /// The tick it is armed for, and the bucket that it is in.
    pub(crate) at: u64,
    pub(crate) next: u32,
    pub(crate) previous: u32,
}

/// One slot. Operations carry its generation, so that a late completion never reaches the slot's next owner.
///
/// There may be a million of them: what an idle socket doesn't need is elsewhere.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Socket {
    pub(crate) generation: u32,
    pub(crate) flags: Flags,
    pub(crate) phase: Phase,
    /// Operations in the kernel's hands.
    pub(crate) pending: u8,
    /// errno of the first failed operation, 0 for none.
    pub(crate) error: u16,
    /// The set that owns it, and its name there.
    pub(crate) set: u16,
    pub(crate) token: u32,
    /// Sources that it was tried to connect from in vain.
    pub(crate) ports_tried: u8,
    /// Its owner's waker, if that is a task; it stays when it has been used, since most owners wait again.
    pub(crate) waker: Option<Waker>,
    first: Option<Received>,
    pub(crate) sends: SendQueue,
    /// When the last queued bytes were first offered to the kernel.
    pub(crate) sent_from: Nanos,
    /// When it had taken the last of them.
    pub(crate) sent_at: Nanos,
    /// When the owner wants to be woken at the latest; `Nanos(0)` is never.
    pub(crate) deadline: Nanos,
    /// The timer behind it: moved on lazily, since most deadlines never come.
    pub(crate) armed: Armed,
    pub(crate) origin: Origin,
    cold: Option<Box<Cold>>,
}

const _: () = assert!(size_of::<Socket>() == 128);

impl Socket {
    fn new(generation: u32) -> Self {
        Self {
            generation,
            flags: Flags::default(),
            phase: Phase::Free,
            pending: 0,
            error: 0,
            set: NO_SET,
            token: 0,
            ports_tried: 0,
            waker: None,
            first: None,
            sends: SendQueue::default(),
            sent_from: Nanos::default(),
            sent_at: Nanos::default(),
            deadline: Nanos::default(),
            armed: Armed::NOT,
            origin: Origin::Unknown,
            cold: None,
        }
    }

    pub(crate) fn push_received(&mut self, received: Received) {
        if self.first.is_none() {
            self.first = Some(received);
        } else {
            self.cold_mut().more.push_back(received);
        }
    }

    pub(crate) fn pop_received(&mut self) -> Option<Received> {
        let first = self.first.take();
        if let Some(cold) = &mut self.cold {
            self.first = cold.more.pop_front();
            self.forget_cold();
        }
        first
    }

    /// Puts bytes back in front of all others.
    pub(crate) fn put_back(&mut self, received: Received) {
        if let Some(first) = self.first.replace(received) {
            self.cold_mut().more.push_front(first);
        }
    }

    pub(crate) fn has_received(&self) -> bool {
        self.first.is_some()
    }

    /// Buffers, or datagrams, that nobody has read yet, but the first.
    pub(crate) fn lag(&self) -> usize {
        self.cold.as_ref().map_or(0, |cold| cold.more.len() + cold.datagrams.len())
    }

    /// The oldest unread datagram, or the errno of what has happened to one.
    pub(crate) fn pop_datagram(&mut self) -> Option<Result<Datagram, u16>> {
        let datagram = self.cold.as_mut()?.datagrams.pop_front();
        self.forget_cold();
        datagram
    }

    pub(crate) fn cold_mut(&mut self) -> &mut Cold {
        self.cold.get_or_insert_default()
    }

    pub(crate) fn take_peer(&mut self) -> Option<Box<socket2::SockAddr>> {
        let peer = self.cold.as_mut()?.peer.take();
        self.forget_cold();
        peer
    }

    pub(crate) fn take_accepting(&mut self) -> Option<Box<ClientAddress>> {
        self.flags.set(Flags::ACCEPTING, false);
        let accepting = self.cold.as_mut()?.accepting.take();
        self.forget_cold();
        accepting
    }

    fn forget_cold(&mut self) {
        if self.cold.as_ref().is_some_and(|cold| cold.is_empty()) {
            self.cold = None;
        }
    }

    /// Has the owner woken at the next event.
    pub(crate) fn wait(&mut self, context: &Context<'_>) {
        self.flags.set(Flags::WAITING, true);
        match &self.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            _ => self.waker = Some(context.waker().clone()),
        }
    }

    /// Wakes the owner, if it is a task that waits. That only puts it into the run queue, so it may happen while the
    /// driver is borrowed.
    pub(crate) fn wake(&mut self) {
        if self.flags.take(Flags::WAITING)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Whether bytes wait to be taken by the kernel.
    pub(crate) fn is_sending(&self) -> bool {
        !self.sends.is_empty()
    }

    pub(crate) fn fail(&mut self, errno: i32) {
        if self.error == 0 {
            self.error = errno as u16;
        }
    }

    pub(crate) fn error(&self) -> Option<std::io::Error> {
        (self.error != 0).then(|| std::io::Error::from_raw_os_error(self.error.into()))
    }
}

/// The free slots of one table.
#[derive(Debug)]
struct FreeList {
    /// The slot freed last; each names the next one by `armed.next`.
    first: u32,
    /// Slots that were never used begin here.
    fresh: u32,
}

/// All slots of all tables.
#[derive(Debug)]
pub(crate) struct Sockets {
    slots: Vec<Socket>,
    /// Of each table; sockets are taken from the first one that has any left.
    free: Vec<FreeList>,
    /// Tables before this one are full.
    first_free: usize,
    table_shift: u32,
    limit: u32,
    open: u32,
}

impl Sockets {
    /// At most `limit` sockets in tables of 2 to the power of `table_shift`, of which there is none yet.
    pub(crate) fn new(table_shift: u32, limit: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), first_free: 0, table_shift, limit, open: 0 }
    }

    /// There is one table more.
    pub(crate) fn add_table(&mut self) {
        let fresh = (self.free.len() as u32) << self.table_shift;
        self.free.push(FreeList { first: u32::MAX, fresh });
    }

    /// Takes a free slot; none when the tables are full.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let slot = loop {
            let free = self.free.get_mut(self.first_free)?;
            if free.first != u32::MAX {
                let slot = free.first;
                free.first = self.slots[slot as usize].armed.next;
                self.slots[slot as usize].armed = Armed::NOT;
                break slot;
            }
            let end = ((self.first_free as u32 + 1) << self.table_shift).min(self.limit);
            if free.fresh < end {
                // Tables are filled one after the other, so that all slots before it were used.
                let slot = free.fresh;
                free.fresh += 1;
                debug_assert_eq!(slot as usize, self.slots.len());
                self.slots.push(Socket::new(0));
                break slot;
            }
            self.first_free += 1;
        };
        self.open += 1;
        self.slots[slot as usize].phase = Phase::Opening;
        Some(slot)
    }

    /// Frees a slot that no operation refers to any more, and returns what it held.
    pub(crate) fn release(&mut self, slot: u32) -> Socket {
        let table = (slot >> self.table_shift) as usize;
        let socket = &mut self.slots[slot as usize];
        debug_assert!(socket.pending == 0 && !socket.has_received() && socket.sends.is_empty());
        let mut fresh = Socket::new(socket.generation.wrapping_add(1) & GENERATION_MASK);
        fresh.armed.next = self.free[table].first;
        self.free[table].first = slot;
        self.first_free = self.first_free.min(table);
        self.open -= 1;
        std::mem::replace(socket, fresh)
    }

    /// Slots that were ever used.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(crate) fn get(&mut self, slot: u32) -> &mut Socket {
        &mut self.slots[slot as usize]
    }

    /// The slot's socket, if it is of that generation and has an owner.
    pub(crate) fn find(&mut self, slot: u32, generation: u32) -> Option<&mut Socket> {
        let socket = self.slots.get_mut(slot as usize)?;
        let owned = matches!(socket.phase, Phase::Opening | Phase::Open);
        (socket.generation == generation && owned).then_some(socket)
    }

    /// Wakes all owners that wait.
    pub(crate) fn wake_all(&mut self) {
        self.slots.iter_mut().for_each(Socket::wake);
    }

    /// The slots of all sockets of a set.
    pub(crate) fn of_set(&self, set: u16) -> Vec<u32> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, socket)| socket.set == set).map(|(slot, _)| slot as u32).collect()
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
