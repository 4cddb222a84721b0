//! A connection, as handlers reach it.

use super::handshake::{self, Handshake};
use crate::event_bindings::throng::script::connections as host;
use crate::time::{IntoDuration, nanoseconds};
use std::fmt;

/// A connection: a number, since the host owns the socket. It is to be used in handlers, and means nothing once
/// [`Handlers::close`](super::Handlers::close) or [`error`](super::Handlers::error) has been called for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection(pub(super) u32);

/// Who a connection is in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The VU's number in the whole run, from 1.
    pub vu: u64,
    /// The VU's number within this agent, from 1.
    pub vu_in_instance: u64,
    /// The iteration's number in its scenario in the whole run, from 0. No other has it, so it can pick a row of test
    /// data.
    pub iteration: u64,
    /// Iterations of this VU in this scenario before this one.
    pub iteration_of_vu: u64,
}

/// Why something wasn't sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendError {
    /// The connection isn't open: not yet, or not any more.
    NotOpen,
    /// More than 1 MiB wait for the server to take them.
    Full,
}

impl From<host::SendError> for SendError {
    fn from(error: host::SendError) -> Self {
        match error {
            host::SendError::NotOpen => Self::NotOpen,
            host::SendError::Full => Self::Full,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection isn't open",
            Self::Full => "more than 1 MiB wait for the server to take them",
        })
    }
}

impl std::error::Error for SendError {}

impl Connection {
    /// Connects to an absolute URL: `ws:` or `wss:`, or `http:` or `https:` for the same. Once, in
    /// [`Handlers::begin`](super::Handlers::begin); elsewhere it traps. The host prepares a URL once for each instance, so
    /// URLs that differ from connection to connection are better given by [`connect_with`](Self::connect_with).
    ///
    /// # Panics
    ///
    /// When the URL is invalid.
    #[track_caller]
    pub fn connect(self, url: impl AsRef<str>) {
        host::connect(self.0, handshake::of_url(url.as_ref()));
    }

    /// Connects as [`connect`](Self::connect) does, with headers, subprotocols and the like.
    pub fn connect_with(self, handshake: &Handshake) {
        host::connect(self.0, handshake.number());
    }

    /// Sends text. What can't be sent because the connection isn't open any more is lost; see
    /// [`try_send_text`](Self::try_send_text).
    pub fn send_text(self, text: impl AsRef<str>) {
        // Its last event tells.
        let _ = self.try_send_text(text);
    }

    /// Sends text.
    ///
    /// # Errors
    ///
    /// When the connection isn't open, or more than 1 MiB wait for the server to take them.
    pub fn try_send_text(self, text: impl AsRef<str>) -> Result<(), SendError> {
        Ok(host::send_text(self.0, text.as_ref())?)
    }

    /// Sends bytes. What can't be sent because the connection isn't open any more is lost; see
    /// [`try_send_binary`](Self::try_send_binary).
    pub fn send_binary(self, bytes: impl AsRef<[u8]>) {
        // As for text.
        let _ = self.try_send_binary(bytes);
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// As for [`try_send_text`](Self::try_send_text).
    pub fn try_send_binary(self, bytes: impl AsRef<[u8]>) -> Result<(), SendError> {
        Ok(host::send_binary(self.0, bytes.as_ref())?)
    }

    /// Sends a ping, whose answer is told by [`Handlers::pong`](super::Handlers::pong).
    pub fn ping(self) {
        host::ping(self.0);
    }

    /// Closes the connection as one closes what has fulfilled its purpose: code 1000.
    pub fn close(self) {
        self.close_with(1000, "");
    }

    /// Closes the connection with a code that a client may send, such as 1000, 1001 and 3000 to 4999, and a reason, of
    /// which 123 bytes are sent. Closing again does nothing. Another code traps.
    pub fn close_with(self, code: u16, reason: &str) {
        host::close(self.0, code, reason);
    }

    /// Marks the iteration as failed, and logs why. The connection goes on.
    pub fn fail(self, message: impl AsRef<str>) {
        host::fail(self.0, message.as_ref());
    }

    /// Sets a timer, or moves it if it is set: [`Handlers::timer`](super::Handlers::timer) is called with its number, any
    /// that the script likes. Takes a duration, or seconds as a number. A connection has 17 timers at most; one more traps.
    pub fn set_timer(self, timer: u32, after: impl IntoDuration) {
        host::set_timer(self.0, timer, nanoseconds(after.into_duration()));
    }

    /// Takes a timer back. If it isn't set, nothing happens.
    pub fn cancel_timer(self, timer: u32) {
        host::cancel_timer(self.0, timer);
    }

    /// Who it is.
    pub fn identity(self) -> Identity {
        let host::Identity { vu, vu_in_instance, iteration, iteration_of_vu } = host::identity_of(self.0);
        Identity { vu, vu_in_instance, iteration, iteration_of_vu }
    }
}
