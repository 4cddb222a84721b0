//! Connecting from an explicit source address and port.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::task::Poll;

use futures_lite::future::poll_fn;
use socket2::{Domain, Protocol, Socket, Type};

use super::Driver;
use super::connection::Connection;
use super::sockets::Phase;
use crate::shard::Shard;
use crate::source::{SourceError, SourceTicket};

/// How often a port that turns out to be taken is replaced by the next before giving up.
const PORTS_TRIED_MAX: u32 = 64;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The ring's file table is full.
    #[error(
        "all {limit} sockets of this shard are in use: raise the limit of open files \
         (`ulimit -n`), or use fewer connections"
    )]
    TableFull {
        /// Slots in the table.
        limit: u32,
    },
    /// No source address or port is left.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The socket could not be made.
    #[error("no socket could be made: {0}")]
    Socket(#[source] io::Error),
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
        let mut tried = 0;
        loop {
            let connection = self.begin_connect(peer)?;
            match self.connected(connection).await {
                // The port was free for a bind and isn't for this destination: it waits out its last connection.
                Err(DialError::Connect(error))
                    if tried < PORTS_TRIED_MAX
                        && matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE)) =>
                {
                    tried += 1;
                }
                result => return result,
            }
        }
    }

    fn begin_connect(&self, peer: SocketAddr) -> Result<Connection, DialError> {
        let (socket, ticket) = self.bound_socket(peer)?;
        let mut driver = self.driver();
        let Some(slot) = driver.sockets.take() else {
            driver.released.push(ticket);
            return Err(DialError::TableFull { limit: driver.sockets.limit() });
        };
        driver.sockets.get(slot).source = Some(ticket);
        if let Err(error) = driver.install(slot, socket.as_raw_fd()) {
            driver.abandon(slot);
            return Err(DialError::Socket(error));
        }
        driver.connect(slot, peer.into());
        drop(driver);
        Ok(Connection::new(self.clone(), slot))
    }

    /// Takes source ports until one can be bound.
    fn bound_socket(&self, peer: SocketAddr) -> Result<(Socket, SourceTicket), DialError> {
        let mut tried = 0;
        loop {
            let ticket = self.sources().take(peer)?;
            let error = match bind(&ticket, peer) {
                Ok(socket) => return Ok((socket, ticket)),
                Err(error) => error,
            };
            let taken = matches!(error.raw_os_error(), Some(libc::EADDRINUSE | libc::EACCES));
            self.sources().give_back(ticket);
            tried += 1;
            if !taken || tried >= self.sources().ports_per_address() {
                return Err(DialError::Socket(error));
            }
        }
    }

    async fn connected(&self, connection: Connection) -> Result<Connection, DialError> {
        let slot = connection.slot();
        poll_fn(|context| {
            let mut driver = self.driver();
            let socket = driver.sockets.get(slot);
            if socket.error != 0 {
                return Poll::Ready(Err(DialError::Connect(io::Error::from_raw_os_error(socket.error))));
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

fn bind(ticket: &SourceTicket, peer: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    // With it a port can be bound that still has a connection, or its remains, to another destination.
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&ticket.address().into())?;
    Ok(socket)
}

impl Driver {
    /// Sockets in use and slots in all.
    pub(crate) fn socket_counts(&self) -> (u32, u32) {
        (self.sockets.open(), self.sockets.limit())
    }
}
