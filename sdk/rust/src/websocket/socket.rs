//! Open sockets.

use super::{Error, Message};
use crate::bindings::throng::script::websocket as host;
use crate::checks;
use crate::time::nanoseconds;
use std::time::Duration;

/// How long [`WebSocket::close`] waits for the server.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// A socket. Dropping it closes it, without waiting for the server.
#[derive(Debug)]
pub struct WebSocket(host::Socket);

/// How a socket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Messages come and go.
    Open,
    /// It was closed, and the server hasn't answered yet.
    Closing,
    /// It is over; messages that arrived before may still be received.
    Closed,
}

impl WebSocket {
    pub(super) fn of(socket: host::Socket) -> Self {
        Self(socket)
    }

    /// Sends a message: text, bytes or JSON. Waits only where the server lags behind by more than 256 KiB.
    ///
    /// # Errors
    ///
    /// When the socket is over.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        host::send(self.0, &message.into().for_host()).map_err(Error::from)
    }

    /// Takes the next message, waiting for it for at most this long. None when that was too short.
    ///
    /// # Errors
    ///
    /// When the socket is over, and all that arrived before was received.
    pub fn receive(&mut self, limit: Duration) -> Result<Option<Message>, Error> {
        checks::flush();
        let received = host::receive(self.0, Some(nanoseconds(limit)))?;
        Ok(received.map(Message::from))
    }

    /// Takes the next message, however long that takes.
    ///
    /// # Errors
    ///
    /// When the socket is over, and all that arrived before was received.
    pub fn wait(&mut self) -> Result<Message, Error> {
        checks::flush();
        loop {
            if let Some(message) = host::receive(self.0, None)? {
                return Ok(message.into());
            }
        }
    }

    /// Sends a ping of at most 125 bytes; the time until the answer is a sample of `ws_ping`.
    ///
    /// # Errors
    ///
    /// When the socket is over.
    pub fn ping(&mut self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        host::ping(self.0, payload.as_ref()).map_err(Error::from)
    }

    /// Closes the socket with 1000, and waits for the server's answer for up to 5 s.
    ///
    /// # Errors
    ///
    /// When the connection broke, or the server didn't answer in time.
    pub fn close(self) -> Result<(), Error> {
        self.close_with(1000, "")
    }

    /// Closes the socket with a code, 1000 or 3000 to 4999 say, and a reason of at most 123 bytes.
    ///
    /// # Errors
    ///
    /// When the connection broke, or the server didn't answer within 5 s.
    ///
    /// # Panics
    ///
    /// When the code mustn't be sent.
    #[track_caller]
    pub fn close_with(self, code: u16, reason: &str) -> Result<(), Error> {
        checks::flush();
        match host::close(self.0, Some(code), reason, nanoseconds(CLOSE_WAIT)) {
            Ok(Some(host::End::Closed(_))) => Ok(()),
            Ok(Some(end @ host::End::Failed(_))) => Err(end.into()),
            Ok(None) => {
                let message = format!("no close frame from the server within {CLOSE_WAIT:?}");
                Err(Error::Failed { code: 1050, message, status: 0 })
            }
            Err(reason) => panic!("close: {reason}"),
        }
    }

    /// How the socket stands.
    #[must_use]
    pub fn state(&self) -> State {
        match host::state_of(self.0) {
            host::State::Open => State::Open,
            host::State::Closing => State::Closing,
            host::State::Closed => State::Closed,
        }
    }

    /// Whether messages come and go.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state() == State::Open
    }

    /// The subprotocol that the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<String> {
        host::subprotocol(self.0)
    }

    /// Whether messages are compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        host::is_compressed(self.0)
    }

    /// The headers of the server's answer in the order received.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        host::headers(self.0)
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        host::drop_socket(self.0);
    }
}

/// Waits until one of these has a message, or is over, and returns its place; none when that takes longer than `limit`,
/// or there are none.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # fn listen() -> Result<(), websocket::Error> {
/// # let url = "ws://localhost/ws/broadcast";
/// let mut sockets = vec![websocket::connect(url)?, websocket::connect(url)?];
/// while let Some(place) = websocket::receive_any(&sockets, Duration::from_secs(5)) {
///     let message = sockets[place].wait()?;
///     log::info!("socket {place}: {message:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn receive_any<'a>(
    sockets: impl IntoIterator<Item = &'a WebSocket>,
    limit: impl Into<Option<Duration>>,
) -> Option<usize> {
    checks::flush();
    let numbers: Vec<_> = sockets.into_iter().map(|socket| socket.0).collect();
    host::receive_any(&numbers, limit.into().map(nanoseconds)).map(|place| place as usize)
}
