//! What a script does with WebSockets.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future::or;
use throng_transport::Shard;
use throng_transport::websocket::{CONTROL_BYTES_MAX, CloseCode};
use throng_vu::{CloseFrame, SocketEnd, SocketFailure, SocketHost, SocketMessage, SocketSpec, SocketState};

use super::VuHost;
use crate::websocket::Opening;

impl VuHost {
    /// What opening a socket comes to. Its future is made and polled on the shard's own stack: on the VU's, which has a page
    /// as a rule, it would take another.
    pub(super) async fn opened<T: 'static, W: Future<Output = T> + 'static>(
        &self,
        open: impl FnOnce() -> W + 'static,
    ) -> Result<T, String> {
        let result = Rc::new(RefCell::new(None));
        let into = Rc::clone(&result);
        self.errand.leave_wait(Box::pin(async move {
            let opening = Box::pin(open());
            let opened = opening.await;
            *into.borrow_mut() = Some(opened);
        }));
        self.errand.waited().await;
        // The socket may have been heard from already.
        self.errand.poll_again();
        result.take().ok_or_else(|| "the VU was cut meanwhile".to_owned())
    }

    /// Has the shard's stack wait for something of the sockets, for at most this long; whether it came.
    pub(super) async fn await_sockets(
        &self,
        limit: Option<Duration>,
        wait: impl Future<Output = ()> + 'static,
    ) -> bool {
        let came = Rc::new(RefCell::new(false));
        let (told, shard) = (Rc::clone(&came), self.shard.shard.clone());
        self.errand.leave_wait(Box::pin(async move {
            *told.borrow_mut() = match limit {
                Some(limit) => {
                    or(
                        async {
                            wait.await;
                            true
                        },
                        expire(&shard, limit),
                    )
                    .await
                }
                None => {
                    wait.await;
                    true
                }
            };
        }));
        self.errand.waited().await;
        came.take()
    }
}

async fn expire(shard: &Shard, limit: Duration) -> bool {
    shard.sleep(limit).await;
    false
}

impl SocketHost for VuHost {
    async fn open_socket(&mut self, spec: SocketSpec) -> Result<Result<u32, SocketFailure>, String> {
        let sockets = self.errand.sockets();
        sockets.web.check_room()?;
        let (tags, scene, random) = (self.tag_set(spec.tags).cloned(), self.scene(), sockets.web.key());
        let opening = self.opened(move || async move {
            let prepared = scene.shard.prepared_sockets.prepare(&scene.shard, spec, tags);
            let socket = Opening { scene, prepared, random }.run().await?;
            Ok(sockets.web.insert(socket))
        });
        opening.await
    }

    async fn send_message(&mut self, socket: u32, message: SocketMessage) -> Result<Result<(), SocketEnd>, String> {
        let sockets = self.errand.sockets();
        let lags = match sockets.web.send(socket, &message)? {
            Ok(lags) => lags,
            Err(end) => return Ok(Err(end)),
        };
        drop(message);
        if lags {
            self.await_sockets(None, async move { sockets.web.flushed(socket).await }).await;
        }
        Ok(Ok(()))
    }

    fn ping(&mut self, socket: u32, payload: Vec<u8>) -> Result<Result<(), SocketEnd>, String> {
        if payload.len() > CONTROL_BYTES_MAX {
            return Err(format!("a ping has at most {CONTROL_BYTES_MAX} bytes, and this one {}", payload.len()));
        }
        self.errand.sockets().web.ping(socket, payload)
    }

    async fn receive_message(
        &mut self,
        socket: u32,
        limit: Option<Duration>,
    ) -> Result<Result<Option<SocketMessage>, SocketEnd>, String> {
        let sockets = self.errand.sockets();
        if !sockets.web.with(socket, |socket| socket.is_ready())? {
            let waiting = Rc::clone(&sockets);
            let wait = async move {
                waiting.web.ready(&[socket]).await;
            };
            self.await_sockets(limit, wait).await;
        }
        if sockets.web.with(socket, |socket| socket.is_full())? {
            // It has room again, which only another poll finds out.
            self.errand.poll_again();
        }
        sockets.web.with(socket, |socket| socket.take())
    }

    async fn receive_any(&mut self, numbers: Vec<u32>, limit: Option<Duration>) -> Result<Option<u32>, String> {
        let sockets = self.errand.sockets();
        for number in &numbers {
            sockets.web.with(*number, |_| ())?;
        }
        if numbers.is_empty() {
            return Ok(None);
        }
        let place = Rc::new(RefCell::new(None));
        let into = Rc::clone(&place);
        let wait = async move {
            let ready = sockets.web.ready(&numbers).await;
            *into.borrow_mut() = ready;
        };
        self.await_sockets(limit, wait).await;
        Ok(place.take())
    }

    async fn close_socket(
        &mut self,
        socket: u32,
        close: Option<CloseFrame>,
        limit: Duration,
    ) -> Result<Result<Option<SocketEnd>, String>, String> {
        let sockets = self.errand.sockets();
        let close = match &close {
            Some(frame) => match CloseCode::new(frame.code) {
                Some(code) => Some((code, frame.reason.as_str())),
                None => {
                    let text = format!(
                        "the code {} mustn't be sent: 1000 to 1003, 1007 to 1014 and 3000 to 4999 may be",
                        frame.code
                    );
                    return Ok(Err(text));
                }
            },
            None => None,
        };
        sockets.web.close(socket, close)?;
        let waiting = Rc::clone(&sockets);
        self.await_sockets(Some(limit), async move { waiting.web.ended(socket).await }).await;
        sockets.web.with(socket, |socket| Ok(socket.end().cloned()))
    }

    fn socket_state(&self, socket: u32) -> Result<SocketState, String> {
        self.errand.sockets().web.with(socket, |socket| socket.state())
    }

    fn subprotocol(&self, socket: u32) -> Result<Option<String>, String> {
        self.errand.sockets().web.with(socket, |socket| socket.subprotocol())
    }

    fn is_compressed(&self, socket: u32) -> Result<bool, String> {
        self.errand.sockets().web.with(socket, |socket| socket.is_compressed())
    }

    fn socket_headers(&self, socket: u32) -> Result<Vec<(String, String)>, String> {
        self.errand.sockets().web.with(socket, |socket| socket.headers())
    }

    fn drop_socket(&mut self, socket: u32) -> Result<(), String> {
        self.errand.sockets().web.release(socket)
    }
}
