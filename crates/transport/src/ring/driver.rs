//! One turn of a shard's rings: submit what is queued, reap what completed, say whom to wake.
#![expect(unsafe_code, reason = "entering a ring hands it a pointer to the time")]

use std::io;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::time::Duration;

use io_uring::{cqueue, types};
use nix::sys::eventfd::{EfdFlags, EventFd};
use socket2::SockAddr;

use super::buffers::BufferPool;
use super::keepalive::Keepalive;
use super::operations::Operation;
use super::sends::Sends;
use super::sets::Sets;
use super::sockets::{Flags, GENERATION_MASK, NO_SET, Origin, Phase, Received, Socket, Sockets};
use super::table::{RingError, Table, open_files, table_shift};
use super::wheel::Wheel;
use crate::source::SourceTicket;
use crate::time::{Clock, Nanos};

/// A socket whose reader lags by this many buffers, or datagrams, isn't received from until it has caught up.
pub(super) const UNREAD_BUFFERS_MAX: usize = 64;
/// After a further ring was refused, another one is tried after this time.
const GROW_AGAIN: Duration = Duration::from_millis(500);
/// How often a further ring is entered in one turn while it has more: one call runs about twenty completions.
const ENTERS_MAX: u32 = 16;

/// Counters of the driver's work, for the generator's health and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DriverCounts {
    pub(crate) turns: u64,
    pub(crate) waits: u64,
    pub(crate) completions: u64,
    pub(crate) starved: u64,
    pub(crate) gap_max_ns: u64,
}

/// How further rings tell of completions while the shard waits in the first one.
#[derive(Debug)]
pub(super) struct Kick {
    pub(super) fd: OwnedFd,
    pub(super) value: Box<u64>,
}

/// Every slot of every table is in use, and no further table can be had.
#[derive(Clone, Debug)]
pub(crate) struct Full {
    pub(crate) limit: u32,
    /// Why there is no further one, if that isn't the shard's own limit.
    pub(crate) refused: Option<String>,
}

/// A shard's rings with their sockets. Fields drop in order: the rings before the memory that they were given.
pub(crate) struct Driver {
    /// The first has room for what most runs need; further ones come when their sockets do.
    pub(super) tables: Vec<Table>,
    pub(super) table_shift: u32,
    pub(crate) sockets: Sockets,
    pub(super) sends: Sends,
    pub(crate) sets: Sets,
    wheel: Wheel,
    pub(super) keepalive: Keepalive,
    pub(super) wake_fd: OwnedFd,
    pub(super) wake_value: Box<u64>,
    pub(super) kick: Option<Kick>,
    /// When a further ring was refused last, and why.
    refused: Option<(Nanos, String)>,
    pub(super) queued: bool,
    /// Sockets with a new send since the last turn: its time begins when it is submitted.
    pub(super) just_sent: Vec<u32>,
    pub(crate) released: Vec<SourceTicket>,
    pub(crate) woken: bool,
    pub(crate) now: Nanos,
    pub(crate) counts: DriverCounts,
}

impl Driver {
    /// Makes the first ring of a shard that has at most `limit` sockets, woken by writes to `wake_fd`, an eventfd.
    pub(crate) fn new(limit: u32, wake_fd: OwnedFd) -> Result<Self, RingError> {
        let (table_shift, now) = (table_shift(limit, open_files()), Clock::now());
        let mut driver = Self {
            tables: vec![Table::first(1 << table_shift)?],
            table_shift,
            sockets: Sockets::new(table_shift, limit),
            sends: Sends::default(),
            sets: Sets::default(),
            wheel: Wheel::new(now),
            keepalive: Keepalive::default(),
            wake_fd,
            wake_value: Box::new(0),
            kick: None,
            refused: None,
            queued: false,
            just_sent: Vec::new(),
            released: Vec::new(),
            woken: false,
            now,
            counts: DriverCounts::default(),
        };
        driver.sockets.add_table();
        driver.arm_wake();
        Ok(driver)
    }

    pub(super) fn table(&mut self, slot: u32) -> &mut Table {
        &mut self.tables[(slot >> self.table_shift) as usize]
    }

    /// The receive buffers of the slot's table.
    pub(crate) fn buffers(&mut self, slot: u32) -> &mut BufferPool {
        &mut self.table(slot).buffers
    }

    /// Takes a free slot, in a further table if need be.
    pub(crate) fn take_slot(&mut self) -> Result<u32, Full> {
        loop {
            if let Some(slot) = self.sockets.take() {
                return Ok(slot);
            }
            self.grow()?;
        }
    }

    fn grow(&mut self) -> Result<(), Full> {
        let room = (self.tables.len() as u64) << self.table_shift;
        if room >= u64::from(self.sockets.limit()) {
            return Err(Full { limit: self.sockets.limit(), refused: None });
        }
        if let Some((at, reason)) = &self.refused
            && self.now < at.after(GROW_AGAIN)
        {
            return Err(Full { limit: room as u32, refused: Some(reason.clone()) });
        }
        match self.further_table() {
            Ok(table) => {
                self.tables.push(table);
                self.sockets.add_table();
                self.refused = None;
                Ok(())
            }
            Err(error) => {
                let reason = further_refusal(&error);
                self.refused = Some((self.now, reason.clone()));
                Err(Full { limit: room as u32, refused: Some(reason) })
            }
        }
    }

    fn further_table(&mut self) -> Result<Table, RingError> {
        let kick = match &self.kick {
            Some(kick) => kick,
            None => {
                let fd = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC);
                let fd = fd.map_err(|errno| RingError::Unavailable(errno.into()))?;
                self.kick = Some(Kick { fd: fd.into(), value: Box::new(0) });
                self.arm_kick();
                return self.further_table();
            }
        };
        Table::further(1 << self.table_shift, &kick.fd)
    }

    /// Whether the next turn has something to submit.
    pub(crate) fn has_queued(&self) -> bool {
        self.queued || self.tables.iter().any(|table| !table.starved.is_empty())
    }

    /// Frees a slot that never held a socket, or holds none any more.
    pub(crate) fn abandon(&mut self, slot: u32) {
        self.wheel.disarm(&mut self.sockets, slot);
        let socket = self.sockets.get(slot);
        self.sends.clear(&mut socket.sends);
        let Socket { origin, set, .. } = self.sockets.release(slot);
        if let Origin::Source(ticket) = origin {
            self.released.push(ticket);
        }
        self.sets.left(set);
    }

    /// Sets the instant at which the socket's owner is woken at the latest; none takes it back.
    pub(crate) fn wake_at(&mut self, slot: u32, deadline: Option<Nanos>) {
        let socket = self.sockets.get(slot);
        socket.deadline = deadline.unwrap_or_default();
        socket.flags.set(Flags::DUE, false);
        if let Some(deadline) = deadline {
            self.wheel.arm(&mut self.sockets, slot, deadline);
        }
    }

    /// When the first deadline of a socket may have come, or silent ones are to be looked for.
    pub(crate) fn nearest_deadline(&self) -> Option<Nanos> {
        [self.wheel.nearest(), self.next_look()].into_iter().flatten().min()
    }

    /// Wakes the owners whose deadline has come.
    pub(crate) fn expire(&mut self) {
        while let Some(slot) = self.wheel.pop_due(&mut self.sockets, self.now) {
            let socket = self.sockets.get(slot);
            if socket.deadline > self.now {
                let deadline = socket.deadline;
                self.wheel.arm(&mut self.sockets, slot, deadline);
            } else if socket.deadline != Nanos::default() {
                socket.flags.set(Flags::DUE, true);
                self.wake(slot);
            }
        }
    }

    /// Submits and reaps once; waits until `until` for a completion if that is given, for ever if it is
    /// `Nanos(u64::MAX)`.
    pub(crate) fn turn(&mut self, until: Option<Nanos>) {
        self.counts.turns += 1;
        self.publish();
        let from = Clock::now();
        self.counts.gap_max_ns = self.counts.gap_max_ns.max(from.since(self.now));
        let mut sent = std::mem::take(&mut self.just_sent);
        for slot in sent.drain(..) {
            self.sockets.get(slot).sent_from = from;
        }
        self.just_sent = sent;
        // A further ring that has something says so at once, and by its eventfd only once.
        let until = until.filter(|_| !self.tables.iter_mut().skip(1).any(Table::is_pending));
        self.queued = false;
        self.enter(until, from);
        self.now = Clock::now();
        self.reap(0);
        for table in 1..self.tables.len() {
            self.serve(table);
        }
        self.probe_silent();
        self.publish();
    }

    /// Shows the kernel the buffers that were given back, and receives again where there were none.
    fn publish(&mut self) {
        for table in 0..self.tables.len() {
            self.tables[table].publish();
            if !self.tables[table].starved.is_empty() {
                self.resume_starved(table);
            }
        }
    }

    fn resume_starved(&mut self, table: usize) {
        let Table { buffers, starved, .. } = &mut self.tables[table];
        let (available, starved) = (buffers.available(), std::mem::take(starved));
        for slot in starved {
            // Buffers of datagrams are held by nobody, so that there always are some.
            if available || self.sockets.get(slot).flags.has(Flags::DATAGRAMS) {
                self.resume(slot);
            } else {
                self.tables[table].starved.push(slot);
            }
        }
    }

    /// Submits and reaps what a further ring has, without waiting.
    fn serve(&mut self, table: usize) {
        const GETEVENTS: u32 = 1;
        for _ in 0..ENTERS_MAX {
            if !self.tables[table].is_pending() {
                return;
            }
            let ring = &mut self.tables[table].ring;
            let count = ring.submission().len() as u32;
            // SAFETY: no argument is passed.
            let result = unsafe { ring.submitter().enter::<libc::sigset_t>(count, 0, GETEVENTS, None) };
            check_entered(&result);
            self.now = Clock::now();
            self.reap(table);
        }
        // What is left is pending: the next turn doesn't wait.
    }

    fn enter(&mut self, until: Option<Nanos>, now: Nanos) {
        const GETEVENTS: u32 = 1;
        const EXT_ARG: u32 = 8;
        let ring = &mut self.tables[0].ring;
        let count = ring.submission().len() as u32;
        let result = match until {
            None => {
                // SAFETY: no argument is passed.
                unsafe { ring.submitter().enter::<libc::sigset_t>(count, 0, GETEVENTS, None) }
            }
            Some(deadline) => {
                self.counts.waits += 1;
                let wait = deadline.since(now);
                let timespec = types::Timespec::new().sec(wait / 1_000_000_000).nsec((wait % 1_000_000_000) as u32);
                let arguments = types::SubmitArgs::new().timespec(&timespec);
                // SAFETY: the argument and the time it points to live until the call returns.
                unsafe { ring.submitter().enter(count, 1, GETEVENTS | EXT_ARG, Some(&arguments)) }
            }
        };
        check_entered(&result);
    }

    fn reap(&mut self, table: usize) {
        loop {
            // One at a time: handling a completion may queue operations, which borrows the ring.
            let Some(completion) = self.tables[table].ring.completion().next() else { break };
            self.counts.completions += 1;
            self.complete(&completion);
        }
    }

    fn complete(&mut self, completion: &cqueue::Entry) {
        let name = completion.user_data();
        let Some(operation) = Operation::of(name) else { return };
        match operation {
            Operation::Wake => {
                self.woken = true;
                return self.arm_wake();
            }
            Operation::Kick => return self.arm_kick(),
            _ => {}
        }
        let slot = name as u32;
        let result = completion.result();
        let finished = operation != Operation::Receive || !cqueue::more(completion.flags());
        let socket = self.sockets.get(slot);
        debug_assert_eq!(socket.generation, (name >> 32) as u32 & GENERATION_MASK);
        if finished {
            socket.pending -= 1;
        }
        let is_datagrams = socket.flags.has(Flags::DATAGRAMS);
        match operation {
            Operation::Receive if is_datagrams => self.datagram_received(slot, result, completion.flags(), finished),
            Operation::Send if is_datagrams => self.datagram_sent(slot, result),
            Operation::Receive => self.received(slot, result, completion.flags(), finished),
            Operation::Send => self.sent(slot, result),
            Operation::Connect | Operation::Accept => self.opened(slot, result),
            Operation::Cancel
            | Operation::Close
            | Operation::Wake
            | Operation::Kick
            | Operation::Pause
            | Operation::EndSending
            | Operation::Reset
            | Operation::Probe => {}
        }
        let socket = self.sockets.get(slot);
        if socket.phase == Phase::Closing && socket.pending == 0 {
            self.abandon(slot);
        }
    }

    fn opened(&mut self, slot: u32, result: i32) {
        let socket = self.sockets.get(slot);
        drop(socket.take_peer());
        let client = socket.take_accepting().filter(|_| result >= 0);
        if socket.phase != Phase::Opening {
            if client.is_some() {
                self.close_accepted(slot);
            }
            return;
        }
        if result < 0 {
            socket.fail(-result);
        } else {
            socket.phase = Phase::Open;
            socket.flags.set(Flags::OPENED | Flags::HEARD, true);
            if let Some(client) = client {
                // SAFETY: the accept has succeeded, so the kernel has written an address of its family and that length.
                let address = unsafe { SockAddr::new(client.storage, client.length) };
                socket.origin = Origin::of_client(address.as_socket());
            }
            self.receive(slot);
        }
        self.wake(slot);
    }

    fn received(&mut self, slot: u32, result: i32, flags: u32, finished: bool) {
        let now = self.now;
        if let Some(buffer) = cqueue::buffer_select(flags) {
            let buffers = self.buffers(slot);
            buffers.taken();
            let socket = self.sockets.get(slot);
            socket.flags.set(Flags::HEARD, true);
            match u16::try_from(result).ok().and_then(NonZeroU16::new) {
                Some(len) if socket.phase != Phase::Closing => {
                    socket.push_received(Received { buffer, len, at: now });
                    if socket.lag() >= UNREAD_BUFFERS_MAX && !socket.flags.has(Flags::PAUSED) {
                        self.pause(slot);
                    }
                }
                _ => self.buffers(slot).give(buffer),
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
        socket.flags.set(Flags::RECEIVING, false);
        if socket.phase == Phase::Closing {
            return;
        }
        let is_paused = socket.flags.has(Flags::PAUSED);
        match -result {
            0 => socket.flags.set(Flags::ENDED, true),
            libc::ENOBUFS => {
                self.counts.starved += 1;
                let table = self.table(slot);
                table.buffers.grow();
                table.starved.push(slot);
            }
            libc::ECANCELED if is_paused => {}
            errno if errno > 0 => socket.fail(errno),
            // A successful completion that is the last: the completion queue was full.
            _ if is_paused => {}
            _ => self.receive(slot),
        }
    }

    fn sent(&mut self, slot: u32, result: i32) {
        let now = self.now;
        let socket = self.sockets.get(slot);
        let Some(sending) = self.sends.first(socket.sends) else { return };
        if result < 0 {
            // What waits behind it can't be sent either.
            socket.fail(-result);
            self.sends.clear(&mut socket.sends);
        } else {
            sending.done += result as usize;
            if sending.done >= sending.bytes.as_slice().len() {
                self.sends.pop(&mut socket.sends);
                socket.sent_at = now;
            }
            if socket.phase == Phase::Closing {
                self.sends.clear(&mut socket.sends);
            } else if socket.is_sending() {
                self.push_send(slot);
                return;
            } else if !socket.flags.has(Flags::FLUSHING) {
                // Nobody waits for this: waking the reader would only cost, on the path of every request.
                return;
            }
        }
        self.wake(slot);
    }

    /// Wakes the socket's owner, or its set's.
    pub(super) fn wake(&mut self, slot: u32) {
        let socket = self.sockets.get(slot);
        if socket.set == NO_SET { socket.wake() } else { self.sets.ready(socket, slot) }
    }

    /// Wakes all owners that wait.
    pub(crate) fn wake_all(&mut self) {
        self.sockets.wake_all();
        self.sets.wake_all();
    }
}

/// A time-out, a signal and a full completion queue are all answered by reaping and turning again. Another error can
/// only mean a fault of ours, and shows as operations that never complete.
fn check_entered(result: &io::Result<usize>) {
    let expected = [libc::ETIME, libc::EINTR, libc::EBUSY, libc::EAGAIN];
    debug_assert!(
        result.as_ref().err().is_none_or(|error| error.raw_os_error().is_some_and(|errno| expected.contains(&errno))),
        "io_uring_enter: {result:?}"
    );
}

/// Why there is no further ring, with the remedy.
fn further_refusal(error: &RingError) -> String {
    match error {
        RingError::LockedMemory(_) => "the limit of locked memory leaves no room for a further ring: raise it with \
             `ulimit -l unlimited` (LimitMEMLOCK=infinity in a systemd unit)"
            .into(),
        RingError::Unavailable(error) | RingError::Unsupported { source: error, .. }
            if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) =>
        {
            "the limit of open files leaves no room for a further ring: raise it with `ulimit -n`".into()
        }
        error => format!("no further ring can be made: {error}"),
    }
}
