//! Connections that come in, as many as may and as long as they behave.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

/// Connections at a time by each way, socket and TCP; further ones are closed at once.
pub const CLIENTS_MAX: usize = 32;
/// How long a client may take until it has said that it speaks HTTP/2. Later it has to answer pings.
pub(crate) const PREFACE_WAIT: Duration = Duration::from_secs(5);
/// What it says then.
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
/// From one connection to the next, so that one who connects again and again takes little time.
const ACCEPT_EVERY: Duration = Duration::from_millis(5);

/// Where connections come from.
pub(crate) trait Accept: Send + 'static {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

impl Accept for TcpListener {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Accept for UnixListener {
    type Io = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(UnixListener::accept(self).await?.0)
    }
}

/// Accepts connections until nobody takes them any more.
pub(crate) async fn admit<L: Accept>(listener: L, sender: mpsc::Sender<io::Result<Admitted<L::Io>>>) {
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    while !sender.is_closed() {
        // An error is the client's, who has gone, or a lack of descriptors, which may pass.
        if let Ok(io) = listener.accept().await
            && let Ok(place) = Arc::clone(&places).try_acquire_owned()
            && sender.send(Ok(Admitted::new(io, place))).await.is_err()
        {
            return;
        }
        sleep(ACCEPT_EVERY).await;
    }
}

/// A connection, with its place among those that there may be.
pub(crate) struct Admitted<IO> {
    io: IO,
    /// Bytes of the preface that haven't come yet, and until when they may.
    awaited: Option<(usize, Pin<Box<Sleep>>)>,
    _place: OwnedSemaphorePermit,
}

impl<IO> Admitted<IO> {
    fn new(io: IO, place: OwnedSemaphorePermit) -> Self {
        Self { io, awaited: Some((PREFACE_BYTES, Box::pin(sleep(PREFACE_WAIT)))), _place: place }
    }
}

impl<IO> Connected for Admitted<IO> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl<IO: AsyncRead + Unpin> AsyncRead for Admitted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some((left, deadline)) = &mut this.awaited else {
            return Pin::new(&mut this.io).poll_read(context, buffer);
        };
        if deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        *left = left.saturating_sub(buffer.filled().len() - before);
        if *left == 0 {
            this.awaited = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Admitted<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
