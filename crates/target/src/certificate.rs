//! A certificate that the server makes for itself.

use rcgen::{CertificateParams, DnType, KeyPair};

/// The names and addresses that it is for, besides those it is asked for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate signed with its own key, so that a client trusts it by knowing it.
#[derive(Clone)]
pub struct SelfSigned {
    /// The certificate in PEM, for clients to trust.
    pub certificate_pem: String,
    /// Its private key in PEM.
    pub key_pem: String,
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("no certificate can be made for {host:?}: {source}; give one by --tls-cert and --tls-key")]
pub struct SelfSignedError {
    host: String,
    source: rcgen::Error,
}

impl SelfSigned {
    /// For localhost, its addresses, and `host`, a name or an address.
    ///
    /// # Errors
    /// When `host` is neither.
    pub fn new(host: &str) -> Result<Self, SelfSignedError> {
        let wrong = |source| SelfSignedError { host: host.to_owned(), source };
        let mut names: Vec<String> = NAMES.map(str::to_owned).into();
        if !NAMES.contains(&host) {
            names.push(host.to_owned());
        }
        let mut parameters = CertificateParams::new(names).map_err(wrong)?;
        parameters.distinguished_name.push(DnType::CommonName, NAMES[0]);
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = parameters.self_signed(&key).map_err(wrong)?;
        Ok(Self { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

impl std::fmt::Debug for SelfSigned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SelfSigned").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}
