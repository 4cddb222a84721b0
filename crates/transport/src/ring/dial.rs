//! Connecting from an explicit source address and port.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::poll_fn;
use socket2::{Domain, Protocol, Socket, Type};

use super::Driver;
use super::connection::Connection;
use super::driver::Full;
use super::keepalive::notice_dead_peer;
use super::sockets::{Origin, Phase};
use crate::shard::Shard;
use crate::source::check::allow_foreign;
use crate::source::{Source, SourceError, SourceTicket};

/// How often a port that turns out to be taken is replaced by the next before giving up.
pub(super) const PORTS_TRIED_MAX: u8 = 64;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The file tables of the shard's rings are full.
    #[error(
        "all {limit} sockets of this shard are in use: {}",
        .refused.as_deref().unwrap_or("use fewer connections, raise the limit of open files (`ulimit -n`), or use more agents")
    )]
    TableFull {
        /// Slots in the tables.
        limit: u32,
        /// Why there is no further table, if more sockets were allowed.
        refused: Option<String>,
    },
    /// No source address or port is left.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The socket could not be made.
    #[error("no socket could be made: {0}")]
    Socket(#[source] io::Error),
    /// The source address can't be bound to.
    #[error("can't connect from {}: {}", .address.ip(), describe_bind(.source))]
    Bind {
        /// The source.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The peer, or the way to it, refused.
    #[error("{}", describe(.0))]
    Connect(#[source] io::Error),
}

impl DialError {
    /// The errno behind it, if the connect itself failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Connect(error) => error.raw_os_error(),
            _ => None,
        }
    }
}

fn describe_bind(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => "no interface of this machine has the address (any more)".into(),
        _ => error.to_string(),
    }
}

fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => "connection refused".into(),
        _ => format!("connect failed: {error}"),
    }
}

impl Shard {
    /// Connects to `peer` from the next source address and port of this shard.
    ///
    /// Cancel-safe: dropping the future gives the socket up.
    ///
    /// # Errors
    /// When sockets, ports or addresses are used up, and when the peer can't be reached.
    pub async fn connect(&self, peer: SocketAddr) -> Result<Connection, DialError> {
        self.connect_as(0, peer).await
    }

    /// [`connect`](Self::connect) for a VU, counted from 0, whose number picks the address if addresses stick to VUs.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn connect_as(&self, vu: u64, peer: SocketAddr) -> Result<Connection, DialError> {
        let mut tried = 0;
        loop {
            let connection = Connection::new(self.clone(), self.begin_connect(vu, peer)?);
            match self.connected(connection).await {
                Err(DialError::Connect(error)) if tried < PORTS_TRIED_MAX && is_of_port(&error) => tried += 1,
                result => return result,
            }
        }
    }

    /// Puts a socket into a slot and has it connect.
    pub(super) fn begin_connect(&self, vu: u64, peer: SocketAddr) -> Result<u32, DialError> {
        let (socket, ticket) = self.bound_socket(vu, peer, Type::STREAM)?;
        let slot = self.install(&socket, ticket)?;
        self.driver().connect(slot, peer.into());
        Ok(slot)
    }

    /// Puts a socket into a slot.
    pub(super) fn install(&self, socket: &Socket, ticket: SourceTicket) -> Result<u32, DialError> {
        let mut driver = self.driver();
        let slot = match driver.take_slot() {
            Ok(slot) => slot,
            Err(Full { limit, refused }) => {
                driver.released.push(ticket);
                return Err(DialError::TableFull { limit, refused });
            }
        };
        driver.sockets.get(slot).origin = Origin::Source(ticket);
        if let Err(error) = driver.install(slot, socket.as_raw_fd()) {
            driver.abandon(slot);
            return Err(DialError::Socket(error));
        }
        Ok(slot)
    }

    /// Connects a slot once more, whose connect has failed, from another source.
    pub(super) fn begin_again(&self, slot: u32, vu: u64, peer: SocketAddr) -> Result<(), DialError> {
        let (socket, ticket) = self.bound_socket(vu, peer, Type::STREAM)?;
        let mut driver = self.driver();
        let known = driver.sockets.get(slot);
        known.error = 0;
        if let Origin::Source(ticket) = std::mem::replace(&mut known.origin, Origin::Source(ticket)) {
            driver.released.push(ticket);
        }
        driver.install(slot, socket.as_raw_fd()).map_err(DialError::Socket)?;
        driver.connect(slot, peer.into());
        Ok(())
    }

    /// Takes source ports until one can be bound.
    pub(super) fn bound_socket(
        &self,
        vu: u64,
        peer: SocketAddr,
        kind: Type,
    ) -> Result<(Socket, SourceTicket), DialError> {
        let mut tried = 0;
        let mut sources = self.sources();
        loop {
            let Source { ticket, address } = sources.take(peer, vu, self.turn_time())?;
            let error = match bind(address, kind, sources.freebind(), self.dead_peer_timeout()) {
                Ok(socket) => return Ok((socket, ticket)),
                Err(error) => error,
            };
            let taken = matches!(error.raw_os_error(), Some(libc::EADDRINUSE | libc::EACCES));
            match error.raw_os_error() {
                Some(libc::EADDRNOTAVAIL) => sources.set_aside(ticket, self.turn_time()),
                _ => sources.give_back(ticket),
            }
            tried += 1;
            if !taken || tried >= sources.ports_per_address() {
                return Err(DialError::Bind { address, source: error });
            }
        }
    }

    async fn connected(&self, connection: Connection) -> Result<Connection, DialError> {
        let slot = connection.slot();
        poll_fn(|context| {
            let mut driver = self.driver();
            let socket = driver.sockets.get(slot);
            if let Some(error) = socket.error() {
                return Poll::Ready(Err(DialError::Connect(error)));
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
}

/// Whether another port may do: the port was free for a bind and isn't for this destination, since it waits out its last
/// connection.
pub(super) fn is_of_port(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE))
}

fn bind(address: SocketAddr, kind: Type, freebind: bool, dead_peer_timeout: Duration) -> io::Result<Socket> {
    let is_stream = kind == Type::STREAM;
    let protocol = if is_stream { Protocol::TCP } else { Protocol::UDP };
    let socket = Socket::new(Domain::for_address(address), kind.cloexec(), Some(protocol))?;
    // With it a port can be bound that still has a connection, or its remains, to another destination.
    socket.set_reuse_address(true)?;
    if is_stream {
        socket.set_tcp_nodelay(true)?;
        notice_dead_peer(&socket, dead_peer_timeout, address)?;
    }
    allow_foreign(&socket, address, freebind)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Driver {
    /// Rings, each with a file table.
    pub(crate) fn rings(&self) -> u32 {
        self.tables.len() as u32
    }

    /// Sockets in use and slots in all.
    pub(crate) fn socket_counts(&self) -> (u32, u32) {
        (self.sockets.open(), self.sockets.limit())
    }
}
