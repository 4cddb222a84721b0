//! What a process has to prove who it is, and by what it knows others.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use tokio::net::{TcpStream, lookup_host};

use crate::certificate::{Certificate, CertificateError};
use crate::connect::Tls;
use crate::distrust::{Distrust, Side};
use crate::kept::Kept;
use crate::role::{Holder, Role};
use crate::tokens::Token;

/// Why credentials can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The authority.
    #[error("{0} isn't an authority's certificate: --cluster-ca takes the ca.pem of `throng certs init`")]
    NoAuthority(PathBuf),
    /// The private key.
    #[error("{path} can't be used as the private key of {certificate}: {why}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// That of the certificate.
        certificate: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The certificate.
    #[error("{0}")]
    Distrust(#[from] Distrust),
    /// The role.
    #[error(
        "{path} is the certificate of {holder}; this takes one of role {expected}: `throng certs issue --role {expected}`"
    )]
    Role {
        /// Its file.
        path: PathBuf,
        /// Whose it is.
        holder: Holder,
        /// What is needed.
        expected: Role,
    },
    /// A coordinator without any.
    #[error("a coordinator with --cluster-ca needs --cluster-cert and --cluster-key too")]
    NoCertificate,
    /// TLS.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Files that credentials are read from, in PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The authority of the group.
    pub authority: PathBuf,
    /// The process's own certificate and its private key.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// How a process speaks to coordinators. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Credentials {
    tls: Option<Tls>,
    token: Option<Token>,
    anywhere: bool,
}

/// What TLS needs on both sides.
pub(crate) struct Material {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) own: Option<Own>,
}

/// The process's own certificate.
pub(crate) struct Own {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) certificate: Certificate,
    pub(crate) holder: Holder,
    pub(crate) path: PathBuf,
    pub(crate) shown: String,
}

impl fmt::Debug for Material {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Material").field("own", &self.own.as_ref().map(|own| &own.path)).finish_non_exhaustive()
    }
}

impl Credentials {
    /// None: nobody is asked who they are. That is for loopback, unless it is to go `anywhere`.
    #[must_use]
    pub fn plain(anywhere: bool) -> Self {
        Self { tls: None, token: None, anywhere }
    }

    /// Those of files, which are read again when they have been changed: connections from then on go by what they have.
    ///
    /// # Errors
    /// When they can't be read, aren't valid now, or don't belong together.
    pub fn read(files: &Files) -> Result<Self, CredentialsError> {
        Ok(Self { tls: Some(Tls::new(Kept::read(files)?)), token: None, anywhere: true })
    }

    /// The same with a client's token.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token, ..self }
    }

    /// TLS, if there is any.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// A client's token.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whose the process's own certificate is.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.tls.as_ref()?.material().own.as_ref().map(|own| own.holder.clone())
    }

    /// The process's own certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        self.tls.as_ref()?.material().own.as_ref().map(|own| own.certificate.clone())
    }

    /// Connects to HOST:PORT by one of its addresses, without TLS yet.
    ///
    /// # Errors
    /// When none answers, or one may not be asked.
    pub async fn open(&self, address: &str) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup_host(address).await? {
            self.may_dial(address)?;
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whether a connection to that address may be made.
    ///
    /// # Errors
    /// When it leads to another machine, which nobody proves to be a coordinator.
    pub fn may_dial(&self, address: SocketAddr) -> io::Result<()> {
        if self.anywhere || address.ip().is_loopback() {
            return Ok(());
        }
        Err(Distrust(format!(
            "{address} is another machine, and without certificates nobody knows whose: give --cluster-ca, \
             --cluster-cert and --cluster-key, or --insecure if all of the network is trusted"
        ))
        .into_io())
    }
}

impl Material {
    pub(crate) fn read(files: &Files) -> Result<Self, CredentialsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        if !Certificate::read(&files.authority)?.is_authority {
            return Err(CredentialsError::NoAuthority(files.authority.clone()));
        }
        let mut roots = RootCertStore::empty();
        for authority in certificates(&files.authority)? {
            roots.add(authority)?;
        }
        let roots = Arc::new(roots);
        let own = match &files.own {
            Some((certificate, key)) => Some(Own::read(certificate, key, &provider, &roots)?),
            None => None,
        };
        Ok(Self { provider, roots, own })
    }

    pub(crate) fn own_shown(&self) -> Option<(&str, &Certificate)> {
        self.own.as_ref().map(|own| (own.shown.as_str(), &own.certificate))
    }
}

impl Own {
    fn read(
        path: &Path,
        key_path: &Path,
        provider: &Arc<CryptoProvider>,
        roots: &Arc<RootCertStore>,
    ) -> Result<Self, CredentialsError> {
        let certificate = Certificate::read(path)?;
        let shown = path.display().to_string();
        let wrong =
            |why: String| CredentialsError::Key { path: key_path.to_owned(), certificate: path.to_owned(), why };
        let pem = std::fs::read(key_path).map_err(|error| wrong(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| wrong(error.to_string()))?;
        let chain = certificates(path)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| wrong(error.to_string()))?;
        // What others would say of it is said at once.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider)).build();
        let verifier = verifier.map_err(|error| CredentialsError::Tls(rustls::Error::General(error.to_string())))?;
        let (end, rest) = key.cert.split_first().ok_or(CredentialsError::NoCertificate)?;
        if let Err(error) = verifier.verify_client_cert(end, rest, UnixTime::now()) {
            let side = Side { other: &shown, shown: Some(&certificate), own: None };
            let error = io::Error::other(error);
            let text = Distrust::of(&error, &side).unwrap_or_else(|| Distrust(format!("{shown}: {error}")));
            return Err(text.into());
        }
        let nobody = || Distrust(format!("{shown} says no role: use a certificate by `throng certs issue`"));
        let holder = certificate.holder.clone().ok_or_else(nobody)?;
        Ok(Self { key: Arc::new(key), certificate, holder, path: path.to_owned(), shown })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| CertificateError::Unreadable { path: name(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found.map_err(|error| CertificateError::Malformed { path: name(), why: error.to_string() })
}
