//! TLS versions and cipher suites.

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    /// As it is written in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }
}

/// A cipher suite that throng has: those that are considered safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CipherSuite {
    name: &'static str,
    number: u16,
    version: TlsVersion,
}

/// What Go has, and so k6, and throng doesn't.
const UNSAFE: [&str; 15] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

const fn suite(name: &'static str, number: u16, version: TlsVersion) -> CipherSuite {
    CipherSuite { name, number, version }
}

impl CipherSuite {
    /// All of them, by their names and numbers at IANA.
    pub const ALL: [Self; 9] = [
        suite("TLS_AES_128_GCM_SHA256", 0x1301, TlsVersion::Tls13),
        suite("TLS_AES_256_GCM_SHA384", 0x1302, TlsVersion::Tls13),
        suite("TLS_CHACHA20_POLY1305_SHA256", 0x1303, TlsVersion::Tls13),
        suite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b, TlsVersion::Tls12),
        suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c, TlsVersion::Tls12),
        suite("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9, TlsVersion::Tls12),
        suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f, TlsVersion::Tls12),
        suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030, TlsVersion::Tls12),
        suite("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8, TlsVersion::Tls12),
    ];

    /// The suite of that name: IANA's, Go's short form without the hash, or rustls' with `TLS13_`.
    pub fn parse(name: &str) -> Option<Self> {
        let same = |suite: &Self| {
            let short = suite.name.strip_suffix("_SHA256").filter(|short| short.ends_with("_WITH_CHACHA20_POLY1305"));
            let rustls = name.strip_prefix("TLS13_").filter(|_| suite.version == TlsVersion::Tls13);
            name == suite.name || Some(name) == short || (rustls.is_some() && rustls == suite.name.strip_prefix("TLS_"))
        };
        Self::ALL.into_iter().find(same)
    }

    /// Whether it is one that k6 knows and throng refuses to have.
    pub(crate) fn is_unsafe(name: &str) -> bool {
        UNSAFE.contains(&name)
    }

    /// IANA's name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// IANA's number.
    pub fn number(self) -> u16 {
        self.number
    }

    /// The version that it belongs to.
    pub fn version(self) -> TlsVersion {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_found_by_any_of_their_names() {
        for suite in CipherSuite::ALL {
            assert_eq!(CipherSuite::parse(suite.name()), Some(suite));
            assert!(!CipherSuite::is_unsafe(suite.name()));
        }
        let number = |name| CipherSuite::parse(name).map(CipherSuite::number);
        assert_eq!(number("TLS13_AES_256_GCM_SHA384"), Some(0x1302));
        assert_eq!(number("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"), Some(0xcca8));
        assert_eq!(number("TLS_CHACHA20_POLY1305"), None);
        assert_eq!(number("TLS13_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), None);
        assert_eq!(number("TLS_RSA_WITH_AES_128_CBC_SHA"), None);
    }
}
