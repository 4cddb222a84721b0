//! A connection, in plain or by TLS.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use crate::records::Records;
use crate::ring::{Connection, SendBytes};
use crate::time::Nanos;
use crate::tls::{Session, TlsError, TlsInfo};

/// Why a stream is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] io::Error),
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Bytes at the socket, TLS included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed to it.
    pub sent: u64,
    /// Taken from it.
    pub received: u64,
}

/// Bytes of many streams together, for who looks at them now and then.
#[derive(Debug, Default)]
pub struct Meter(Cell<Traffic>);

impl Meter {
    /// Adds bytes.
    pub fn add(&self, more: Traffic) {
        let Traffic { sent, received } = self.0.get();
        self.0.set(Traffic { sent: sent + more.sent, received: received + more.received });
    }

    /// Takes the bytes since the last call.
    pub fn take(&self) -> Traffic {
        self.0.take()
    }
}

/// What a receive came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Bytes arrived. By TLS they need not have completed a record.
    Bytes {
        /// When they were taken from the ring.
        at: Nanos,
    },
    /// The peer has sent its last.
    Ended {
        /// Whether it said so, where it has to: a TLS connection that just ends may have been cut by anyone.
        properly: bool,
    },
}

/// A connection that bytes are sent and received by, in plain or by TLS. Dropping it closes it; see [`Connection`].
#[derive(Debug)]
pub struct Stream {
    connection: Connection,
    session: Option<Box<Session>>,
}

impl Stream {
    /// A connection as it is.
    #[must_use]
    pub fn plain(connection: Connection) -> Self {
        Self { connection, session: None }
    }

    /// A connection by TLS, whose handshake is to be made.
    pub(crate) fn tls(connection: Connection, session: Session) -> Self {
        Self { connection, session: Some(Box::new(session)) }
    }

    /// The connection alone, if it is in plain.
    ///
    /// # Errors
    /// The stream again, by TLS.
    pub fn into_plain(self) -> Result<Connection, Self> {
        if self.session.is_none() { Ok(self.connection) } else { Err(self) }
    }

    /// The connection and, by TLS, what encrypts it, for who holds it otherwise. Its handshake must have been made.
    #[must_use]
    pub fn into_parts(self) -> (Connection, Option<Records>) {
        (self.connection, self.session.map(Records::new))
    }

    /// The connection below, for its times and for waking.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether what is sent has to be copied for it, since it is encrypted.
    pub(crate) fn copies(&self) -> bool {
        self.session.is_some()
    }

    /// What the TLS handshake came to; none in plain.
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.session.as_ref().and_then(|session| session.info())
    }

    /// Queues bytes behind those queued before and returns how many that is at the socket. A failure of the connection
    /// shows at the next receive or flush.
    ///
    /// # Errors
    /// When TLS can't encrypt any more.
    pub fn send(&mut self, bytes: SendBytes) -> Result<usize, StreamError> {
        let bytes = match &mut self.session {
            None => bytes,
            Some(session) => {
                session.encrypt(&bytes)?;
                SendBytes::Owned(session.take_out())
            }
        };
        let count = bytes.len();
        self.connection.send(bytes);
        Ok(count)
    }

    /// Waits until all queued bytes were handed to the kernel.
    ///
    /// # Errors
    /// The error that ended the connection.
    pub async fn flush(&self) -> io::Result<()> {
        self.connection.flush().await
    }

    /// Queues what TLS says at the end; in plain that is nothing. Returns how many bytes that is at the socket.
    ///
    /// # Errors
    /// When TLS can't encrypt any more.
    pub fn queue_end(&mut self) -> Result<usize, StreamError> {
        let mut traffic = Traffic::default();
        if let Some(session) = &mut self.session {
            session.end()?;
            self.send_records(&mut traffic);
        }
        Ok(traffic.sent as usize)
    }

    /// Tells the peer that nothing more comes, once all that was queued is sent, and goes on receiving.
    ///
    /// # Errors
    /// The error that ended the connection.
    pub async fn end_sending(&mut self) -> Result<(), StreamError> {
        self.queue_end()?;
        self.connection.flush().await?;
        self.connection.end_sending();
        Ok(())
    }

    /// Waits for bytes and calls `read` with each piece of plaintext. See [`poll_receive`](Self::poll_receive).
    ///
    /// # Errors
    /// The error that ended the connection.
    pub async fn receive(
        &mut self,
        traffic: &mut Traffic,
        mut read: impl FnMut(&[u8]),
    ) -> Result<Received, StreamError> {
        poll_fn(|context| self.poll_receive(context, traffic, &mut read)).await
    }

    /// Receives once and calls `read` with each piece of plaintext, where it lies: none, one or several. `read` mustn't
    /// use the shard's connections.
    ///
    /// # Errors
    /// The error that ended the connection, once all that arrived before it has been read.
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        traffic: &mut Traffic,
        mut read: impl FnMut(&[u8]),
    ) -> Poll<Result<Received, StreamError>> {
        let Self { connection, session: None } = self else {
            return self.poll_receive_records(context, traffic, &mut read);
        };
        let chunk = match connection.poll_receive(context) {
            Poll::Ready(Ok(Some(chunk))) => chunk,
            Poll::Ready(Ok(None)) => return Poll::Ready(Ok(Received::Ended { properly: true })),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            Poll::Pending => return Poll::Pending,
        };
        traffic.received += chunk.len() as u64;
        chunk.read(read);
        Poll::Ready(Ok(Received::Bytes { at: chunk.at() }))
    }

    fn poll_receive_records(
        &mut self,
        context: &mut Context<'_>,
        traffic: &mut Traffic,
        read: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<Received, StreamError>> {
        let Self { connection, session: Some(session) } = self else {
            unreachable!("plain connections have no records");
        };
        if session.has_early() {
            read(&session.take_early());
            return Poll::Ready(Ok(Received::Bytes { at: connection.shard().turn_time() }));
        }
        if session.has_ended() {
            return Poll::Ready(Ok(Received::Ended { properly: true }));
        }
        let chunk = match connection.poll_receive(context) {
            Poll::Ready(Ok(Some(chunk))) => chunk,
            Poll::Ready(Ok(None)) => return Poll::Ready(Ok(Received::Ended { properly: false })),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            Poll::Pending => return Poll::Pending,
        };
        traffic.received += chunk.len() as u64;
        let at = chunk.at();
        let result = chunk.read_mut(|bytes| session.receive(bytes, read));
        drop(chunk);
        // Alerts, and answers to new keys.
        self.send_records(traffic);
        Poll::Ready(result.map(|()| Received::Bytes { at }).map_err(StreamError::from))
    }

    /// Makes the handshake. Its last records wait to be sent with the first bytes, or by `send_records`.
    pub(crate) async fn shake_hands(&mut self, traffic: &mut Traffic) -> Result<(), StreamError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        while session.info().is_none() {
            let out = session.take_out();
            traffic.sent += out.len() as u64;
            self.connection.send(SendBytes::Owned(out));
            let Some(chunk) = self.connection.receive().await? else { return Err(session.cut_off().into()) };
            traffic.received += chunk.len() as u64;
            let result = chunk.read_mut(|bytes| session.advance(bytes));
            drop(chunk);
            if let Err(error) = result {
                // The alert that says why; whether it arrives is the peer's affair.
                self.send_records(traffic);
                let _ = self.connection.flush().await;
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Sends records that TLS itself has to send.
    pub(crate) fn send_records(&mut self, traffic: &mut Traffic) {
        if let Some(session) = &mut self.session {
            let out = session.take_out();
            traffic.sent += out.len() as u64;
            self.connection.send(SendBytes::Owned(out));
        }
    }

    /// Whether a request can be sent on an idle connection: nothing unread, not ended, no error seen so far. What TLS
    /// sends of its own, such as tickets, is taken in.
    pub(crate) fn is_quiet(&mut self, traffic: &mut Traffic) -> bool {
        if let Some(session) = &mut self.session {
            let mut asked = true;
            while let Some(chunk) = self.connection.try_receive() {
                traffic.received += chunk.len() as u64;
                let result = chunk.read_mut(|bytes| session.receive(bytes, |_| asked = false));
                if result.is_err() || !asked {
                    return false;
                }
            }
            if session.has_ended() || session.has_early() {
                return false;
            }
        }
        let is_quiet = self.connection.is_quiet();
        self.send_records(traffic);
        is_quiet
    }
}
