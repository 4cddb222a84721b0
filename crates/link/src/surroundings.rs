//! Time and connections, so that a simulation can give others.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use throng_transport::{Clock, Nanos};
use throng_trust::Credentials;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tonic::transport::Uri;
use tower_service::Service;

/// A connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What is dialed, later.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Duplex>>> + Send>>;

/// Connects to HOST:PORT.
pub type Dial = Arc<dyn Fn(String) -> Dialing + Send + Sync>;

/// How nodes are connected to.
#[derive(Clone)]
pub(crate) enum Way {
    /// By the system's network, where both sides may have certificates.
    System(Credentials),
    /// As whoever runs the link says.
    Given(Dial),
}

/// [`Dial`] as tonic wants it.
#[derive(Clone)]
pub(crate) struct Dialer(pub(crate) Dial);

impl Service<Uri> for Dialer {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialing = (self.0)(uri.authority().map(|authority| authority.to_string()).unwrap_or_default());
        Box::pin(async move { Ok(TokioIo::new(dialing.await?)) })
    }
}

/// The instant by the clock that shards have, but that it stands still where tokio's does.
pub(crate) fn now() -> Nanos {
    static BOTH: LazyLock<(Instant, Nanos)> = LazyLock::new(|| (Instant::now(), Clock::now()));
    let (instant, nanos) = *BOTH;
    nanos.after(instant.elapsed())
}
