//! The side that is spoken to: it shows its certificate, and learns who calls.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::Certificate;
use crate::connect::Tls;
use crate::credentials::{CredentialsError, Material};
use crate::distrust::{Distrust, Side};
use crate::role::Holder;

/// How long a handshake may take.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long whoever is refused may take to read why.
const FAREWELL: Duration = Duration::from_millis(500);
/// And how much of what it has sent meanwhile is read.
const FAREWELL_BYTES_MAX: u64 = 64 << 10;

/// What every handshake of TLS begins with.
const TLS_HANDSHAKE: u8 = 22;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody was asked: the connection is plain.
    Plain,
    /// Nobody known: the connection is by TLS, and the caller has no certificate.
    Anonymous,
    /// Whoever holds a certificate of the group's.
    Holder(Holder),
}

/// The side that is spoken to. Clones are the same.
#[derive(Clone)]
pub struct Acceptor {
    tls: Tls,
    may_be_anonymous: bool,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Acceptor").field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// A connection by TLS, of which the first byte has been read before.
pub type Accepted<S> = TlsStream<Rewound<S>>;

impl Acceptor {
    /// With the process's own certificate; callers may have none if they may be anonymous.
    pub(crate) fn new(tls: Tls, may_be_anonymous: bool) -> Result<Self, CredentialsError> {
        let acceptor = Self { tls, may_be_anonymous };
        // What can't be set up is told before anybody calls.
        acceptor.verifier(&acceptor.tls.material())?;
        Ok(acceptor)
    }

    fn verifier(&self, material: &Material) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let (roots, provider) = (Arc::clone(&material.roots), Arc::clone(&material.provider));
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let builder = if self.may_be_anonymous { builder.allow_unauthenticated() } else { builder };
        builder.build().map_err(|error| Error::General(error.to_string()))
    }

    /// Why certificates whose files have been changed aren't used, once.
    #[must_use]
    pub fn take_trouble(&self) -> Option<String> {
        self.tls.take_trouble()
    }

    /// Shakes hands on a connection that came in.
    ///
    /// # Errors
    /// Why the caller is refused, or refuses this side; none if it went away by itself.
    pub async fn accept<S>(&self, stream: S) -> Result<(Accepted<S>, Caller), Option<Distrust>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        timeout(HANDSHAKE_TIME_MAX, self.shake_hands(stream)).await.unwrap_or(Err(None))
    }

    async fn shake_hands<S>(&self, mut stream: S) -> Result<(Accepted<S>, Caller), Option<Distrust>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let first = stream.read_u8().await.map_err(|_| None)?;
        if first != TLS_HANDSHAKE {
            refuse_plain(&mut stream).await;
            let text = "somebody without certificates connects, and this node takes none: give it --cluster-ca, \
                        --cluster-cert and --cluster-key";
            return Err(Some(Distrust(text.to_owned())));
        }
        let material = self.tls.material();
        let broken = |error: Error| Some(Distrust(error.to_string()));
        let inner = self.verifier(&material).map_err(broken)?;
        let check = Arc::new(Check { inner, shown: Mutex::default() });
        let config = config(&material, Arc::clone(&check)).map_err(broken)?;
        let rewound = Rewound { first: Some(first), stream };
        let shaken = TlsAcceptor::from(Arc::new(config)).accept(rewound).into_fallible().await;
        let shown = check.shown.lock().unwrap_or_else(PoisonError::into_inner).take();
        match shaken {
            Ok(stream) => Ok((stream, shown.and_then(|one| one.holder).map_or(Caller::Anonymous, Caller::Holder))),
            Err((error, stream)) => {
                say_farewell(stream).await;
                let side = Side { other: "a caller", shown: shown.as_ref(), own: material.own_shown() };
                Err(Distrust::of(&error, &side))
            }
        }
    }
}

fn config(material: &Material, check: Arc<Check>) -> Result<ServerConfig, Error> {
    let own = material.own.as_ref().ok_or_else(|| Error::General("there is no certificate".to_owned()))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&material.provider));
    let builder = builder.with_protocol_versions(&[&TLS13])?.with_client_cert_verifier(check);
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own.key))));
    // Connections last: there is nothing to resume.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Waits until whoever is refused has read why: closing with bytes unread would take that from it.
async fn say_farewell<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let farewell = async {
        let _ = stream.shutdown().await;
        let _ = tokio::io::copy(&mut (&mut stream).take(FAREWELL_BYTES_MAX), &mut tokio::io::sink()).await;
    };
    // Whoever doesn't go is left.
    let _ = timeout(FAREWELL, farewell).await;
}

/// Tells a caller that speaks HTTP/2 without TLS what is missing, in its own language.
async fn refuse_plain<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    const TEXT: &[u8] = b"this coordinator takes nobody without certificates: give --cluster-ca, --cluster-cert and \
                          --cluster-key";
    const INADEQUATE_SECURITY: u8 = 12;
    // RFC 9113: a SETTINGS frame without settings, then GOAWAY with the last stream, an error and a text.
    let mut frames = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    frames.extend([0, 0, 8 + TEXT.len() as u8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, INADEQUATE_SECURITY]);
    frames.extend(TEXT);
    if stream.write_all(&frames).await.is_ok() {
        say_farewell(stream).await;
    }
}

/// Looks at a caller's certificate, and keeps it.
#[derive(Debug)]
struct Check {
    inner: Arc<dyn ClientCertVerifier>,
    shown: Mutex<Option<Certificate>>,
}

impl ClientCertVerifier for Check {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let shown = Certificate::from_der(end_entity).ok();
        let has_holder = shown.as_ref().is_some_and(|shown| shown.holder.is_some());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        if !has_holder {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A stream whose first byte was read already.
#[derive(Debug)]
pub struct Rewound<S> {
    first: Option<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
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
