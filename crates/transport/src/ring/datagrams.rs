//! UDP sockets that have one peer each.
//!
//! A datagram is received into a buffer that is as long as one may be, and copied out of it at once: so an idle socket
//! holds no buffer, few buffers serve all of them, and bounds are kept, of empty datagrams too. An error is one datagram's
//! and not the socket's: that nobody listens may be otherwise a moment later.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_lite::future::poll_fn;
use io_uring::cqueue;
use socket2::Type;

use super::connection::SendBytes;
use super::dial::DialError;
use super::driver::{Driver, UNREAD_BUFFERS_MAX};
use super::sends::Sending;
use super::sockets::{Flags, Phase};
use crate::shard::Shard;
use crate::time::Nanos;

/// Most bytes of a datagram by IPv4: 65,535 without the headers of IP and UDP.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// A datagram that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its bytes, perhaps none.
    pub bytes: Vec<u8>,
    /// When it was taken from the ring.
    pub at: Nanos,
}

/// A UDP socket in the shard's ring, to one peer and from it. Dropping it closes it; datagrams that still wait to be sent
/// are lost then (see [`flush`](Self::flush)).
#[derive(Debug)]
pub struct DatagramSocket {
    shard: Shard,
    slot: u32,
}

impl Shard {
    /// Opens a UDP socket to `peer` alone, for a VU as [`connect_as`](Self::connect_as) has it.
    ///
    /// # Errors
    /// When sockets, ports or addresses are used up, or there is no way to the peer.
    pub fn open_datagrams(&self, vu: u64, peer: SocketAddr) -> Result<DatagramSocket, DialError> {
        let (socket, ticket) = self.bound_socket(vu, peer, Type::DGRAM)?;
        if let Err(error) = socket.connect(&peer.into()) {
            self.sources().give_back(ticket);
            return Err(DialError::Connect(error));
        }
        let slot = self.install(&socket, ticket)?;
        let socket = DatagramSocket { shard: self.clone(), slot };
        self.driver().begin_datagrams(slot).map_err(DialError::Socket)?;
        Ok(socket)
    }
}

impl DatagramSocket {
    /// Queues a datagram behind those queued before and returns at once. What goes wrong shows at the next receive. One of
    /// more than [`DATAGRAM_BYTES_MAX`] bytes goes wrong.
    pub fn send(&self, bytes: SendBytes) {
        self.shard.driver().send(self.slot, Sending { bytes, done: 0 });
    }

    /// Waits until all queued datagrams were handed to the kernel.
    pub async fn flush(&self) {
        poll_fn(|context| self.poll_flush(context)).await;
    }

    /// [`flush`](Self::flush) as a poll, for waiting on several things at once.
    pub fn poll_flush(&self, context: &Context<'_>) -> Poll<()> {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        let is_sending = socket.is_sending() && socket.error == 0;
        socket.flags.set(Flags::FLUSHING, is_sending);
        if !is_sending {
            return Poll::Ready(());
        }
        socket.wait(context);
        Poll::Pending
    }

    /// Whether the error that a receive tells stays, so that nothing comes any more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shard.driver().sockets.get(self.slot).error != 0
    }

    /// Waits for a datagram: the oldest unread one.
    ///
    /// # Errors
    /// What has happened to a datagram that was sent: a refusal by the peer's machine, say. The socket is as good as before,
    /// unless the error stays.
    pub async fn receive(&self) -> io::Result<Datagram> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// [`receive`](Self::receive) as a poll, for waiting on several things at once.
    ///
    /// # Errors
    /// As `receive`.
    pub fn poll_receive(&self, context: &Context<'_>) -> Poll<io::Result<Datagram>> {
        let mut driver = self.shard.driver();
        let socket = driver.sockets.get(self.slot);
        let datagram = socket.pop_datagram();
        if socket.flags.has(Flags::PAUSED) && socket.lag() == 0 {
            driver.resume(self.slot);
        }
        if let Some(result) = datagram {
            return Poll::Ready(result.map_err(|errno| io::Error::from_raw_os_error(errno.into())));
        }
        let socket = driver.sockets.get(self.slot);
        if let Some(error) = socket.error() {
            return Poll::Ready(Err(error));
        }
        socket.wait(context);
        Poll::Pending
    }
}

impl Drop for DatagramSocket {
    fn drop(&mut self) {
        self.shard.driver().close(self.slot);
    }
}

impl Driver {
    /// A socket that needs no connect is open at once.
    fn begin_datagrams(&mut self, slot: u32) -> io::Result<()> {
        let socket = self.sockets.get(slot);
        socket.flags.set(Flags::DATAGRAMS, true);
        socket.phase = Phase::Open;
        self.table(slot).prepare_for_datagrams()?;
        self.receive(slot);
        Ok(())
    }

    pub(super) fn datagram_received(&mut self, slot: u32, result: i32, flags: u32, finished: bool) {
        let at = self.now;
        let length = usize::try_from(result).ok();
        let mut bytes = length.filter(|length| *length == 0).map(|_| Vec::new());
        if let Some(buffer) = cqueue::buffer_select(flags)
            && let Some(buffers) = &mut self.table(slot).datagram_buffers
        {
            buffers.taken();
            bytes = length.map(|length| buffers.slice(buffer, length).to_vec());
            buffers.give(buffer);
        }
        if finished {
            self.sockets.get(slot).flags.set(Flags::RECEIVING, false);
        }
        if self.sockets.get(slot).phase == Phase::Closing {
            return;
        }
        if let Some(bytes) = bytes {
            self.sockets.get(slot).cold_mut().datagrams.push_back(Ok(Datagram { bytes, at }));
        }
        if finished {
            self.datagrams_finished(slot, -result);
        }
        let socket = self.sockets.get(slot);
        if socket.lag() >= UNREAD_BUFFERS_MAX && socket.flags.has(Flags::RECEIVING) && !socket.flags.has(Flags::PAUSED)
        {
            self.pause(slot);
        }
        self.wake(slot);
    }

    /// A multishot receive has ended: by an empty datagram, an error, want of buffers, a full completion queue, or a pause.
    fn datagrams_finished(&mut self, slot: u32, errno: i32) {
        let socket = self.sockets.get(slot);
        let is_paused = socket.flags.has(Flags::PAUSED);
        match errno {
            libc::ENOBUFS => {
                self.counts.starved += 1;
                let table = self.table(slot);
                if let Some(buffers) = &mut table.datagram_buffers {
                    buffers.grow();
                }
                table.starved.push(slot);
            }
            libc::ECANCELED if is_paused => {}
            errno if errno > 0 && !is_of_a_datagram(errno) => socket.fail(errno),
            errno => {
                if errno > 0 {
                    socket.cold_mut().datagrams.push_back(Err(errno as u16));
                }
                if !is_paused {
                    self.receive(slot);
                }
            }
        }
    }

    pub(super) fn datagram_sent(&mut self, slot: u32, result: i32) {
        let now = self.now;
        let socket = self.sockets.get(slot);
        self.sends.pop(&mut socket.sends);
        socket.sent_at = now;
        if socket.phase == Phase::Closing {
            return self.sends.clear(&mut socket.sends);
        }
        if result < 0 {
            // It tells of a datagram before, or this one can't be sent; others may.
            socket.cold_mut().datagrams.push_back(Err(-result as u16));
        } else if !socket.is_sending() && !socket.flags.has(Flags::FLUSHING) {
            return;
        }
        if socket.is_sending() {
            self.push_send(slot);
        }
        self.wake(slot);
    }
}

/// Whether an error is what routers and the peer's machine say of a datagram by ICMP, as the kernel tells it once.
fn is_of_a_datagram(errno: i32) -> bool {
    [
        libc::ECONNREFUSED,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::ENOPROTOOPT,
        libc::EMSGSIZE,
        libc::EOPNOTSUPP,
        libc::EHOSTDOWN,
        libc::ENONET,
        libc::EPROTO,
    ]
    .contains(&errno)
}
