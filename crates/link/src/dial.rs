//! Connections to nodes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use throng_trust::{Credentials, Distrust};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Code;
use tonic::transport::{Channel, Endpoint, Uri};
use tower_service::Service;

use crate::text::chain;

/// Why there is no connection, or no answer on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Something else may help: another node, or time.
    Broken(String),
    /// The node isn't who it has to be, or doesn't believe that of the agent.
    Distrusted(String),
}

impl Trouble {
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Broken(text) | Self::Distrusted(text) => text,
        }
    }
}

/// Connects to a node.
pub(crate) async fn connect(node: &str, endpoint: Endpoint, credentials: &Credentials) -> Result<Channel, Trouble> {
    let connected = endpoint.connect_with_connector(Dialer(credentials.clone())).await;
    connected.map_err(|error| match Distrust::find(&error) {
        Some(distrust) => Trouble::Distrusted(distrust.to_string()),
        None => of_transport(node, &error),
    })
}

fn of_transport(node: &str, error: &tonic::transport::Error) -> Trouble {
    let text = chain(error);
    // As HTTP/2 words what a coordinator with certificates says to those without.
    if text.contains("minimum security requirements") {
        return Trouble::Distrusted(Distrust::no_certificates(node).to_string());
    }
    Trouble::Broken(text)
}

/// What a status says: what the other side said, or why it could not.
pub(crate) fn of_status(node: &str, status: &tonic::Status) -> Trouble {
    if let Some(distrust) = Distrust::find(status) {
        return Trouble::Distrusted(distrust.to_string());
    }
    let source = std::error::Error::source(status);
    match (status.code(), source) {
        (Code::PermissionDenied, Some(_)) => Trouble::Distrusted(Distrust::no_certificates(node).to_string()),
        (Code::PermissionDenied | Code::Unauthenticated, _) => {
            Trouble::Distrusted(format!("{node} refuses this agent: {}", status.message()))
        }
        (_, Some(source)) => Trouble::Broken(chain(source)),
        _ if status.message().is_empty() => Trouble::Broken(status.code().description().to_owned()),
        _ => Trouble::Broken(status.message().to_owned()),
    }
}

/// A connection in plain or by TLS.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The network as tonic wants it.
#[derive(Clone)]
struct Dialer(Credentials);

impl Service<Uri> for Dialer {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Box<dyn Duplex>>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let address = uri.authority().map(|authority| authority.to_string()).unwrap_or_default();
        let credentials = self.0.clone();
        Box::pin(async move {
            let stream = credentials.open(&address).await?;
            let stream: Box<dyn Duplex> = match credentials.tls() {
                Some(tls) => Box::new(tls.connect(stream, &address).await?),
                None => Box::new(stream),
            };
            Ok(TokioIo::new(stream))
        })
    }
}
