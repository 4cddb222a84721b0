//! What a script does with TCP and UDP.

use std::rc::Rc;
use std::time::Duration;

use throng_vu::{Failure, TcpHost, TcpSpec, UdpHost, UdpSpec};

use super::VuHost;
use crate::http::CODE_TIMEOUT;
use crate::sockets::{TcpSocket, UdpSocket, connect_tcp, connect_udp};
use crate::websocket::Scene;

impl VuHost {
    /// Where the VU stands now.
    pub(super) fn scene(&self) -> Scene {
        Scene {
            shard: Rc::clone(&self.shard),
            session: Rc::clone(&self.session),
            place: Rc::clone(&self.place),
            who: self.identity.who(),
        }
    }

    /// Waits until what a TCP socket has sent is gone; whether it is.
    async fn flushed_tcp(&mut self, socket: u32, limit: Option<Duration>) -> Result<Result<(), Failure>, String> {
        let sockets = self.errand.sockets();
        let waiting = Rc::clone(&sockets);
        self.await_sockets(limit, async move { waiting.tcp.flushed(socket).await }).await;
        if sockets.tcp.with(socket, |socket| socket.is_flushed())? {
            return Ok(Ok(()));
        }
        let message = format!("the peer hasn't taken what was sent within {:?}", limit.unwrap_or_default());
        Ok(Err(Failure { code: CODE_TIMEOUT, message }))
    }
}

impl TcpHost for VuHost {
    async fn connect_tcp(&mut self, spec: TcpSpec) -> Result<Result<u32, Failure>, String> {
        let sockets = self.errand.sockets();
        sockets.tcp.check_room()?;
        let (tags, scene) = (self.tag_set(spec.tags).cloned(), self.scene());
        let opening = self.opened(move || async move {
            let socket = connect_tcp(scene, spec, tags).await?;
            Ok(sockets.tcp.insert(socket))
        });
        opening.await
    }

    async fn send_tcp(
        &mut self,
        socket: u32,
        bytes: Vec<u8>,
        limit: Option<Duration>,
    ) -> Result<Result<(), Failure>, String> {
        match self.errand.sockets().tcp.with(socket, |socket| socket.send(bytes))? {
            Ok(false) => Ok(Ok(())),
            Ok(true) => self.flushed_tcp(socket, limit).await,
            Err(failure) => Ok(Err(failure)),
        }
    }

    async fn receive_tcp(
        &mut self,
        socket: u32,
        bytes_max: u32,
        limit: Option<Duration>,
    ) -> Result<Result<Option<Vec<u8>>, Failure>, String> {
        if bytes_max == 0 {
            return Err("a receive of at most 0 bytes would look like the connection's end".to_owned());
        }
        let sockets = self.errand.sockets();
        if !sockets.tcp.is_ready(socket)? {
            let waiting = Rc::clone(&sockets);
            self.await_sockets(limit, async move { waiting.tcp.ready(socket).await }).await;
        }
        if sockets.tcp.with(socket, |socket| socket.is_full())? {
            // It has room again, which only another poll finds out.
            self.errand.poll_again();
        }
        sockets.tcp.with(socket, |socket| socket.take(bytes_max as usize))
    }

    async fn end_sending_tcp(&mut self, socket: u32, limit: Option<Duration>) -> Result<Result<(), Failure>, String> {
        let sockets = self.errand.sockets();
        if let Err(failure) = sockets.tcp.with(socket, TcpSocket::begin_end)? {
            return Ok(Err(failure));
        }
        match self.flushed_tcp(socket, limit).await? {
            Ok(()) => sockets.tcp.with(socket, TcpSocket::finish_end),
            Err(failure) => Ok(Err(failure)),
        }
    }

    fn reset_tcp(&mut self, socket: u32) -> Result<(), String> {
        self.errand.sockets().tcp.with(socket, TcpSocket::reset)
    }

    fn drop_tcp(&mut self, socket: u32) -> Result<(), String> {
        let dropped = self.errand.sockets().tcp.release(socket);
        self.errand.poll_again();
        dropped
    }
}

impl UdpHost for VuHost {
    async fn connect_udp(&mut self, spec: UdpSpec) -> Result<Result<u32, Failure>, String> {
        let sockets = self.errand.sockets();
        sockets.udp.check_room()?;
        let (tags, scene) = (self.tag_set(spec.tags).cloned(), self.scene());
        let opening = self.opened(move || async move {
            let socket = connect_udp(scene, spec, tags).await?;
            Ok(sockets.udp.insert(socket))
        });
        opening.await
    }

    async fn send_udp(&mut self, socket: u32, datagram: Vec<u8>) -> Result<Result<(), Failure>, String> {
        let sockets = self.errand.sockets();
        let lags = match sockets.udp.with(socket, |socket| socket.send(datagram))? {
            Ok(lags) => lags,
            Err(failure) => return Ok(Err(failure)),
        };
        if lags {
            self.await_sockets(None, async move { sockets.udp.flushed(socket).await }).await;
        }
        Ok(Ok(()))
    }

    async fn receive_udp(
        &mut self,
        socket: u32,
        limit: Option<Duration>,
    ) -> Result<Result<Option<Vec<u8>>, Failure>, String> {
        let sockets = self.errand.sockets();
        if !sockets.udp.is_ready(socket)? {
            let waiting = Rc::clone(&sockets);
            self.await_sockets(limit, async move { waiting.udp.ready(socket).await }).await;
        }
        if sockets.udp.with(socket, |socket| socket.is_full())? {
            // It has room again, which only another poll finds out.
            self.errand.poll_again();
        }
        sockets.udp.with(socket, UdpSocket::take)
    }

    fn drop_udp(&mut self, socket: u32) -> Result<(), String> {
        let dropped = self.errand.sockets().udp.release(socket);
        self.errand.poll_again();
        dropped
    }
}
