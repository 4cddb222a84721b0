//! Options of TLS.

use std::fmt;

use serde_json::Value;

use super::error::OptionError;
use super::fields;
use super::members::Members;
use super::partial::Given;
use super::reader::{Place, Reader, suggestion};
use super::rules::pattern;
use crate::cipher_suite::{CipherSuite, TlsVersion};
use crate::host_pattern::HostPattern;

/// How TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whether any certificate of a server is taken.
    pub insecure_skip_verify: bool,
    /// The suites that are offered; all without. Never empty. If none is of TLS 1.3, that version keeps its own, as in
    /// k6; if none is of TLS 1.2, that isn't spoken. A version between `min` and `max` is left in any case.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// The lowest version that is offered.
    pub min: TlsVersion,
    /// The highest version that is offered; not below `min`.
    pub max: TlsVersion,
    /// Certificates that clients are known by (`tlsAuth`), in the order given.
    pub client_certificates: Vec<ClientCertificate>,
    /// Certificates of authorities that are trusted besides the system's (`throng.tlsCaCertificates`): PEM texts, each
    /// with one certificate or more.
    pub ca_certificates: Vec<String>,
}

/// A certificate that a client is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain as PEM.
    pub certificate: String,
    /// The private key as PEM, encrypted if there is a password.
    pub key: Secret,
    /// What the key is encrypted with.
    pub password: Option<Secret>,
    /// The servers that it is shown to; all if empty.
    pub domains: Vec<HostPattern>,
}

/// A text that isn't printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            insecure_skip_verify: false,
            cipher_suites: None,
            min: TlsVersion::Tls12,
            max: TlsVersion::Tls13,
            client_certificates: Vec::new(),
            ca_certificates: Vec::new(),
        }
    }
}

/// What layers give of it.
#[derive(Debug, Default)]
pub(super) struct PartialTls {
    insecure_skip_verify: Option<bool>,
    cipher_suites: Option<Given<Vec<CipherSuite>>>,
    versions: Option<(TlsVersion, TlsVersion)>,
    client_certificates: Option<Vec<ClientCertificate>>,
    ca_certificates: Option<Vec<String>>,
}

impl PartialTls {
    pub(super) fn read(members: &Members<'_>, reader: &mut Reader<'_>) -> Self {
        let suites = members.read(reader, "tlsCipherSuites", cipher_suites);
        Self {
            insecure_skip_verify: members.bool(reader, "insecureSkipTLSVerify"),
            cipher_suites: suites.map(|value| reader.given("tlsCipherSuites", value)),
            versions: members.read(reader, "tlsVersion", versions),
            client_certificates: members.read(reader, "tlsAuth", |r, at| r.list(at, client_certificate)),
            ca_certificates: None,
        }
    }

    /// What stands under `throng`.
    pub(super) fn read_own(&mut self, members: &Members<'_>, reader: &mut Reader<'_>) {
        self.ca_certificates = members.read(reader, "tlsCaCertificates", |r, at| r.list(at, certificate));
    }

    pub(super) fn overlaid(self, upper: Self) -> Self {
        Self {
            insecure_skip_verify: upper.insecure_skip_verify.or(self.insecure_skip_verify),
            cipher_suites: upper.cipher_suites.or(self.cipher_suites),
            versions: upper.versions.or(self.versions),
            client_certificates: upper.client_certificates.or(self.client_certificates),
            ca_certificates: upper.ca_certificates.or(self.ca_certificates),
        }
    }

    pub(super) fn into_options(self, errors: &mut Vec<OptionError>) -> TlsOptions {
        let usual = TlsOptions::default();
        let (min, max) = self.versions.unwrap_or((usual.min, usual.max));
        if let Some(Given { value, origin }) = &self.cipher_suites
            && max == TlsVersion::Tls12
            && value.iter().all(|suite| suite.version() == TlsVersion::Tls13)
        {
            errors.push(OptionError {
                path: "tlsCipherSuites".to_owned(),
                origin: origin.clone(),
                message: format!(
                    "none of them is of {}, the highest version that `tlsVersion` allows; add one that is, or change \
                     `tlsVersion`",
                    max.as_str()
                ),
            });
        }
        TlsOptions {
            insecure_skip_verify: self.insecure_skip_verify.unwrap_or(usual.insecure_skip_verify),
            cipher_suites: self.cipher_suites.map(|given| given.value),
            min,
            max,
            client_certificates: self.client_certificates.unwrap_or_default(),
            ca_certificates: self.ca_certificates.unwrap_or_default(),
        }
    }
}

fn cipher_suites(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Vec<CipherSuite>> {
    let suites = reader.list(place, cipher_suite)?;
    if suites.is_empty() {
        reader.fault(place.path(), "may not be empty; leave it out to offer all");
        return None;
    }
    Some(suites)
}

fn cipher_suite(reader: &mut Reader<'_>, place: Place<'_>) -> Option<CipherSuite> {
    let name = reader.string(place)?;
    let suite = CipherSuite::parse(&name);
    if suite.is_none() {
        let names = CipherSuite::ALL.map(CipherSuite::name);
        let there_are = format!("; there are {}", names.join(", "));
        let message = if CipherSuite::is_unsafe(&name) {
            format!("`{name}` is no longer considered safe, and throng doesn't have it{there_are}")
        } else {
            let hint = suggestion(&name, names.into_iter()).unwrap_or(there_are);
            format!("there is no cipher suite `{name}`{hint}")
        };
        reader.fault(place.path(), message);
    }
    suite
}

/// One version, or an object with the lowest and the highest.
fn versions(reader: &mut Reader<'_>, place: Place<'_>) -> Option<(TlsVersion, TlsVersion)> {
    let object = match place.value {
        Value::String(_) => return version(reader, place).map(|version| (version, version)),
        Value::Object(object) => object,
        _ => return reader.wrong_type(place, "\"tls1.2\", \"tls1.3\", or an object with `min` and `max`"),
    };
    let faults = reader.errors.len();
    reader.check_keys((place.path(), "`tlsVersion`"), object, &fields::TLS_VERSION, &[]);
    let members = Members { object, path: place.path() };
    let min = members.read(reader, "min", version);
    let max = members.read(reader, "max", version);
    let usual = TlsOptions::default();
    let (min, max) = (min.unwrap_or(usual.min), max.unwrap_or(usual.max));
    if min > max {
        let message = format!("`min`, {}, is above `max`, {}", min.as_str(), max.as_str());
        reader.fault(place.path(), message);
    }
    (reader.errors.len() == faults).then_some((min, max))
}

fn version(reader: &mut Reader<'_>, place: Place<'_>) -> Option<TlsVersion> {
    if let Some(old @ ("ssl3.0" | "tls1.0" | "tls1.1")) = place.value.as_str() {
        let message =
            format!("`{old}` is no longer considered safe, and throng doesn't speak it; use \"tls1.2\" or \"tls1.3\"");
        reader.fault(place.path(), message);
        return None;
    }
    reader.word(place, &[TlsVersion::Tls12, TlsVersion::Tls13].map(|version| (version.as_str(), version)))
}

fn client_certificate(reader: &mut Reader<'_>, place: Place<'_>) -> Option<ClientCertificate> {
    let faults = reader.errors.len();
    let object = reader.object(place)?;
    reader.check_keys((place.path(), "`tlsAuth`"), object, &fields::TLS_AUTH, &[]);
    let members = Members { object, path: place.path() };
    members.require(reader, "cert", ": the certificate as PEM");
    members.require(reader, "key", ": the private key as PEM");
    let chain = members.read(reader, "cert", certificate);
    let key = members.read(reader, "key", private_key);
    let password = members.string(reader, "password");
    let domains = members.read(reader, "domains", |r, at| r.list(at, pattern));
    let is_encrypted = key.as_ref().is_some_and(|key| key.contains("ENCRYPTED"));
    if is_encrypted && password.as_deref().unwrap_or_default().is_empty() {
        reader.fault(&members.path_of("password"), "is required: the key is encrypted");
    }
    if reader.errors.len() > faults {
        return None;
    }
    Some(ClientCertificate {
        certificate: chain?,
        key: Secret(key?),
        password: password.filter(|password| !password.is_empty()).map(Secret),
        domains: domains.unwrap_or_default(),
    })
}

fn certificate(reader: &mut Reader<'_>, place: Place<'_>) -> Option<String> {
    pem(reader, place, "CERTIFICATE-----", "certificate")
}

fn private_key(reader: &mut Reader<'_>, place: Place<'_>) -> Option<String> {
    pem(reader, place, "PRIVATE KEY-----", "private key")
}

/// A text with a PEM block of a kind. What the block holds is looked at by those who use it.
fn pem(reader: &mut Reader<'_>, place: Place<'_>, label_end: &str, what: &str) -> Option<String> {
    // The text itself never stands in a message: it may be a key.
    let Some(text) = place.value.as_str() else {
        return reader.wrong_type(place, "a PEM text");
    };
    let begins = |line: &str| line.trim().strip_prefix("-----BEGIN ").is_some_and(|rest| rest.ends_with(label_end));
    if !text.lines().any(begins) {
        let message = format!("holds no {what} in PEM form; give the content of the file, not its name");
        reader.fault(place.path(), message);
        return None;
    }
    Some(text.to_owned())
}
