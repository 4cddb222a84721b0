//! What a client may be told about TLS, as plain data, and what can be wrong with it.

use std::fmt;
use std::path::PathBuf;

/// A version of the protocol. Older ones are broken, and aren't spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// k6's name of it, which the tag `tls_version` has.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How TLS is spoken. The default verifies servers by the system's authorities and allows both versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The lowest version, TLS 1.2 if none.
    pub version_min: Option<TlsVersion>,
    /// The highest version, TLS 1.3 if none.
    pub version_max: Option<TlsVersion>,
    /// Cipher suites by their IANA names; all if empty. A version of which the list names none keeps its own if that
    /// is TLS 1.3, as in k6, and isn't spoken if it is TLS 1.2.
    pub cipher_suites: Vec<String>,
    /// Whether any certificate will do: k6's `insecureSkipTLSVerify`.
    pub skip_verify: bool,
    /// Certificates in PEM of authorities beyond the system's.
    pub authorities_pem: Vec<Vec<u8>>,
    /// Who the client is, where a server asks. The first that fits a server's name is used.
    pub identities: Vec<ClientIdentity>,
    /// A file to which the sessions' secrets are appended, in the format of `SSLKEYLOGFILE`. Each handshake writes to
    /// it while its shard waits.
    pub key_log: Option<PathBuf>,
}

/// A client's certificate: k6's `tlsAuth`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Host names for which it is meant; `*.example.com` means every name with one label before the suffix. All hosts
    /// if empty.
    pub domains: Vec<String>,
    /// The certificate in PEM, and those that lead to its authority.
    pub certificate_pem: Vec<u8>,
    /// Its private key in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    pub key_pem: Vec<u8>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientIdentity").field("domains", &self.domains).finish_non_exhaustive()
    }
}

impl ClientIdentity {
    /// Whether it is meant for `host`.
    pub(super) fn fits(&self, host: &str) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|domain| fits(domain, host))
    }
}

fn fits(domain: &str, host: &str) -> bool {
    match domain.strip_prefix("*.") {
        Some(suffix) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(suffix)),
        None => domain.eq_ignore_ascii_case(host),
    }
}

/// Everything that is wrong with [`TlsOptions`], or with what an acceptor was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfigError {
    /// The mistakes, at least one.
    pub mistakes: Vec<TlsMistake>,
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(formatter, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TlsConfigError {}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsMistake {
    /// No version lies between.
    #[error("the lowest TLS version, {min}, is above the highest, {max}")]
    Versions {
        /// Lowest.
        min: TlsVersion,
        /// Highest.
        max: TlsVersion,
    },
    /// A suite that isn't known, or isn't safe.
    #[error("the cipher suite {name:?} isn't supported; these are: {known}")]
    CipherSuite {
        /// As given.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The versions that are allowed have none of the suites.
    #[error("none of the cipher suites belongs to a TLS version that is allowed")]
    NoCipherSuite,
    /// Not a certificate.
    #[error("certificate authority {number} can't be used: {message}")]
    Authority {
        /// Its place in the list, from 1.
        number: usize,
        /// What is wrong.
        message: String,
    },
    /// Not a certificate with its key.
    #[error("{whose} certificate can't be used: {message}")]
    Identity {
        /// Whose it is.
        whose: String,
        /// What is wrong.
        message: String,
    },
    /// A key behind a password.
    #[error("{whose} private key is encrypted: decrypt it, as by `openssl pkey -in key.pem -out decrypted.pem`")]
    EncryptedKey {
        /// Whose it is.
        whose: String,
    },
    /// A file that can't be written to.
    #[error("the key log {} can't be opened: {message}", path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_fits_itself_and_a_wildcard_one_label() {
        assert!(fits("Example.com", "example.COM"));
        assert!(!fits("example.com", "a.example.com"));
        assert!(fits("*.example.com", "a.example.com"));
        assert!(!fits("*.example.com", "example.com"));
        assert!(!fits("*.example.com", "a.b.example.com"));
        assert!(ClientIdentity::default().fits("anything"));
    }

    #[test]
    fn a_key_isnt_printed() {
        let identity = ClientIdentity { key_pem: b"secret".to_vec(), ..ClientIdentity::default() };
        assert_eq!(format!("{identity:?}"), "ClientIdentity { domains: [], .. }");
    }
}
