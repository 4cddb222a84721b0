//! What the options say about names and TLS, in the transport's words.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use throng_plan::{AllowedTargets, DnsOptions, DnsPolicy, DnsSelect, HostRules, TlsOptions, TlsVersion};
use throng_transport::tls::{ClientIdentity, TlsClient, TlsConfigError};
use throng_transport::{NameOptions, NamePolicy, NameRules, NameSelect, tls};

/// How names are looked up.
pub(crate) fn name_options(dns: DnsOptions, seed: u64) -> NameOptions {
    NameOptions {
        ttl: dns.ttl.unwrap_or(Duration::MAX),
        select: match dns.select {
            DnsSelect::First => NameSelect::First,
            DnsSelect::Random => NameSelect::Random,
            DnsSelect::RoundRobin => NameSelect::RoundRobin,
        },
        policy: match dns.policy {
            DnsPolicy::PreferIpv4 => NamePolicy::PreferIpv4,
            DnsPolicy::PreferIpv6 => NamePolicy::PreferIpv6,
            DnsPolicy::OnlyIpv4 => NamePolicy::OnlyIpv4,
            DnsPolicy::OnlyIpv6 => NamePolicy::OnlyIpv6,
            DnsPolicy::Any => NamePolicy::Any,
        },
        seed,
    }
}

/// Targets that somebody lets connections go to, and no others.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Who, for people: `the cluster`.
    pub by: &'static str,
    /// Which.
    pub targets: AllowedTargets,
}

/// The rules of a run, as connections ask them.
#[derive(Debug)]
pub(crate) struct RunRules {
    /// Its options.
    pub(crate) hosts: Arc<HostRules>,
    /// What isn't for the run to say; each has to allow a connection.
    pub(crate) allowances: Arc<[Allowance]>,
}

impl NameRules for RunRules {
    fn blocked(&self, host: &str) -> Option<String> {
        self.hosts.blocked(host).map(ToString::to_string)
    }

    fn overridden(&self, host: &str, port: u16) -> Option<SocketAddr> {
        self.hosts.mapped(host, port)
    }

    fn blacklisted(&self, address: IpAddr) -> Option<String> {
        self.hosts.blacklisted(address).map(|network| network.to_string())
    }

    fn not_allowed(&self, host: Option<&str>, address: IpAddr) -> Option<String> {
        let refusing = self.allowances.iter().find(|allowance| !allowance.targets.allow(host, address))?;
        Some(format!("{} allows: {}", refusing.by, refusing.targets))
    }
}

/// The one TLS client of a run.
pub(crate) fn tls_client(options: &TlsOptions, key_log: Option<PathBuf>) -> Result<TlsClient, TlsConfigError> {
    let version = |version| match version {
        TlsVersion::Tls12 => tls::TlsVersion::Tls12,
        TlsVersion::Tls13 => tls::TlsVersion::Tls13,
    };
    let suites = options.cipher_suites.iter().flatten();
    let identities = options.client_certificates.iter().map(|known| ClientIdentity {
        domains: known.domains.iter().map(|domain| domain.as_str().to_owned()).collect(),
        certificate_pem: known.certificate.clone().into_bytes(),
        key_pem: known.key.0.clone().into_bytes(),
    });
    TlsClient::new(&tls::TlsOptions {
        version_min: Some(version(options.min)),
        version_max: Some(version(options.max)),
        cipher_suites: suites.map(|suite| suite.name().to_owned()).collect(),
        skip_verify: options.insecure_skip_verify,
        authorities_pem: options.ca_certificates.iter().map(|pem| pem.clone().into_bytes()).collect(),
        identities: identities.collect(),
        key_log,
    })
}
