//! gRPC over a network.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use throng_coordinator::{Dialed, Network};
use tonic::transport::{Channel, Endpoint, Uri};
use tower_service::Service;

use super::Socket;

/// A network as tonic wants it.
#[derive(Clone)]
struct Dialer(Arc<Socket>);

impl Service<Uri> for Dialer {
    type Response = TokioIo<Dialed>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Dialed>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let address = uri.authority().map(|authority| authority.to_string()).unwrap_or_default();
        let dialing = self.0.dial(address);
        Box::pin(async move { Ok(TokioIo::new(dialing.await?)) })
    }
}

/// A connection that is made when it is first used.
pub(crate) fn channel(socket: Socket, address: &str) -> Option<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    Some(endpoint.connect_with_connector_lazy(Dialer(Arc::new(socket))))
}
