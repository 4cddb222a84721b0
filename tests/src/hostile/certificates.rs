//! Certificates, good and bad.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use super::layer::{Certificate, Tls};

/// What the plays' URLs have for a host.
const ADDRESS: &str = "127.0.0.1";

/// An authority that clients are told to trust, and one that they aren't.
pub(super) struct Authorities {
    pub(super) pem: String,
    known: Issuer<'static, KeyPair>,
    unknown: Issuer<'static, KeyPair>,
    /// The known one's own certificate, for a server that wants clients to have one by it.
    certificate: CertificateDer<'static>,
}

impl Authorities {
    pub(super) fn make() -> Result<Self> {
        let make = |name: &str| -> Result<_> {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(Vec::new())?;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.self_signed(&key)?;
            Ok((certificate, Issuer::new(params, key)))
        };
        let (certificate, known) = make("known to clients")?;
        let (_, unknown) = make("known to nobody")?;
        Ok(Self { pem: certificate.pem(), known, unknown, certificate: certificate.der().clone() })
    }

    /// A server's configuration.
    pub(super) fn configuration(&self, tls: &Tls) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(ring::default_provider());
        let versions = if tls.old { &[&TLS12] } else { &[&TLS13] };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
        let clients = if tls.wants_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone())?;
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?
        } else {
            WebPkiClientVerifier::no_client_auth()
        };
        let (chain, key) = self.issue(tls.certificate)?;
        let mut configuration = builder.with_client_cert_verifier(clients).with_single_cert(vec![chain], key)?;
        configuration.ticketer = ring::Ticketer::new()?;
        Ok(Arc::new(configuration))
    }

    fn issue(&self, certificate: Certificate) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let key = KeyPair::generate()?;
        let name = if certificate == Certificate::OtherName { "other.test" } else { ADDRESS };
        let mut params = CertificateParams::new([name.to_owned()])?;
        match certificate {
            Certificate::Expired => {
                (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }
            Certificate::NotYetValid => {
                (params.not_before, params.not_after) = (date_time_ymd(2199, 1, 1), date_time_ymd(2200, 1, 1));
            }
            _ => {}
        }
        let issued = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            Certificate::UnknownAuthority => params.signed_by(&key, &self.unknown),
            _ => params.signed_by(&key, &self.known),
        };
        let issued = issued.context("no certificate")?;
        Ok((issued.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }
}
