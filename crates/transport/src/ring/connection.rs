//! A connected socket as its owner sees it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, Range};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_lite::future::poll_fn;

use super::sends::Sending;
use super::sockets::{Flags, Origin, Phase, Received};
use crate::shard::Shard;
use crate::time::Nanos;

/// Bytes to send; the driver holds them until the kernel has taken them.
#[derive(Clone, Debug)]
pub enum SendBytes {
    /// Bytes that are sent many times, such as a prepared request.
    Shared(Rc<[u8]>),
    /// Bytes of this send alone.
    Owned(Vec<u8>),
    /// Bytes that are shared beyond the shard.
    Range(SharedBytes),
}

impl SendBytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Range(bytes) => bytes.as_slice(),
        }
    }
}

/// A range of bytes that any number of threads share, such as a mapped file. If that file is cut meanwhile, the send
/// fails.
#[derive(Clone)]
pub struct SharedBytes {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl SharedBytes {
    /// The range of `bytes`; none if they don't reach so far.
    #[must_use]
    pub fn new(bytes: Arc<dyn AsRef<[u8]> + Send + Sync>, range: Range<usize>) -> Option<Self> {
        (*bytes).as_ref().get(range.clone())?;
        Some(Self { bytes, range })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // It is there, unless the owner's bytes are others each time.
        (*self.bytes).as_ref().get(self.range.clone()).unwrap_or_default()
    }
}

impl SharedBytes {
    /// The same bytes in parts of at most this many.
    pub(crate) fn parts(self, most: usize) -> impl Iterator<Item = Self> {
        let Self { bytes, range } = self;
        let end = range.end;
        range.step_by(most).map(move |start| Self { bytes: Arc::clone(&bytes), range: start..end.min(start + most) })
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SharedBytes").field(&self.range).finish()
    }
}

/// A connected TCP socket in the shard's ring. Dropping it closes it; bytes that still wait to be sent are lost then
/// (see [`flush`](Self::flush)).
#[derive(Debug)]
pub struct Connection {
    shard: Shard,
    slot: u32,
}

impl Connection {
    pub(crate) fn new(shard: Shard, slot: u32) -> Self {
        Self { shard, slot }
    }

    /// The address that it was made to; none if the peer has made it.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        let mut driver = self.shard.driver();
        match &driver.sockets.get(self.slot).origin {
            Origin::Source(ticket) => self.shard.sources().destination(ticket),
            _ => None,
        }
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// The shard whose ring holds the socket.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Queues bytes behind those queued before and returns at once. A failure shows at the next receive or flush.
    pub fn send(&self, bytes: SendBytes) {
        if bytes.as_slice().is_empty() {
            return;
        }
        self.shard.driver().send(self.slot, Sending { bytes, done: 0 });
    }

    /// When the last queued bytes, or those that they stood behind in the queue, were first offered to the kernel, and
    /// when it had taken them all.
    #[must_use]
    pub fn sent_between(&self) -> (Nanos, Nanos) {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        (socket.sent_from, socket.sent_at)
    }

    /// Waits until all queued bytes were handed to the kernel.
    ///
    /// # Errors
    /// The error that ended the connection.
    pub async fn flush(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// [`flush`](Self::flush) as a poll, for waiting on several things at once.
    ///
    /// # Errors
    /// As `flush`.
    pub fn poll_flush(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        if let Some(error) = socket.error() {
            return Poll::Ready(Err(error));
        }
        let is_sending = socket.is_sending();
        socket.flags.set(Flags::FLUSHING, is_sending);
        if !is_sending {
            return Poll::Ready(Ok(()));
        }
        socket.wait(context);
        Poll::Pending
    }

    /// Tells the peer that nothing more comes, and goes on receiving. Bytes that are still queued would come after it:
    /// [`flush`](Self::flush) first.
    pub fn end_sending(&self) {
        self.shard.driver().end_sending(self.slot);
    }

    /// Ends the connection with a reset: what the peer hasn't acknowledged is lost, and it is told of an error.
    /// [`flush`](Self::flush) first what it is to see before, and drop the connection after.
    pub fn reset(&self) {
        self.shard.driver().reset(self.slot);
    }

    /// Who connected, if this side accepted the connection.
    #[must_use]
    pub fn client(&self) -> Option<SocketAddr> {
        self.shard.driver().sockets.get(self.slot).origin.client()
    }

    /// Waits for bytes: the oldest unread ones, in the buffer that they arrived in. None means that the peer has sent
    /// its last.
    ///
    /// # Errors
    /// The error that ended the connection, once all that arrived before it has been read.
    pub async fn receive(&self) -> io::Result<Option<Chunk<'_>>> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// [`receive`](Self::receive) as a poll, for waiting on several things at once.
    ///
    /// # Errors
    /// As `receive`.
    pub fn poll_receive(&self, context: &mut Context<'_>) -> Poll<io::Result<Option<Chunk<'_>>>> {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        let received = socket.pop_received();
        // Also when there was nothing: the receive may have ended only after the last unread bytes were taken.
        if socket.flags.has(Flags::PAUSED) && !socket.has_received() {
            driver.resume(self.slot);
        }
        if let Some(received) = received {
            return Poll::Ready(Ok(Some(Chunk::new(&self.shard, self.slot, received))));
        }
        let socket = driver.sockets.get(self.slot);
        if let Some(error) = socket.error() {
            return Poll::Ready(Err(error));
        }
        if socket.flags.has(Flags::ENDED) {
            return Poll::Ready(Ok(None));
        }
        socket.wait(context);
        Poll::Pending
    }

    /// The oldest unread bytes, if there are any, without waiting for more.
    pub(crate) fn try_receive(&self) -> Option<Chunk<'_>> {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        let received = socket.pop_received();
        if socket.flags.has(Flags::PAUSED) && !socket.has_received() {
            driver.resume(self.slot);
        }
        received.map(|received| Chunk::new(&self.shard, self.slot, received))
    }

    /// Sets the instant at which the owner is woken even if nothing happens, rounded up to 65 µs; none takes it back. It
    /// replaces the one set before. Whoever waits compares the clock with its own deadline: waking is all that this does.
    pub fn wake_at(&self, deadline: Option<Nanos>) {
        self.shard.driver().wake_at(self.slot, deadline);
    }

    /// Has the task woken at the socket's next event: bytes, its end, an error, the instant of
    /// [`wake_at`](Self::wake_at), or [`Shard::wake_owners`]. For a task that waits for something other than bytes.
    pub fn watch(&self, context: &Context<'_>) {
        self.shard.driver().sockets.get(self.slot).wait(context);
    }

    /// Whether a request can be sent: nothing unread, not ended, no error seen so far, and what was sent before is gone.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        socket.phase == Phase::Open
            && !socket.flags.has(Flags::ENDED)
            && socket.error == 0
            && !socket.has_received()
            && !socket.is_sending()
    }
}

impl Connection {
    /// The shard and the slot of a connection that another owner takes over: it isn't closed.
    pub(super) fn into_parts(self) -> (Shard, u32) {
        let slot = self.slot;
        let shard = self.shard.clone();
        std::mem::forget(self);
        (shard, slot)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shard.driver().close(self.slot);
    }
}

/// Received bytes, read in place; the drop gives the buffer back.
#[derive(Debug)]
pub struct Chunk<'a> {
    shard: &'a Shard,
    slot: u32,
    received: Received,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(shard: &'a Shard, slot: u32, received: Received) -> Self {
        Self { shard, slot, received }
    }

    /// When the bytes were taken from the ring.
    #[must_use]
    pub fn at(&self) -> Nanos {
        self.received.at
    }

    /// Runs `read` on the bytes. It mustn't use the shard's connections.
    pub fn read<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        let mut driver = self.shard.driver();
        read(driver.buffers(self.slot).slice(self.received.buffer, self.len()))
    }

    /// Runs `change` on the bytes, which it may change: whoever reads them later sees that. It mustn't use the shard's
    /// connections.
    pub fn read_mut<T>(&self, change: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut driver = self.shard.driver();
        change(driver.buffers(self.slot).slice_mut(self.received.buffer, self.len()))
    }

    /// Leaves the bytes unread: they come again, before all others.
    pub fn put_back(self) {
        self.shard.driver().sockets.get(self.slot).put_back(self.received);
        std::mem::forget(self);
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.received.len.get().into()
    }

    /// Never true: the end of data is no chunk.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl Drop for Chunk<'_> {
    fn drop(&mut self) {
        self.shard.driver().buffers(self.slot).give(self.received.buffer);
    }
}

impl Deref for SendBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}
