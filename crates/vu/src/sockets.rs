use std::{
    future::{Future, ready},
    time::Duration,
};

use crate::types::{CloseFrame, SocketEnd, SocketFailure, SocketMessage, SocketSpec, SocketState};

/// What a call comes to where there are no sockets.
pub(crate) const NO_SOCKETS: &str = "this host has no sockets: they can be opened by setup, init and iterations alone";

/// What a script can do with WebSockets: a part of [`Host`](crate::Host), whose
/// rules hold here too.
///
/// An `Err` of `String` traps with that text: a number that isn't held, or too
/// many sockets. [`open_socket`](Self::open_socket), [`send_message`](Self::send_message),
/// [`receive_message`](Self::receive_message), [`receive_any`](Self::receive_any) and
/// [`close_socket`](Self::close_socket) may wait. What isn't said otherwise is
/// that of a host without sockets.
pub trait SocketHost {
    /// Opens a socket and returns its number.
    ///
    /// # Errors
    ///
    /// Traps: too many sockets.
    fn open_socket(&mut self, _spec: SocketSpec) -> impl Future<Output = Result<Result<u32, SocketFailure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Sends a message; waits where the server lags far behind.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn send_message(
        &mut self,
        _socket: u32,
        _message: SocketMessage,
    ) -> impl Future<Output = Result<Result<(), SocketEnd>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held, more than 125 bytes.
    fn ping(&mut self, _socket: u32, _payload: Vec<u8>) -> Result<Result<(), SocketEnd>, String> {
        Err(NO_SOCKETS.to_owned())
    }

    /// Takes the next message; `None` when there is none within `limit`.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn receive_message(
        &mut self,
        _socket: u32,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Result<Option<SocketMessage>, SocketEnd>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Waits until one of these has a message or is over, at most for as long as
    /// `limit`; its place in the list.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn receive_any(
        &mut self,
        _sockets: Vec<u32>,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Option<u32>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Sends a close frame and waits for the server's, at most for as long as
    /// `limit`: how the socket ended. The inner error is for the guest: a code
    /// that mustn't be sent.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn close_socket(
        &mut self,
        _socket: u32,
        _close: Option<CloseFrame>,
        _limit: Duration,
    ) -> impl Future<Output = Result<Result<Option<SocketEnd>, String>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// How a socket stands.
    ///
    /// # Errors
    ///
    /// Traps, as do the next four: a number that isn't held.
    fn socket_state(&self, _socket: u32) -> Result<SocketState, String> {
        Err(NO_SOCKETS.to_owned())
    }

    /// The subprotocol that the server chose.
    ///
    /// # Errors
    ///
    /// Traps.
    fn subprotocol(&self, _socket: u32) -> Result<Option<String>, String> {
        Err(NO_SOCKETS.to_owned())
    }

    /// Whether messages are compressed.
    ///
    /// # Errors
    ///
    /// Traps.
    fn is_compressed(&self, _socket: u32) -> Result<bool, String> {
        Err(NO_SOCKETS.to_owned())
    }

    /// The headers of the server's answer in the order received.
    ///
    /// # Errors
    ///
    /// Traps.
    fn socket_headers(&self, _socket: u32) -> Result<Vec<(String, String)>, String> {
        Err(NO_SOCKETS.to_owned())
    }

    /// Lets go of a socket, and closes it if it is open.
    ///
    /// # Errors
    ///
    /// Traps.
    fn drop_socket(&mut self, _socket: u32) -> Result<(), String> {
        Err(NO_SOCKETS.to_owned())
    }
}
