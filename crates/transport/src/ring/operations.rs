//! What is asked of the kernel: each operation of a socket, queued for the next turn.
#![expect(unsafe_code, reason = "operations hand pointers to the kernel")]

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::{opcode, squeue, types};
use socket2::SockAddr;

use super::buffers::Group;
use super::driver::Driver;
use super::sends::Sending;
use super::sockets::{ClientAddress, Flags, GENERATION_MASK, Phase};
use crate::time::Clock;

/// What an operation was, in the top byte of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Operation {
    Receive = 1,
    Send = 2,
    Connect = 3,
    Accept = 4,
    Cancel = 5,
    Close = 6,
    Wake = 7,
    Pause = 8,
    EndSending = 9,
    Reset = 10,
    Kick = 11,
    Probe = 12,
}

impl Operation {
    pub(super) fn of(name: u64) -> Option<Self> {
        Some(match name >> 56 {
            1 => Self::Receive,
            2 => Self::Send,
            3 => Self::Connect,
            4 => Self::Accept,
            5 => Self::Cancel,
            6 => Self::Close,
            7 => Self::Wake,
            8 => Self::Pause,
            9 => Self::EndSending,
            10 => Self::Reset,
            11 => Self::Kick,
            12 => Self::Probe,
            _ => return None,
        })
    }

    pub(super) fn name(self, slot: u32, generation: u32) -> u64 {
        (self as u64) << 56 | u64::from(generation & GENERATION_MASK) << 32 | u64::from(slot)
    }
}

impl Driver {
    /// The slot's place in its table.
    pub(super) fn fixed(&self, slot: u32) -> types::Fixed {
        types::Fixed(slot & ((1 << self.table_shift) - 1))
    }

    pub(super) fn push(&mut self, table: usize, entry: &squeue::Entry) {
        self.queued = true;
        // SAFETY: every caller passes memory that outlives its operation: buffers are held in the slot or in the
        // driver until the completion arrives, or static, and the ring is torn down before them.
        while unsafe { self.tables[table].ring.submission().push(entry) }.is_err() {
            self.submit(table);
        }
    }

    /// Lets the kernel take what is queued, where there is no room for more. An error shows again at the turn.
    fn submit(&mut self, table: usize) {
        let (now, shift) = (Clock::now(), self.table_shift);
        let Self { just_sent, sockets, .. } = self;
        // The time of a send begins when it is submitted.
        just_sent.retain(|slot| {
            let is_submitted = (slot >> shift) as usize == table;
            if is_submitted {
                sockets.get(*slot).sent_from = now;
            }
            !is_submitted
        });
        let _ = self.tables[table].ring.submit();
    }

    /// Waits for a write to the eventfd by which other threads wake the shard.
    pub(super) fn arm_wake(&mut self) {
        let target = std::ptr::from_mut::<u64>(&mut self.wake_value).cast();
        let entry = opcode::Read::new(types::Fd(self.wake_fd.as_raw_fd()), target, 8).build();
        self.push(0, &entry.user_data(Operation::Wake.name(0, 0)));
    }

    /// Waits for a write to the eventfd by which further rings tell of completions.
    pub(super) fn arm_kick(&mut self) {
        let Some(kick) = &mut self.kick else { return };
        let target = std::ptr::from_mut::<u64>(&mut kick.value).cast();
        let entry = opcode::Read::new(types::Fd(kick.fd.as_raw_fd()), target, 8).build();
        self.push(0, &entry.user_data(Operation::Kick.name(0, 0)));
    }

    pub(super) fn push_for(&mut self, slot: u32, operation: Operation, entry: squeue::Entry) {
        let socket = self.sockets.get(slot);
        socket.pending += 1;
        let name = operation.name(slot, socket.generation);
        self.push((slot >> self.table_shift) as usize, &entry.user_data(name));
    }

    /// Puts `fd` into the slot; the caller closes its descriptor.
    pub(crate) fn install(&mut self, slot: u32, fd: RawFd) -> io::Result<()> {
        let index = self.fixed(slot).0;
        self.table(slot).install(index, fd)
    }

    pub(crate) fn connect(&mut self, slot: u32, peer: SockAddr) {
        let fixed = self.fixed(slot);
        self.sockets.get(slot).flags.set(Flags::PROBED, true);
        let peer = self.sockets.get(slot).cold_mut().peer.insert(Box::new(peer));
        let entry = opcode::Connect::new(fixed, peer.as_ptr().cast(), peer.len()).build();
        self.push_for(slot, Operation::Connect, entry);
    }

    pub(crate) fn accept(&mut self, slot: u32, listener: RawFd) {
        let Ok(target) = types::DestinationSlot::try_from_slot_target(self.fixed(slot).0) else {
            unreachable!("slots lie below the table's size");
        };
        let socket = self.sockets.get(slot);
        socket.flags.set(Flags::ACCEPTING, true);
        let client = socket.cold_mut().accepting.insert(Box::new(ClientAddress::new()));
        let (address, length) = (std::ptr::from_mut(&mut client.storage).cast(), &raw mut client.length);
        let entry = opcode::Accept::new(types::Fd(listener), address, length).file_index(Some(target)).build();
        self.push_for(slot, Operation::Accept, entry);
    }

    /// Begins to receive on an open socket.
    pub(super) fn receive(&mut self, slot: u32) {
        self.sockets.get(slot).flags.set(Flags::RECEIVING, true);
        let is_datagrams = self.sockets.get(slot).flags.has(Flags::DATAGRAMS);
        let group = if is_datagrams { Group::Datagrams } else { Group::Streams };
        let entry = opcode::RecvMulti::new(self.fixed(slot), group as u16).build();
        self.push_for(slot, Operation::Receive, entry);
    }

    /// Queues bytes behind what the socket sends already: one send is in flight at a time, since two interleave.
    pub(crate) fn send(&mut self, slot: u32, sending: Sending) {
        let socket = self.sockets.get(slot);
        let is_first = socket.sends.is_empty();
        self.sends.push(&mut socket.sends, sending);
        if is_first {
            self.push_send(slot);
            self.just_sent.push(slot);
        }
    }

    pub(super) fn push_send(&mut self, slot: u32) {
        let fixed = self.fixed(slot);
        let Some(sending) = self.sends.first(self.sockets.get(slot).sends) else { return };
        let rest = sending.bytes.as_slice().get(sending.done..).unwrap_or_default();
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let entry = opcode::Send::new(fixed, rest.as_ptr(), len).flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL);
        self.push_for(slot, Operation::Send, entry.build());
    }

    /// Tells the peer that nothing more comes; receiving goes on.
    pub(crate) fn end_sending(&mut self, slot: u32) {
        let entry = opcode::Shutdown::new(self.fixed(slot), libc::SHUT_WR).build();
        self.push_for(slot, Operation::EndSending, entry);
    }

    /// Breaks the connection off with a reset. A connect to no address is how TCP is told so; SO_LINGER would do it at
    /// the close, but can't be set on a socket without a descriptor.
    pub(crate) fn reset(&mut self, slot: u32) {
        static NOBODY: libc::sockaddr = libc::sockaddr { sa_family: libc::AF_UNSPEC as u16, sa_data: [0; 14] };
        let length = size_of::<libc::sockaddr>() as u32;
        let entry = opcode::Connect::new(self.fixed(slot), &raw const NOBODY, length).build();
        self.push_for(slot, Operation::Reset, entry);
    }

    /// Gives the socket up: what is under way on it is cancelled, and it is closed; the slot is free after the last
    /// completion. Closing alone would leave an armed receive holding the socket open.
    pub(crate) fn close(&mut self, slot: u32) {
        let socket = self.sockets.get(slot);
        if matches!(socket.phase, Phase::Closing | Phase::Free) {
            return;
        }
        let was_opening = socket.phase == Phase::Opening;
        socket.phase = Phase::Closing;
        socket.waker = None;
        socket.flags.set(Flags::WAITING, false);
        while let Some(received) = self.sockets.get(slot).pop_received() {
            self.buffers(slot).give(received.buffer);
        }
        let socket = self.sockets.get(slot);
        let (flags, is_sending) = (socket.flags, socket.is_sending());
        if flags.has(Flags::ACCEPTING) {
            // Should it succeed all the same, the socket is closed when it arrives.
            return self.cancel(slot, Operation::Accept, Operation::Cancel);
        }
        if was_opening {
            self.cancel(slot, Operation::Connect, Operation::Cancel);
        }
        if flags.has(Flags::RECEIVING) {
            self.cancel(slot, Operation::Receive, Operation::Cancel);
        }
        if is_sending {
            self.cancel(slot, Operation::Send, Operation::Cancel);
        }
        self.push_for(slot, Operation::Close, opcode::Close::new(self.fixed(slot)).build());
    }

    /// Cancels the socket's operation `what`; the cancel itself is called `operation`. By name, which the kernel looks
    /// up in a hash table: by descriptor it would look at every operation that waits in the ring.
    fn cancel(&mut self, slot: u32, what: Operation, operation: Operation) {
        let name = what.name(slot, self.sockets.get(slot).generation);
        self.push_for(slot, operation, opcode::AsyncCancel::new(name).build());
    }

    /// Closes what an accept has brought that nobody waits for any more.
    pub(super) fn close_accepted(&mut self, slot: u32) {
        self.push_for(slot, Operation::Close, opcode::Close::new(self.fixed(slot)).build());
    }

    pub(super) fn pause(&mut self, slot: u32) {
        self.sockets.get(slot).flags.set(Flags::PAUSED, true);
        self.cancel(slot, Operation::Receive, Operation::Pause);
    }

    /// Receives again after a pause or after want of buffers.
    pub(crate) fn resume(&mut self, slot: u32) {
        let socket = self.sockets.get(slot);
        let flags = socket.flags;
        if socket.phase == Phase::Open && !flags.has(Flags::RECEIVING) && !flags.has(Flags::ENDED) && socket.error == 0
        {
            socket.flags.set(Flags::PAUSED, false);
            self.receive(slot);
        }
    }
}
