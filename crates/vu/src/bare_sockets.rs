use std::{
    future::{Future, ready},
    time::Duration,
};

use crate::sockets::NO_SOCKETS;
use crate::types::{Failure, TcpSpec, UdpSpec};

/// What a script can do with TCP connections: a part of [`Host`](crate::Host),
/// whose rules hold here too.
///
/// An `Err` of `String` traps with that text: a number that isn't held, or too
/// many sockets. All but [`reset_tcp`](Self::reset_tcp) and
/// [`drop_tcp`](Self::drop_tcp) may wait. What isn't said otherwise is that of a
/// host without sockets.
pub trait TcpHost {
    /// Connects and returns the socket's number.
    ///
    /// # Errors
    ///
    /// Traps: too many sockets.
    fn connect_tcp(&mut self, _spec: TcpSpec) -> impl Future<Output = Result<Result<u32, Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Sends bytes; waits where the peer lags far behind, for at most as long as
    /// `limit`.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn send_tcp(
        &mut self,
        _socket: u32,
        _bytes: Vec<u8>,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Result<(), Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Takes what has arrived, at most `bytes_max`; `None` when nothing has within
    /// `limit`, no bytes when the peer has sent its last.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held, `bytes_max` of 0.
    fn receive_tcp(
        &mut self,
        _socket: u32,
        _bytes_max: u32,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Result<Option<Vec<u8>>, Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Tells the peer that nothing more comes, once all has gone, which it waits for
    /// for at most as long as `limit`.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn end_sending_tcp(
        &mut self,
        _socket: u32,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Result<(), Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Breaks the connection off.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn reset_tcp(&mut self, _socket: u32) -> Result<(), String> {
        Err(NO_SOCKETS.to_owned())
    }

    /// Lets go of a socket, and closes it once all has gone.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn drop_tcp(&mut self, _socket: u32) -> Result<(), String> {
        Err(NO_SOCKETS.to_owned())
    }
}

/// What a script can do with UDP sockets: a part of [`Host`](crate::Host), in the
/// same way. All but [`drop_udp`](Self::drop_udp) may wait.
pub trait UdpHost {
    /// Opens a socket to a peer and returns its number.
    ///
    /// # Errors
    ///
    /// Traps: too many sockets.
    fn connect_udp(&mut self, _spec: UdpSpec) -> impl Future<Output = Result<Result<u32, Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Sends a datagram; waits where many are on their way to the kernel.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn send_udp(
        &mut self,
        _socket: u32,
        _datagram: Vec<u8>,
    ) -> impl Future<Output = Result<Result<(), Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Takes the next datagram; `None` when there is none within `limit`.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn receive_udp(
        &mut self,
        _socket: u32,
        _limit: Option<Duration>,
    ) -> impl Future<Output = Result<Result<Option<Vec<u8>>, Failure>, String>> {
        ready(Err(NO_SOCKETS.to_owned()))
    }

    /// Lets go of a socket.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn drop_udp(&mut self, _socket: u32) -> Result<(), String> {
        Err(NO_SOCKETS.to_owned())
    }
}
