//! Connections without a task each: what happens to them comes by one queue.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::task::{Context, Poll};

use futures_lite::future::poll_fn;

use super::accept::Listener;
use super::connection::{Chunk, Connection, SendBytes};
use super::dial::{DialError, PORTS_TRIED_MAX, is_of_port};
use super::driver::Driver;
use super::sends::Sending;
use super::sockets::{Flags, NO_SET, Phase, Socket};
use crate::shard::Shard;
use crate::source::SourceTicket;
use crate::time::Nanos;

/// Names a connection of a set for as long as it is there. Whatever is asked of one that has gone does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetKey {
    slot: u32,
    /// One more than the slot's, so that an optional key is no larger than a key.
    generation: NonZeroU32,
}

impl SetKey {
    /// Generations have 24 bits.
    fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation: NonZeroU32::MIN.saturating_add(generation) }
    }

    fn generation(self) -> u32 {
        self.generation.get() - 1
    }
}

/// What has happened to a connection of a set.
#[derive(Debug)]
pub struct SetEvent<'a> {
    /// Which connection.
    pub key: SetKey,
    /// What its owner calls it.
    pub token: u32,
    /// What has happened.
    pub what: Happened<'a>,
}

/// See [`SetEvent`].
#[derive(Debug)]
pub enum Happened<'a> {
    /// It is open.
    Opened,
    /// It could not be opened. The owner closes it.
    Refused(DialError),
    /// Bytes have arrived.
    Received(Chunk<'a>),
    /// All that was queued is with the kernel, which [`ConnectionSet::notify_flushed`] has asked for.
    Flushed,
    /// The instant of [`ConnectionSet::wake_at`] has come.
    Due,
    /// The peer has sent its last. It may still be sent to; the owner closes it.
    Ended,
    /// It broke. The owner closes it.
    Broken(io::Error),
}

/// Many connections of one owner, for which there is no task, waker or timer each: one task takes what happens to all of
/// them from one queue. An idle connection takes its slot's 128 bytes and nothing more.
///
/// The queue holds each connection at most once, and so never more than there are.
///
/// Dropping the set closes all of its connections.
#[derive(Debug)]
pub struct ConnectionSet {
    shard: Shard,
    set: u16,
}

impl ConnectionSet {
    /// A set without connections.
    ///
    /// # Panics
    /// When the shard has 65,535 sets already.
    #[must_use]
    pub fn new(shard: &Shard) -> Self {
        let set = shard.driver().sets.add();
        let Some(set) = set else { panic!("a shard has at most 65,535 sets of connections") };
        Self { shard: shard.clone(), set }
    }

    /// The shard whose rings hold the sockets.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Connections of the set, those that are being opened or closed included.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.shard.driver().sets.members(self.set)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins to connect to `peer`, for a VU counted from 0 (see [`Shard::connect_as`]); `Opened` or `Refused` follows.
    /// Until then it may be sent to: the bytes wait.
    ///
    /// # Errors
    /// When sockets, ports or addresses are used up.
    pub fn connect(&self, vu: u64, peer: SocketAddr, token: u32) -> Result<SetKey, DialError> {
        let slot = self.shard.begin_connect(vu, peer)?;
        Ok(self.join(slot, token))
    }

    /// Has the kernel accept the next connection of `listener`; `Opened` follows once it has come, or `Refused`. The
    /// listener must live until then.
    ///
    /// # Errors
    /// EMFILE when every slot of the shard's tables is in use.
    pub fn accept(&self, listener: &Listener, token: u32) -> io::Result<SetKey> {
        Ok(self.join(listener.begin()?, token))
    }

    /// Takes over an open connection of the same shard. Its unread bytes, and what else its owner would have found,
    /// come as events.
    ///
    /// # Panics
    /// When it is another shard's.
    #[must_use]
    pub fn adopt(&self, connection: Connection, token: u32) -> SetKey {
        let (shard, slot) = connection.into_parts();
        assert!(shard.is_same(&self.shard), "a connection stays in its shard");
        let mut driver = self.shard.driver();
        driver.wake_at(slot, None);
        let socket = driver.sockets.get(slot);
        socket.waker = None;
        socket.flags.set(Flags::WAITING, false);
        socket.flags.set(Flags::OPENED, false);
        drop(driver);
        let key = self.join(slot, token);
        let mut driver = self.shard.driver();
        let Driver { sockets, sets, .. } = &mut *driver;
        sets.ready(sockets.get(slot), slot);
        key
    }

    fn join(&self, slot: u32, token: u32) -> SetKey {
        let mut driver = self.shard.driver();
        driver.sets.joined(self.set);
        let socket = driver.sockets.get(slot);
        (socket.set, socket.token) = (self.set, token);
        SetKey::new(slot, socket.generation)
    }

    /// Gives a connection to a task, with what it has unread; none if it has gone, or isn't open yet.
    #[must_use]
    pub fn release(&self, key: SetKey) -> Option<Connection> {
        let mut driver = self.shard.driver();
        let socket = find(&mut driver, self.set, key).filter(|socket| socket.phase == Phase::Open)?;
        socket.set = NO_SET;
        socket.deadline = Nanos::default();
        // It may still stand in the queue, which then finds that it has gone.
        socket.flags.set(Flags::READY, false);
        driver.sets.left(self.set);
        Some(Connection::new(self.shard.clone(), key.slot))
    }

    fn with<T>(&self, key: SetKey, change: impl FnOnce(&mut Driver) -> T) -> Option<T> {
        let mut driver = self.shard.driver();
        find(&mut driver, self.set, key)?;
        Some(change(&mut driver))
    }

    /// Queues bytes behind those queued before; false if the connection has gone. A failure comes as `Broken`.
    pub fn send(&self, key: SetKey, bytes: SendBytes) -> bool {
        if bytes.is_empty() {
            return self.with(key, |_| ()).is_some();
        }
        self.with(key, |driver| driver.send(key.slot, Sending { bytes, done: 0 })).is_some()
    }

    /// Whether bytes wait for the kernel to take them.
    #[must_use]
    pub fn is_sending(&self, key: SetKey) -> bool {
        self.with(key, |driver| driver.sockets.get(key.slot).is_sending()).unwrap_or(false)
    }

    /// Asks for one `Flushed` once all that is queued is with the kernel.
    pub fn notify_flushed(&self, key: SetKey) -> bool {
        let asked = self.with(key, |driver| {
            let Driver { sockets, sets, .. } = driver;
            let socket = sockets.get(key.slot);
            socket.flags.set(Flags::FLUSHING, true);
            if !socket.is_sending() {
                sets.ready(socket, key.slot);
            }
        });
        asked.is_some()
    }

    /// Has `Due` come at `deadline`, rounded up to 65 µs; none takes that back. It replaces the instant set before.
    pub fn wake_at(&self, key: SetKey, deadline: Option<Nanos>) -> bool {
        self.with(key, |driver| driver.wake_at(key.slot, deadline)).is_some()
    }

    /// Has the owner call the connection by another name.
    pub fn set_token(&self, key: SetKey, token: u32) -> bool {
        self.with(key, |driver| driver.sockets.get(key.slot).token = token).is_some()
    }

    /// Who connected, if this side accepted the connection.
    #[must_use]
    pub fn client(&self, key: SetKey) -> Option<SocketAddr> {
        self.with(key, |driver| driver.sockets.get(key.slot).origin.client())?
    }

    /// Tells the peer that nothing more comes, and goes on receiving. Bytes that are still queued would come after it.
    pub fn end_sending(&self, key: SetKey) -> bool {
        self.with(key, |driver| driver.end_sending(key.slot)).is_some()
    }

    /// Ends the connection with a reset, and closes it.
    pub fn reset(&self, key: SetKey) -> bool {
        self.with(key, |driver| driver.reset(key.slot)).is_some() && self.close(key)
    }

    /// Closes the connection: nothing comes of it any more, and its slot and port come back soon. Bytes that still wait
    /// to be sent are lost.
    pub fn close(&self, key: SetKey) -> bool {
        self.with(key, |driver| driver.close(key.slot)).is_some()
    }

    /// Closes all connections of the set.
    pub fn close_all(&self) {
        let mut driver = self.shard.driver();
        for slot in driver.sockets.of_set(self.set) {
            driver.close(slot);
        }
    }

    /// Waits for the next event.
    pub async fn event(&self) -> SetEvent<'_> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// [`event`](Self::event) as a poll. The task is also woken by [`Shard::wake_owners`].
    pub fn poll_event(&self, context: &Context<'_>) -> Poll<SetEvent<'_>> {
        match self.try_event() {
            Some(event) => Poll::Ready(event),
            None => {
                self.shard.driver().sets.wait(self.set, context);
                Poll::Pending
            }
        }
    }

    /// The next event, without waiting for it.
    pub fn try_event(&self) -> Option<SetEvent<'_>> {
        loop {
            let mut driver = self.shard.driver();
            let slot = driver.sets.first(self.set)?;
            let socket = driver.sockets.get(slot);
            let (key, token) = (SetKey::new(slot, socket.generation), socket.token);
            let owned = socket.set == self.set && matches!(socket.phase, Phase::Opening | Phase::Open);
            let next = if owned { next(socket) } else { Next::Nothing };
            let what = match next {
                Next::Nothing => {
                    if owned {
                        socket.flags.set(Flags::READY, false);
                    }
                    driver.sets.pop(self.set);
                    continue;
                }
                Next::Happened(what) => what,
                Next::Received(received) => {
                    if socket.flags.has(Flags::PAUSED) && !socket.has_received() {
                        driver.resume(slot);
                    }
                    Happened::Received(Chunk::new(&self.shard, slot, received))
                }
                Next::Failed(error) if socket.phase == Phase::Open => Happened::Broken(error),
                Next::Failed(error) => {
                    drop(driver);
                    match self.try_again(slot, error) {
                        None => continue,
                        Some(error) => Happened::Refused(error),
                    }
                }
            };
            return Some(SetEvent { key, token, what });
        }
    }

    /// Connects from another source if that may help; else says why it doesn't.
    fn try_again(&self, slot: u32, error: io::Error) -> Option<DialError> {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(slot);
        if !is_of_port(&error) || socket.ports_tried >= PORTS_TRIED_MAX {
            return Some(DialError::Connect(error));
        }
        socket.ports_tried += 1;
        let super::sockets::Origin::Source(ticket) = &socket.origin else { return Some(DialError::Connect(error)) };
        let (vu, peer) = (SourceTicket::place(ticket), self.shard.sources().destination(ticket));
        drop(driver);
        let Some(peer) = peer else { return Some(DialError::Connect(error)) };
        let again = self.shard.begin_again(slot, vu, peer);
        if again.is_ok() {
            self.shard.driver().sockets.get(slot).flags.set(Flags::TOLD, false);
        }
        again.err()
    }
}

impl Drop for ConnectionSet {
    fn drop(&mut self) {
        self.close_all();
        self.shard.driver().sets.orphan(self.set);
    }
}

enum Next<'a> {
    Nothing,
    Happened(Happened<'a>),
    Received(super::sockets::Received),
    Failed(io::Error),
}

/// What the socket has to tell next; in the order in which its owner expects it.
fn next<'a>(socket: &mut Socket) -> Next<'a> {
    if socket.flags.take(Flags::OPENED) {
        return Next::Happened(Happened::Opened);
    }
    if let Some(received) = socket.pop_received() {
        return Next::Received(received);
    }
    if socket.flags.take(Flags::DUE) {
        socket.deadline = Nanos::default();
        return Next::Happened(Happened::Due);
    }
    if let Some(error) = socket.error() {
        let told = socket.flags.has(Flags::TOLD);
        socket.flags.set(Flags::TOLD, true);
        return if told { Next::Nothing } else { Next::Failed(error) };
    }
    if socket.flags.has(Flags::FLUSHING) && !socket.is_sending() {
        socket.flags.set(Flags::FLUSHING, false);
        return Next::Happened(Happened::Flushed);
    }
    if socket.flags.has(Flags::ENDED) && !socket.flags.has(Flags::ENDED_TOLD) {
        socket.flags.set(Flags::ENDED_TOLD, true);
        return Next::Happened(Happened::Ended);
    }
    Next::Nothing
}

fn find(driver: &mut Driver, set: u16, key: SetKey) -> Option<&mut Socket> {
    driver.sockets.find(key.slot, key.generation()).filter(|socket| socket.set == set)
}
