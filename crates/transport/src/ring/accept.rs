//! Listening and accepting.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::task::Poll;

use futures_lite::future::poll_fn;
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::Connection;
use super::sockets::Phase;
use crate::shard::Shard;

/// Connections that may wait to be accepted. The kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 65_535;

/// A listening socket of one shard; shards share an address by listening on it each.
#[derive(Debug)]
pub struct Listener {
    shard: Shard,
    socket: Socket,
    address: SocketAddr,
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one, and further shards then listen on
    /// [`address`](Self::address).
    ///
    /// # Errors
    /// What the kernel said to it.
    pub fn bind(shard: &Shard, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let address = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an internet address"))?;
        Ok(Self { shard: shard.clone(), socket, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection. Several calls may wait at once.
    ///
    /// # Errors
    /// The kernel's; EMFILE when every slot of the shard's tables is in use.
    pub async fn accept(&self) -> io::Result<Connection> {
        let slot = self.begin()?;
        let connection = Connection::new(self.shard.clone(), slot);
        poll_fn(|context| {
            let mut driver = self.shard.driver();
            let socket = driver.sockets.get(slot);
            if let Some(error) = socket.error() {
                return Poll::Ready(Err(error));
            }
            if socket.phase == Phase::Open {
                return Poll::Ready(Ok(()));
            }
            socket.wait(context);
            Poll::Pending
        })
        .await?;
        Ok(connection)
    }

    /// Has the kernel put the next connection into a slot.
    pub(super) fn begin(&self) -> io::Result<u32> {
        let mut driver = self.shard.driver();
        let slot = driver.take_slot().map_err(|_| io::Error::from_raw_os_error(libc::EMFILE))?;
        driver.accept(slot, self.socket.as_raw_fd());
        Ok(slot)
    }
}
