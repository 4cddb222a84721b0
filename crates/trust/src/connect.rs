//! The side that dials: it looks whether a coordinator of the group answers, and proves who it is.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::acceptor::Acceptor;
use crate::certificate::Certificate;
use crate::credentials::{CredentialsError, Material};
use crate::distrust::{Distrust, Side};
use crate::kept::Kept;
use crate::role::Role;
use crate::tokens::Tokens;

/// How long the first words of a coordinator are waited for, by which one knows that it takes this side's certificate.
const FIRST_WORDS_WAIT: Duration = Duration::from_millis(500);

/// TLS 1.3 between the processes of a group. Clones are the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Kept>);

impl Tls {
    pub(crate) fn new(kept: Kept) -> Self {
        Self(Arc::new(kept))
    }

    /// What is in use now.
    pub(crate) fn material(&self) -> Arc<Material> {
        self.0.material()
    }

    /// Why files that have been changed aren't used, once.
    pub(crate) fn take_trouble(&self) -> Option<String> {
        self.0.take_trouble()
    }

    /// The side that is spoken to, which takes clients without a certificate if there are tokens for them.
    ///
    /// # Errors
    /// When the process's own certificate isn't a peer's.
    pub fn acceptor(&self, tokens: &Tokens) -> Result<Acceptor, CredentialsError> {
        let material = self.material();
        let own = material.own.as_ref().ok_or(CredentialsError::NoCertificate)?;
        if own.holder.role != Role::Peer {
            let (path, holder) = (own.path.clone(), own.holder.clone());
            return Err(CredentialsError::Role { path, holder, expected: Role::Peer });
        }
        Acceptor::new(self.clone(), !tokens.is_empty())
    }

    /// Shakes hands on a connection to HOST:PORT. Whoever calls limits the time.
    ///
    /// # Errors
    /// When no coordinator of the group answers, or it doesn't take this side's certificate: a [`Distrust`] is within.
    pub async fn connect<S>(&self, stream: S, address: &str) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let material = self.material();
        let check = Arc::new(Check::new(&material)?);
        let config = config(&material, Arc::clone(&check)).map_err(io::Error::other)?;
        let shaken = async {
            let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
            first_words(&mut stream).await?;
            Ok(stream)
        };
        shaken.await.map_err(|error: io::Error| {
            let shown = check.shown.lock().unwrap_or_else(PoisonError::into_inner).take();
            let side = Side { other: address, shown: shown.as_ref(), own: material.own_shown() };
            Distrust::of(&error, &side).map_or(error, Distrust::into_io)
        })
    }
}

fn config(material: &Material, check: Arc<Check>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&material.provider));
    let builder = builder.with_protocol_versions(&[&TLS13])?.dangerous().with_custom_certificate_verifier(check);
    let mut config = match &material.own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own.key)))),
        None => builder.with_no_client_auth(),
    };
    // Connections last: there is nothing to resume.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// In TLS 1.3 the other side looks at a client's certificate after the client is done. HTTP/2 has it speak first, so
/// that its first bytes, or its alert, say what came of that.
async fn first_words<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut TlsStream<S>) -> io::Result<()> {
    let words = poll_fn(|context| Pin::new(&mut *stream).poll_fill_buf(context).map_ok(<[u8]>::is_empty));
    match tokio::time::timeout(FIRST_WORDS_WAIT, words).await {
        Ok(Ok(true)) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended the connection at once")),
        Ok(Ok(false)) => Ok(()),
        Ok(Err(error)) => Err(error),
        // It is slow, and whatever it says is heard later.
        Err(_) => Ok(()),
    }
}

/// Looks at a coordinator's certificate, and keeps it for the text of an error.
#[derive(Debug)]
struct Check {
    inner: Arc<WebPkiServerVerifier>,
    shown: Mutex<Option<Certificate>>,
}

impl Check {
    fn new(material: &Material) -> io::Result<Self> {
        let (roots, provider) = (Arc::clone(&material.roots), Arc::clone(&material.provider));
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build().map_err(io::Error::other)?;
        Ok(Self { inner, shown: Mutex::default() })
    }
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Certificate::from_der(end_entity).ok();
        let is_peer = shown.as_ref().and_then(|shown| shown.holder.as_ref()).is_some_and(|one| one.role == Role::Peer);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if !is_peer {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
