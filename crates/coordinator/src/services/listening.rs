//! Connections that come in, as many as may.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep;
use tonic::transport::server::Connected;

use crate::environment::{Dialed, Listener};

/// Connections at a time; further ones are closed at once.
pub(crate) const CONNECTIONS_MAX: usize = 4_096;
/// After an error of the listener, such as a lack of descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// Accepts connections until nobody takes them any more.
pub(crate) async fn admit(listener: Box<dyn Listener>, sender: mpsc::Sender<io::Result<Admitted>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        match accepted {
            Ok(stream) => {
                if let Ok(place) = Arc::clone(&places).try_acquire_owned()
                    && sender.send(Ok(Admitted { stream, _place: place })).await.is_err()
                {
                    return;
                }
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// A connection, with its place among those that there may be.
pub(crate) struct Admitted {
    stream: Dialed,
    _place: OwnedSemaphorePermit,
}

impl Connected for Admitted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
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
