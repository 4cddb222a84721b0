//! Open sockets.

use super::Error;
use crate::bindings::throng::script::udp as host;
use crate::checks;
use crate::time::nanoseconds;
use std::time::Duration;

/// A UDP socket to one peer. Dropping it closes it, once what was sent has gone.
#[derive(Debug)]
pub struct UdpSocket(host::Socket);

impl UdpSocket {
    pub(super) fn of(socket: host::Socket) -> Self {
        Self(socket)
    }

    /// Sends a datagram of at most 65,507 bytes, perhaps of none.
    ///
    /// # Errors
    ///
    /// When it is too long. What happens to it on its way shows at a `receive`, if anybody tells.
    pub fn send(&mut self, datagram: impl AsRef<[u8]>) -> Result<(), Error> {
        Ok(host::send(self.0, datagram.as_ref())?)
    }

    /// Takes the next datagram, waiting for it for at most this long. None when that was too short: it was lost, it is
    /// late, or there is none.
    ///
    /// # Errors
    ///
    /// With what has happened to one that was sent, once: [`is_refused`](Error::is_refused) where the peer's machine says
    /// that nobody listens. The socket is as good as before.
    pub fn receive(&mut self, limit: Duration) -> Result<Option<Vec<u8>>, Error> {
        checks::flush();
        Ok(host::receive(self.0, Some(nanoseconds(limit)))?)
    }

    /// Closes the socket, once what was sent has gone. The same as dropping it.
    pub fn close(self) {}
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        host::drop_socket(self.0);
    }
}
