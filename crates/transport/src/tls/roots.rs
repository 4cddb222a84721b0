//! The system's certificate authorities.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;

/// The system has no authorities that could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this system has no certificate authorities to verify a server by{reasons}: install the package ca-certificates, \
     name a file of them in SSL_CERT_FILE, give a CA of your own, or set insecureSkipTLSVerify"
)]
pub struct RootsError {
    reasons: String,
}

/// The system's authorities, read once in the process, by the first who asks: some milliseconds.
pub(super) fn system_roots() -> Result<Arc<RootCertStore>, RootsError> {
    static ROOTS: OnceLock<Result<Arc<RootCertStore>, RootsError>> = OnceLock::new();
    ROOTS.get_or_init(read).clone()
}

fn read() -> Result<Arc<RootCertStore>, RootsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Stores hold certificates of every age; those that can't be parsed aren't needed by anyone.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        return Err(RootsError { reasons });
    }
    Ok(Arc::new(roots))
}
