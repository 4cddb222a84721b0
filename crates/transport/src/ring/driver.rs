//! One turn of the ring: submit what is queued, reap what completed, say whom to wake.
#![expect(unsafe_code, reason = "operations hand pointers to the kernel")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use io_uring::{IoUring, Probe, cqueue, opcode, squeue, types};
use socket2::SockAddr;

use super::buffers::BufferPool;
use super::sockets::{ClientAddress, GENERATION_MASK, Phase, Received, Sending, Sockets};
use crate::source::SourceTicket;
use crate::time::{Clock, Nanos, TimerKey};

/// Submission queue entries: what one turn can queue without an extra system call.
const SUBMISSIONS: u32 = 4096;
/// Completion queue entries: several times as many, since a receive completes many times.
const COMPLETIONS: u32 = 16384;
/// A socket whose reader lags by this many buffers isn't received from until it has caught up.
const UNREAD_BUFFERS_MAX: usize = 64;

/// Why a ring can't be had. The text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The kernel has no io_uring, or forbids it.
    #[error(
        "io_uring isn't available: throng needs Linux 6.1 or newer with io_uring allowed \
         (sysctl kernel.io_uring_disabled=0, and a seccomp profile that permits io_uring_setup)"
    )]
    Unavailable(#[source] io::Error),
    /// Too little lockable memory.
    #[error(
        "the limit of locked memory is too small for a ring, a shard needs about 900 KiB: raise it with `ulimit -l 8192` \
         (LimitMEMLOCK=8M in a systemd unit), or run fewer shards"
    )]
    LockedMemory(#[source] io::Error),
    /// The kernel's io_uring lacks what throng uses.
    #[error("this kernel's io_uring lacks {what}: throng needs Linux 6.1 or newer")]
    Unsupported {
        /// The missing part.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What an operation was, in the top byte of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Operation {
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
}

impl Operation {
    fn of(name: u64) -> Option<Self> {
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
            _ => return None,
        })
    }

    fn name(self, slot: u32, generation: u32) -> u64 {
        (self as u64) << 56 | u64::from(generation & GENERATION_MASK) << 32 | u64::from(slot)
    }
}

/// Counters of the driver's work, for the generator's health and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DriverCounts {
    pub(crate) turns: u64,
    pub(crate) waits: u64,
    pub(crate) completions: u64,
    pub(crate) starved: u64,
    pub(crate) gap_max_ns: u64,
}

/// A ring with its sockets. Fields drop in order: the ring before the memory that it was given.
pub(crate) struct Driver {
    ring: IoUring,
    pub(crate) buffers: BufferPool,
    pub(crate) sockets: Sockets,
    wake_fd: OwnedFd,
    wake_value: Box<u64>,
    starved: Vec<u32>,
    queued: bool,
    /// Sockets with a new send since the last turn: its time begins when it is submitted.
    just_sent: Vec<u32>,
    pub(crate) released: Vec<SourceTicket>,
    pub(crate) stale_alarms: Vec<TimerKey>,
    pub(crate) woken: bool,
    pub(crate) now: Nanos,
    pub(crate) counts: DriverCounts,
}

impl Driver {
    /// Makes a ring whose file table has `sockets` slots, woken by writes to `wake_fd`, an eventfd.
    pub(crate) fn new(sockets: u32, wake_fd: OwnedFd) -> Result<Self, RingError> {
        let ring = build_ring()?;
        let unsupported = |what| move |source| RingError::Unsupported { what, source };
        ring.submitter().register_files_sparse(sockets).map_err(unsupported("a file table (register_files_sparse)"))?;
        let buffers = BufferPool::register(&ring).map_err(unsupported("provided buffer rings"))?;
        let mut driver = Self {
            ring,
            buffers,
            sockets: Sockets::new(sockets),
            wake_fd,
            wake_value: Box::new(0),
            starved: Vec::new(),
            queued: false,
            just_sent: Vec::new(),
            released: Vec::new(),
            stale_alarms: Vec::new(),
            woken: false,
            now: Clock::now(),
            counts: DriverCounts::default(),
        };
        driver.arm_wake();
        Ok(driver)
    }

    /// Whether the next turn has something to submit.
    pub(crate) fn has_queued(&self) -> bool {
        self.queued || !self.starved.is_empty()
    }

    fn push(&mut self, entry: &squeue::Entry) {
        self.queued = true;
        // SAFETY: every caller passes memory that outlives its operation: buffers are held in the slot or in the
        // driver until the completion arrives, or static, and the ring is torn down before them.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            // The queue is full: let the kernel take it. An error here shows again at the turn.
            let _ = self.ring.submit();
        }
    }

    fn arm_wake(&mut self) {
        let target = std::ptr::from_mut::<u64>(&mut self.wake_value).cast();
        let entry = opcode::Read::new(types::Fd(self.wake_fd.as_raw_fd()), target, 8).build();
        self.push(&entry.user_data(Operation::Wake.name(0, 0)));
    }

    fn push_for(&mut self, slot: u32, operation: Operation, entry: squeue::Entry) {
        let socket = self.sockets.get(slot);
        socket.pending += 1;
        let name = operation.name(slot, socket.generation);
        self.push(&entry.user_data(name));
    }

    /// Puts `fd` into the slot; the caller closes its descriptor.
    pub(crate) fn install(&mut self, slot: u32, fd: RawFd) -> io::Result<()> {
        self.ring.submitter().register_files_update(slot, &[fd]).map(drop)
    }

    pub(crate) fn connect(&mut self, slot: u32, peer: SockAddr) {
        let peer = self.sockets.get(slot).peer.insert(Box::new(peer));
        let entry = opcode::Connect::new(types::Fixed(slot), peer.as_ptr().cast(), peer.len()).build();
        self.push_for(slot, Operation::Connect, entry);
    }

    pub(crate) fn accept(&mut self, slot: u32, listener: RawFd) {
        let Ok(target) = types::DestinationSlot::try_from_slot_target(slot) else {
            unreachable!("slots lie below the table's size");
        };
        let client = self.sockets.get(slot).accepting.insert(Box::new(ClientAddress::new()));
        let (address, length) = (std::ptr::from_mut(&mut client.storage).cast(), &raw mut client.length);
        let entry = opcode::Accept::new(types::Fd(listener), address, length).file_index(Some(target)).build();
        self.push_for(slot, Operation::Accept, entry);
    }

    /// Begins to receive on an open socket.
    pub(crate) fn receive(&mut self, slot: u32) {
        self.sockets.get(slot).receiving = true;
        let entry = opcode::RecvMulti::new(types::Fixed(slot), 0).build();
        self.push_for(slot, Operation::Receive, entry);
    }

    /// Queues bytes behind what the socket sends already: one send is in flight at a time, since two interleave.
    pub(crate) fn send(&mut self, slot: u32, sending: Sending) {
        let socket = self.sockets.get(slot);
        if socket.sending.is_some() {
            socket.queued.push_back(sending);
        } else {
            socket.sending = Some(sending);
            self.push_send(slot);
            self.just_sent.push(slot);
        }
    }

    fn push_send(&mut self, slot: u32) {
        let Some(sending) = &self.sockets.get(slot).sending else { return };
        let rest = sending.bytes.as_slice().get(sending.done..).unwrap_or_default();
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let entry =
            opcode::Send::new(types::Fixed(slot), rest.as_ptr(), len).flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL);
        self.push_for(slot, Operation::Send, entry.build());
    }

    /// Tells the peer that nothing more comes; receiving goes on.
    pub(crate) fn end_sending(&mut self, slot: u32) {
        let entry = opcode::Shutdown::new(types::Fixed(slot), libc::SHUT_WR).build();
        self.push_for(slot, Operation::EndSending, entry);
    }

    /// Breaks the connection off with a reset. A connect to no address is how TCP is told so; SO_LINGER would do it at
    /// the close, but can't be set on a socket without a descriptor.
    pub(crate) fn reset(&mut self, slot: u32) {
        static NOBODY: libc::sockaddr = libc::sockaddr { sa_family: libc::AF_UNSPEC as u16, sa_data: [0; 14] };
        let length = size_of::<libc::sockaddr>() as u32;
        let entry = opcode::Connect::new(types::Fixed(slot), &raw const NOBODY, length).build();
        self.push_for(slot, Operation::Reset, entry);
    }

    /// Gives the socket up: every operation on it is cancelled, then it is closed; the slot is free after the last
    /// completion. Closing alone would leave an armed receive holding the socket open.
    pub(crate) fn close(&mut self, slot: u32) {
        let socket = self.sockets.get(slot);
        if matches!(socket.phase, Phase::Closing | Phase::Free) {
            return;
        }
        socket.phase = Phase::Closing;
        socket.waker = None;
        while let Some(received) = self.sockets.get(slot).pop_received() {
            self.buffers.give(received.buffer);
        }
        let socket = self.sockets.get(slot);
        if socket.accepting.is_some() {
            // Should it succeed all the same, the socket is closed when it arrives.
            let name = Operation::Accept.name(slot, socket.generation);
            self.push_for(slot, Operation::Cancel, opcode::AsyncCancel::new(name).build());
            return;
        }
        let everything = types::CancelBuilder::fd(types::Fixed(slot)).all();
        let cancel = opcode::AsyncCancel2::new(everything).build().flags(squeue::Flags::IO_HARDLINK);
        self.push_for(slot, Operation::Cancel, cancel);
        self.push_for(slot, Operation::Close, opcode::Close::new(types::Fixed(slot)).build());
    }

    /// Frees a slot that never held a socket.
    pub(crate) fn abandon(&mut self, slot: u32) {
        let socket = self.sockets.release(slot);
        self.released.extend(socket.source);
        self.stale_alarms.extend(socket.alarm);
    }

    /// Submits and reaps once; waits until `until` for a completion if that is given, for ever if it is
    /// `Nanos(u64::MAX)`.
    pub(crate) fn turn(&mut self, until: Option<Nanos>) {
        self.counts.turns += 1;
        self.buffers.publish();
        if self.buffers.available() {
            for slot in std::mem::take(&mut self.starved) {
                self.resume(slot);
            }
        }
        let from = Clock::now();
        self.counts.gap_max_ns = self.counts.gap_max_ns.max(from.since(self.now));
        let mut sent = std::mem::take(&mut self.just_sent);
        for slot in sent.drain(..) {
            self.sockets.get(slot).sent_from = from;
        }
        self.just_sent = sent;
        self.enter(until, from);
        self.queued = false;
        self.now = Clock::now();
        self.reap();
        self.buffers.publish();
    }

    fn enter(&mut self, until: Option<Nanos>, now: Nanos) {
        const GETEVENTS: u32 = 1;
        const EXT_ARG: u32 = 8;
        let count = self.ring.submission().len() as u32;
        let result = match until {
            None => {
                // SAFETY: no argument is passed.
                unsafe { self.ring.submitter().enter::<libc::sigset_t>(count, 0, GETEVENTS, None) }
            }
            Some(deadline) => {
                self.counts.waits += 1;
                let wait = deadline.since(now);
                let timespec = types::Timespec::new().sec(wait / 1_000_000_000).nsec((wait % 1_000_000_000) as u32);
                let arguments = types::SubmitArgs::new().timespec(&timespec);
                // SAFETY: the argument and the time it points to live until the call returns.
                unsafe { self.ring.submitter().enter(count, 1, GETEVENTS | EXT_ARG, Some(&arguments)) }
            }
        };
        // A time-out, a signal and a full completion queue are all answered by reaping and turning again. Another
        // error can only mean a fault of ours, and shows as operations that never complete.
        let expected = [libc::ETIME, libc::EINTR, libc::EBUSY, libc::EAGAIN];
        debug_assert!(
            result
                .as_ref()
                .err()
                .is_none_or(|error| error.raw_os_error().is_some_and(|errno| expected.contains(&errno))),
            "io_uring_enter: {result:?}"
        );
    }

    fn reap(&mut self) {
        loop {
            // One at a time: handling a completion may queue operations, which borrows the ring.
            let Some(completion) = self.ring.completion().next() else { break };
            self.counts.completions += 1;
            self.complete(&completion);
        }
    }

    fn complete(&mut self, completion: &cqueue::Entry) {
        let name = completion.user_data();
        let Some(operation) = Operation::of(name) else { return };
        if operation == Operation::Wake {
            self.woken = true;
            self.arm_wake();
            return;
        }
        let slot = name as u32;
        let result = completion.result();
        let finished = operation != Operation::Receive || !cqueue::more(completion.flags());
        let socket = self.sockets.get(slot);
        debug_assert_eq!(socket.generation, (name >> 32) as u32 & GENERATION_MASK);
        if finished {
            socket.pending -= 1;
        }
        match operation {
            Operation::Receive => self.received(slot, result, completion.flags(), finished),
            Operation::Send => self.sent(slot, result),
            Operation::Connect | Operation::Accept => self.opened(slot, result),
            Operation::Cancel
            | Operation::Close
            | Operation::Wake
            | Operation::Pause
            | Operation::EndSending
            | Operation::Reset => {}
        }
        let socket = self.sockets.get(slot);
        if socket.phase == Phase::Closing && socket.pending == 0 {
            self.abandon(slot);
        }
    }

    fn opened(&mut self, slot: u32, result: i32) {
        let socket = self.sockets.get(slot);
        socket.peer = None;
        let client = socket.accepting.take().filter(|_| result >= 0);
        if socket.phase != Phase::Opening {
            if client.is_some() {
                self.push_for(slot, Operation::Close, opcode::Close::new(types::Fixed(slot)).build());
            }
            return;
        }
        if result < 0 {
            socket.fail(-result);
        } else {
            socket.phase = Phase::Open;
            // SAFETY: the accept has succeeded, so the kernel has written an address of its family and that length.
            socket.client =
                client.and_then(|client| unsafe { SockAddr::new(client.storage, client.length) }.as_socket());
            self.receive(slot);
        }
        self.wake(slot);
    }

    fn received(&mut self, slot: u32, result: i32, flags: u32, finished: bool) {
        let now = self.now;
        if let Some(buffer) = cqueue::buffer_select(flags) {
            self.buffers.taken();
            let socket = self.sockets.get(slot);
            if socket.phase == Phase::Closing || result <= 0 {
                self.buffers.give(buffer);
            } else {
                socket.push_received(Received { buffer, start: 0, len: result as u16, at: now });
                if socket.more.len() >= UNREAD_BUFFERS_MAX && !socket.paused {
                    self.pause(slot);
                }
            }
        }
        if finished {
            self.receive_finished(slot, result);
        }
        self.wake(slot);
    }

    /// A multishot receive has ended: by the peer, an error, want of buffers, a full completion queue, or a pause.
    fn receive_finished(&mut self, slot: u32, result: i32) {
        let socket = self.sockets.get(slot);
        socket.receiving = false;
        if socket.phase == Phase::Closing {
            return;
        }
        match -result {
            0 => socket.ended = true,
            libc::ENOBUFS => {
                self.counts.starved += 1;
                self.buffers.grow();
                self.starved.push(slot);
            }
            libc::ECANCELED if socket.paused => {}
            errno if errno > 0 => socket.fail(errno),
            // A successful completion that is the last: the completion queue was full.
            _ if socket.paused => {}
            _ => self.receive(slot),
        }
    }

    fn pause(&mut self, slot: u32) {
        let socket = self.sockets.get(slot);
        socket.paused = true;
        let name = Operation::Receive.name(slot, socket.generation);
        self.push_for(slot, Operation::Pause, opcode::AsyncCancel::new(name).build());
    }

    /// Receives again after a pause or after want of buffers.
    pub(crate) fn resume(&mut self, slot: u32) {
        let socket = self.sockets.get(slot);
        if socket.phase == Phase::Open && !socket.receiving && !socket.ended && socket.error == 0 {
            socket.paused = false;
            self.receive(slot);
        }
    }

    fn sent(&mut self, slot: u32, result: i32) {
        let now = self.now;
        let socket = self.sockets.get(slot);
        let Some(sending) = &mut socket.sending else { return };
        if result < 0 {
            // What waits behind it can't be sent either.
            socket.fail(-result);
            socket.drop_sends();
        } else {
            sending.done += result as usize;
            if sending.done >= sending.bytes.as_slice().len() {
                socket.sending = socket.queued.pop_front();
                socket.sent_at = now;
            }
            if socket.phase == Phase::Closing {
                socket.drop_sends();
            } else if socket.is_sending() {
                self.push_send(slot);
                return;
            } else if !socket.flushing {
                // Nobody waits for this: waking the reader would only cost, on the path of every request.
                return;
            }
        }
        self.wake(slot);
    }

    fn wake(&mut self, slot: u32) {
        self.sockets.get(slot).wake();
    }
}

/// Fails with the reason if this process can't have a ring such as the driver's.
pub(crate) fn probe_ring() -> Result<(), RingError> {
    build_ring().map(drop)
}

/// Names of the operations that the driver uses and this kernel's io_uring doesn't have.
pub(crate) fn missing_operations() -> Result<Vec<&'static str>, RingError> {
    let ring = build_ring()?;
    let mut probe = Probe::new();
    let unsupported = |source| RingError::Unsupported { what: "a list of its operations", source };
    ring.submitter().register_probe(&mut probe).map_err(unsupported)?;
    let used = [
        ("accept", opcode::Accept::CODE),
        ("cancel", opcode::AsyncCancel::CODE),
        ("close", opcode::Close::CODE),
        ("connect", opcode::Connect::CODE),
        ("read", opcode::Read::CODE),
        ("receive", opcode::RecvMulti::CODE),
        ("send", opcode::Send::CODE),
        ("shutdown", opcode::Shutdown::CODE),
    ];
    Ok(used.into_iter().filter(|(_, code)| !probe.is_supported(*code)).map(|(name, _)| name).collect())
}

fn build_ring() -> Result<IoUring, RingError> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(COMPLETIONS).setup_clamp();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all();
    builder.build(SUBMISSIONS).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOMEM) => RingError::LockedMemory(error),
        Some(libc::EINVAL) => {
            RingError::Unsupported { what: "deferred task work (IORING_SETUP_DEFER_TASKRUN)", source: error }
        }
        _ => RingError::Unavailable(error),
    })
}
