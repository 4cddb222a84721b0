//! What a certificate says.

use std::net::IpAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{ASN1Time, X509Certificate};

use crate::role::Holder;

const DAY_SECONDS: i64 = 86_400;

/// Why a file holds no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It can't be read.
    #[error("{path} can't be read")]
    Unreadable {
        /// The file.
        path: String,
        /// What the kernel says.
        #[source]
        source: std::io::Error,
    },
    /// It isn't one.
    #[error("{path} holds no certificate in PEM: {why}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// What a certificate says. Whether it is true, only a chain to an authority tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is; none if it isn't one of throng's.
    pub holder: Option<Holder>,
    /// Whether it signs others.
    pub is_authority: bool,
    /// Its own name, as directories write it.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Names and addresses of a server.
    pub hosts: Vec<String>,
    /// From when on it is valid, in seconds since 1970-01-01 UTC.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// SHA-256 of all of it, in hexadecimal.
    pub fingerprint: String,
}

impl Certificate {
    /// From its DER encoding.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let (_, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
        let (holder, hosts) = names(&parsed)?;
        Ok(Self {
            holder,
            is_authority: parsed.is_ca(),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            hosts,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            fingerprint: Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// The first one of a file in PEM.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(path: &Path) -> Result<Self, CertificateError> {
        let name = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|source| CertificateError::Unreadable { path: name.clone(), source })?;
        let malformed = |why: String| CertificateError::Malformed { path: name.clone(), why };
        let der = CertificateDer::from_pem_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        Self::from_der(&der).map_err(malformed)
    }

    /// What is wrong with its time at that one, in seconds since 1970-01-01 UTC, with the remedy.
    #[must_use]
    pub fn wrong_time(&self, now: i64) -> Option<String> {
        let clock = date(now);
        if now > self.not_after {
            let end = date(self.not_after);
            return Some(format!(
                "has expired: it was valid until {end}, and this machine's clock says {clock}; issue a new one by \
                 `throng certs issue`, or set the clock"
            ));
        }
        (now < self.not_before).then(|| {
            format!(
                "isn't valid yet: it is from {} on, and this machine's clock says {clock}; set the clock of this \
                 machine, or of the one that issued it",
                date(self.not_before)
            )
        })
    }

    /// Full days until it expires; fewer than none when it has.
    #[must_use]
    pub fn days_left(&self, now: i64) -> i64 {
        (self.not_after - now).div_euclid(DAY_SECONDS)
    }
}

/// The holder, and names of servers.
fn names(parsed: &X509Certificate<'_>) -> Result<(Option<Holder>, Vec<String>), String> {
    let names = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
    let (mut holder, mut hosts) = (None, Vec::new());
    for name in names.into_iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => hosts.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => hosts.extend(address(bytes).map(|address| address.to_string())),
            GeneralName::URI(uri) => match (Holder::from_uri(uri), &holder) {
                (Some(_), Some(_)) => return Err("it has more than one holder".to_owned()),
                (Some(found), None) => holder = Some(found),
                (None, _) => {}
            },
            _ => {}
        }
    }
    Ok((holder, hosts))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Seconds since 1970-01-01 UTC, now.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// An instant for people.
#[must_use]
pub fn date(seconds: i64) -> String {
    let Ok(time) = ASN1Time::from_timestamp(seconds) else { return format!("{seconds} s since 1970") };
    let time = time.to_datetime();
    let month = u8::from(time.month());
    format!("{}-{month:02}-{:02} {:02}:{:02} UTC", time.year(), time.day(), time.hour(), time.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_for_people() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(1_772_323_199), "2026-02-28 23:59 UTC");
    }

    #[test]
    fn what_is_no_certificate_is_told() {
        assert!(Certificate::from_der(b"").is_err());
        assert!(Certificate::from_der(&[0x30; 64]).is_err());
        let error = Certificate::read(Path::new("/nowhere.pem")).unwrap_err().to_string();
        assert!(error.contains("/nowhere.pem"), "{error}");
        assert!(Certificate::read(Path::new("/dev/null")).unwrap_err().to_string().contains("no certificate in PEM"));
    }
}
