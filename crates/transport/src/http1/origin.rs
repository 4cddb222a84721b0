//! Where requests go.

use crate::tls::{ServerIdentity, TlsClient, TlsError};

/// A scheme, host and port; one value for all requests of a shard that go there, since pools compare it by address. What
/// its name stands for is known to the shard's [`Names`](crate::Names).
#[derive(Debug)]
pub struct Origin {
    host: String,
    port: u16,
    tls: Option<ServerIdentity>,
}

impl Origin {
    /// An origin by its host, which may be an address, with or without brackets.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, tls: None }
    }

    /// An origin that is spoken to by TLS, as `client` does; it keeps the sessions that may be resumed.
    ///
    /// # Errors
    /// When no certificate could be for that host, or the system has no authorities to verify by.
    pub fn with_tls(host: &str, port: u16, client: &TlsClient) -> Result<Self, TlsError> {
        Ok(Self { tls: Some(client.server(host)?), ..Self::new(host, port) })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How to speak TLS to it; none if it is plain.
    pub(super) fn tls(&self) -> Option<&ServerIdentity> {
        self.tls.as_ref()
    }
}
