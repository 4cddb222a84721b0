//! Connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use throng_trust::Credentials;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use super::security::Security;

/// What comes later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A connection.
pub type Dialed = Box<dyn DuplexStream>;

/// What can be read from and written to.
pub trait DuplexStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> DuplexStream for T {}

/// Where a node connects and listens.
pub trait Network: Send + Sync + 'static {
    /// Connects to HOST:PORT. Whoever calls limits the time.
    fn dial(&self, address: String) -> Pending<'static, io::Result<Dialed>>;

    /// Listens at HOST:PORT.
    fn listen(&self, address: String) -> Pending<'static, io::Result<Box<dyn Listener>>>;

    /// How those at its connections' other ends are known: on simulated networks they aren't.
    fn security(&self) -> Security {
        Security::of_client(Credentials::plain(true))
    }
}

/// Where connections come in.
pub trait Listener: Send + Sync + 'static {
    /// Where it listens.
    ///
    /// # Errors
    /// When the kernel doesn't say.
    fn address(&self) -> io::Result<SocketAddr>;

    /// The next connection.
    fn accept(&self) -> Pending<'_, io::Result<Dialed>>;
}

/// The machine's. Nobody is asked who they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNetwork;

/// The machine's, as far as others are known: without certificates no connection leaves the machine, unless it is said to
/// be fine.
#[derive(Clone, Debug, Default)]
pub struct SecuredNetwork {
    security: Security,
}

impl SecuredNetwork {
    /// With those that are known so.
    #[must_use]
    pub fn new(security: Security) -> Self {
        Self { security }
    }
}

impl Network for SecuredNetwork {
    fn dial(&self, address: String) -> Pending<'static, io::Result<Dialed>> {
        let credentials = self.security.credentials().clone();
        Box::pin(async move { Ok(Box::new(credentials.open(&address).await?) as Dialed) })
    }

    fn listen(&self, address: String) -> Pending<'static, io::Result<Box<dyn Listener>>> {
        SystemNetwork.listen(address)
    }

    fn security(&self) -> Security {
        self.security.clone()
    }
}

impl Network for SystemNetwork {
    fn dial(&self, address: String) -> Pending<'static, io::Result<Dialed>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Dialed)
        })
    }

    fn listen(&self, address: String) -> Pending<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(address).await?) as Box<dyn Listener>) })
    }
}

impl Listener for TcpListener {
    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn accept(&self) -> Pending<'_, io::Result<Dialed>> {
        Box::pin(async move {
            let (stream, _) = TcpListener::accept(self).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Dialed)
        })
    }
}
