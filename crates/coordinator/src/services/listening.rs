//! Connections that come in, as many as may.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use throng_trust::{Acceptor, Caller};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep;
use tonic::transport::server::Connected;

use crate::environment::{Dialed, Listener, Security};
use crate::node::Notices;

/// Connections at a time; further ones are closed at once. All agents that a group may have fit in, one by one or, while they
/// look for the leader, with an attempt beside their stream.
pub(crate) const CONNECTIONS_MAX: usize = 16_384;
const _: () = assert!(CONNECTIONS_MAX > throng_control::limits::AGENTS_MAX * 3 / 2);
/// After an error of the listener, such as a lack of descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// Accepts connections until nobody takes them any more. Those who have to prove who they are do so beside each other.
pub(crate) async fn admit(
    listener: Box<dyn Listener>,
    security: Security,
    notices: Notices,
    sender: mpsc::Sender<io::Result<Admitted>>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        match accepted {
            Ok(stream) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                if let Some(acceptor) = security.acceptor() {
                    let (acceptor, notices, sender) = (acceptor.clone(), notices.clone(), sender.clone());
                    tokio::spawn(async move { identify(stream, place, &acceptor, &notices, &sender).await });
                } else if sender.send(Ok(Admitted { stream, caller: Caller::Plain, _place: place })).await.is_err() {
                    return;
                }
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Learns who calls.
async fn identify(
    stream: Dialed,
    place: OwnedSemaphorePermit,
    acceptor: &Acceptor,
    notices: &Notices,
    sender: &mpsc::Sender<io::Result<Admitted>>,
) {
    let accepted = acceptor.accept(stream).await;
    if let Some(why) = acceptor.take_trouble() {
        notices.tell(format!("the certificates' files have changed and can't be used, so the ones before are: {why}"));
    }
    match accepted {
        Ok((stream, caller)) => {
            // Nobody takes it only when the node ends.
            let _ = sender.send(Ok(Admitted { stream: Box::new(stream), caller, _place: place })).await;
        }
        Err(Some(why)) => notices.tell(format!("a connection is refused: {why}")),
        Err(None) => {}
    }
}

/// A connection, with who is at its other end, and its place among those that there may be.
pub(crate) struct Admitted {
    stream: Dialed,
    caller: Caller,
    _place: OwnedSemaphorePermit,
}

impl Connected for Admitted {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Admitted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Admitted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
