//! A client's TLS: options checked once, and a configuration for each origin.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, KeyLog, NoKeyLog, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion};

use super::error::TlsError;
use super::key_log::KeyLogFile;
use super::options::{ClientIdentity, TlsConfigError, TlsMistake, TlsOptions, TlsVersion};
use super::resumption::ResumableSessions;
use super::roots::{RootsError, system_roots};
use super::verify::TakeAny;

/// What TLS's cryptography is done by. Suites of AES-128 come first, as Go and so k6 offer them: their SHA-256 is in
/// hardware where SHA-384 isn't, and a resumed handshake consists of little but hashing and one key exchange.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| !iana_name(suite.suite()).contains("AES_128"));
    provider
}

/// A client's TLS. Clones are the same client; a shard has one.
#[derive(Clone)]
pub struct TlsClient(Arc<Inner>);

struct Inner {
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    skip_verify: bool,
    authorities: RootCertStore,
    /// With whom each is meant for.
    identities: Vec<(ClientIdentity, Arc<dyn ResolvesClientCert>)>,
    key_log: Arc<dyn KeyLog>,
    /// Made when it is needed first: the system's authorities are read for it.
    verifier: OnceLock<Result<Arc<dyn ServerCertVerifier>, RootsError>>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

/// The server that a connection expects: its name, and how to speak to it.
#[derive(Clone, Debug)]
pub(crate) struct ServerIdentity {
    pub(crate) name: ServerName<'static>,
    pub(crate) config: Arc<ClientConfig>,
}

impl TlsClient {
    /// Checks the options.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsConfigError> {
        let mut mistakes = Vec::new();
        let mut provider = provider();
        let versions = versions(options, &mut provider, &mut mistakes);
        let authorities = authorities(&options.authorities_pem, &mut mistakes);
        let mut identities = Vec::new();
        for (index, identity) in options.identities.iter().enumerate() {
            let whose = format!("client identity {}'s", index + 1);
            match certified_key(&identity.certificate_pem, &identity.key_pem, &provider, &whose) {
                Ok(key) => {
                    let known = ClientIdentity { domains: identity.domains.clone(), ..ClientIdentity::default() };
                    identities.push((known, Arc::new(SingleCertAndKey::from(key)) as Arc<dyn ResolvesClientCert>));
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let mut key_log: Arc<dyn KeyLog> = Arc::new(NoKeyLog);
        if let Some(path) = &options.key_log {
            match KeyLogFile::open(path) {
                Ok(file) => key_log = Arc::new(file),
                Err(error) => mistakes.push(TlsMistake::KeyLog { path: path.clone(), message: error.to_string() }),
            }
        }
        if !mistakes.is_empty() {
            return Err(TlsConfigError { mistakes });
        }
        Ok(Self(Arc::new(Inner {
            provider: Arc::new(provider),
            versions,
            skip_verify: options.skip_verify,
            authorities,
            identities,
            key_log,
            verifier: OnceLock::new(),
        })))
    }

    /// How to speak to `host`, with a memory for its sessions. The first call in a process reads the system's
    /// authorities, which takes some milliseconds.
    pub(crate) fn server(&self, host: &str) -> Result<ServerIdentity, TlsError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let bare = bare.strip_suffix('.').unwrap_or(bare);
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::HostName(host.to_owned()))?;
        let client = &*self.0;
        let verifier = client.verifier.get_or_init(|| client.verifier()).clone().map_err(TlsError::Roots)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&client.provider));
        let builder = builder.with_protocol_versions(&client.versions).map_err(TlsError::Protocol)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let identity = client.identities.iter().find(|(identity, _)| identity.fits(bare));
        let mut config = match identity {
            Some((_, key)) => builder.with_client_cert_resolver(Arc::clone(key)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.key_log = Arc::clone(&client.key_log);
        config.resumption = Resumption::store(Arc::new(ResumableSessions::default()));
        Ok(ServerIdentity { name, config: Arc::new(config) })
    }
}

impl Inner {
    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, RootsError> {
        if self.skip_verify {
            let schemes = self.provider.signature_verification_algorithms.supported_schemes();
            return Ok(Arc::new(TakeAny { schemes }));
        }
        let roots = match system_roots() {
            Ok(system) if self.authorities.is_empty() => system,
            Ok(system) => {
                let mut roots = RootCertStore::clone(&system);
                roots.extend(self.authorities.roots.iter().cloned());
                Arc::new(roots)
            }
            Err(error) if self.authorities.is_empty() => return Err(error),
            Err(_) => Arc::new(self.authorities.clone()),
        };
        let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider)).build();
        let Ok(verifier) = built else { unreachable!("there are roots, and no revocation lists") };
        Ok(verifier)
    }
}

/// The versions to speak; leaves those suites in the provider that are wanted.
fn versions(
    options: &TlsOptions,
    provider: &mut CryptoProvider,
    mistakes: &mut Vec<TlsMistake>,
) -> Vec<&'static SupportedProtocolVersion> {
    let (min, max) =
        (options.version_min.unwrap_or(TlsVersion::Tls12), options.version_max.unwrap_or(TlsVersion::Tls13));
    if min > max {
        mistakes.push(TlsMistake::Versions { min, max });
        return Vec::new();
    }
    let wanted = &options.cipher_suites;
    let names: Vec<_> = provider.cipher_suites.iter().map(|suite| iana_name(suite.suite())).collect();
    let before = mistakes.len();
    for name in wanted.iter().filter(|name| !names.contains(*name)) {
        mistakes.push(TlsMistake::CipherSuite { name: name.clone(), known: names.join(", ") });
    }
    let is_tls13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
    if !wanted.is_empty() {
        let named = |suite: &SupportedCipherSuite| wanted.contains(&iana_name(suite.suite()));
        let names_tls13 = provider.cipher_suites.iter().any(|suite| is_tls13(suite) && named(suite));
        provider.cipher_suites.retain(|suite| named(suite) || is_tls13(suite) && !names_tls13);
    }
    let has = |tls13| provider.cipher_suites.iter().any(|suite| is_tls13(suite) == tls13);
    let mut versions = Vec::new();
    if min == TlsVersion::Tls12 && has(false) {
        versions.push(&TLS12);
    }
    if max == TlsVersion::Tls13 && has(true) {
        versions.push(&TLS13);
    }
    if versions.is_empty() && mistakes.len() == before {
        mistakes.push(TlsMistake::NoCipherSuite);
    }
    versions
}

/// rustls marks the suites of TLS 1.3 where IANA doesn't.
fn iana_name(suite: CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}

pub(super) fn authorities(all_pem: &[Vec<u8>], mistakes: &mut Vec<TlsMistake>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    for (index, pem) in all_pem.iter().enumerate() {
        let added = certificates(pem).and_then(|certificates| {
            certificates
                .into_iter()
                .try_for_each(|certificate| store.add(certificate))
                .map_err(|error| error.to_string())
        });
        if let Err(message) = added {
            mistakes.push(TlsMistake::Authority { number: index + 1, message });
        }
    }
    store
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("it holds no CERTIFICATE in PEM".into()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(error.to_string()),
    }
}

/// A certificate's chain with its key.
pub(super) fn certified_key(
    chain_pem: &[u8],
    key_pem: &[u8],
    provider: &CryptoProvider,
    whose: &str,
) -> Result<CertifiedKey, TlsMistake> {
    let wrong = |message: String| TlsMistake::Identity { whose: whose.to_owned(), message };
    let chain = certificates(chain_pem).map_err(wrong)?;
    if is_encrypted(key_pem) {
        return Err(TlsMistake::EncryptedKey { whose: whose.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|error| wrong(format!("its private key in PEM can't be read: {error}")))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => wrong("the private key belongs to another certificate".into()),
        error => wrong(error.to_string()),
    })
}

/// PKCS #8's encrypted form, or the one that OpenSSL writes for older formats.
fn is_encrypted(key_pem: &[u8]) -> bool {
    let has = |marker: &[u8]| key_pem.windows(marker.len()).any(|window| window == marker);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests;
