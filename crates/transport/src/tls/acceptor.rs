//! The server's side: for `throng target`, and for tests.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;

use super::client::{authorities, certified_key, provider};
use super::options::{TlsConfigError, TlsMistake};
use super::session::Session;
use crate::ring::Connection;
use crate::stream::{Stream, StreamError, Traffic};

/// Turns accepted connections into streams of TLS. Clones share the keys of the tickets, so that a session of one
/// shard is resumed by another.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<ServerConfig>);

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}

impl TlsAcceptor {
    /// A server with this certificate, and those that lead to its authority, and its private key; in PEM.
    ///
    /// # Errors
    /// When they can't be used, or don't belong together.
    pub fn new(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsConfigError> {
        Self::build(chain_pem, key_pem, None)
    }

    /// The same, and clients need a certificate by one of these authorities, in PEM.
    ///
    /// # Errors
    /// As `new`, and when there is no such authority.
    pub fn for_clients_of(authorities_pem: &[u8], chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsConfigError> {
        Self::build(chain_pem, key_pem, Some(authorities_pem))
    }

    fn build(chain_pem: &[u8], key_pem: &[u8], authorities_pem: Option<&[u8]>) -> Result<Self, TlsConfigError> {
        let provider = provider();
        let wrong = |mistake| TlsConfigError { mistakes: vec![mistake] };
        let other = |error: rustls::Error| {
            wrong(TlsMistake::Identity { whose: "the server's".into(), message: error.to_string() })
        };
        let key = certified_key(chain_pem, key_pem, &provider, "the server's").map_err(wrong)?;
        let provider = Arc::new(provider);
        let clients = match authorities_pem {
            Some(pem) => client_verifier(pem, Arc::clone(&provider))?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(other)?;
        let mut config =
            builder.with_client_cert_verifier(clients).with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets hold the session themselves, encrypted: nothing is stored for a client.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(other)?;
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands on an accepted connection. It has no time limit of its own.
    ///
    /// # Errors
    /// When the client breaks off, or has nothing in common with the server.
    pub async fn accept(&self, connection: Connection) -> Result<Stream, StreamError> {
        let mut stream = Stream::tls(connection, Session::server(&self.0)?);
        stream.shake_hands(&mut Traffic::default()).await?;
        stream.send_records(&mut Traffic::default());
        Ok(stream)
    }
}

fn client_verifier(
    authorities_pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsConfigError> {
    let mut mistakes = Vec::new();
    let roots = authorities(&[authorities_pem.to_vec()], &mut mistakes);
    if !mistakes.is_empty() {
        return Err(TlsConfigError { mistakes });
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|error| TlsConfigError {
        mistakes: vec![TlsMistake::Authority { number: 1, message: error.to_string() }],
    })
}
