//! Why the other side isn't believed, or doesn't believe this one, in words that name the remedy.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use crate::certificate::{Certificate, now};

/// Why there is no connection: somebody isn't who they have to be. The text says who and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Distrust(pub(crate) String);

/// What is said of all certificates that have another authority.
const ONE_AUTHORITY: &str =
    "all certificates of a group come from one `throng certs init`, and --cluster-ca is its ca.pem";

/// A side of a handshake, as far as it is known.
pub(crate) struct Side<'a> {
    /// Who is on the other side, as far as one knows: an address, or somebody.
    pub(crate) other: &'a str,
    /// What certificate it has shown.
    pub(crate) shown: Option<&'a Certificate>,
    /// This side's own certificate, and where it is.
    pub(crate) own: Option<(&'a str, &'a Certificate)>,
}

impl Distrust {
    /// That of an error, or of one of those that led to it.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = inner.and_then(|inner| Self::find(inner)) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// That of a coordinator which takes nobody without certificates, by one who has none.
    #[must_use]
    pub fn no_certificates(address: &str) -> Self {
        Self(format!(
            "{address} takes nobody without certificates: give --cluster-ca, --cluster-cert and --cluster-key"
        ))
    }

    /// As an error of a connection.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, self)
    }

    /// What an error of a handshake says, if that is about trust.
    pub(crate) fn of(error: &io::Error, side: &Side<'_>) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        let other = match side.shown.and_then(|shown| shown.holder.as_ref()) {
            Some(holder) => format!("{} ({holder})", side.other),
            None => side.other.to_owned(),
        };
        let text = match error {
            Error::InvalidCertificate(error) => of_certificate(error, &other, side.shown),
            Error::AlertReceived(alert) => of_alert(*alert, &other, side.own)?,
            Error::NoCertificatesPresented => {
                format!("{other} shows no certificate: give it --cluster-cert and --cluster-key")
            }
            Error::InvalidMessage(InvalidMessage::InvalidContentType) | Error::PeerIncompatible(_) => {
                format!(
                    "{other} doesn't speak throng's TLS: start it with --cluster-ca, --cluster-cert and --cluster-key"
                )
            }
            other_error => format!("TLS with {other} fails: {other_error}"),
        };
        Some(Self(text))
    }
}

fn of_certificate(error: &CertificateError, other: &str, shown: Option<&Certificate>) -> String {
    let because = match error {
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            let issuer = shown.map_or("another authority", |shown| &shown.issuer);
            format!("is by {issuer}, which isn't the authority of --cluster-ca: {ONE_AUTHORITY}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let hosts = shown.map(|shown| shown.hosts.join(", ")).filter(|hosts| !hosts.is_empty());
            let hosts = hosts.unwrap_or_else(|| "no host".to_owned());
            format!("is for {hosts}, and not for this address: issue one that has it as a --host")
        }
        CertificateError::ApplicationVerificationFailure
        | CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. } => match shown.and_then(|shown| shown.holder.as_ref()) {
            Some(holder) => {
                format!(
                    "has the role {}: a coordinator's has the role peer (`throng certs issue --role peer`)",
                    holder.role
                )
            }
            None => "says no role: use one by `throng certs issue`".to_owned(),
        },
        error => match shown.and_then(|shown| shown.wrong_time(now())) {
            Some(wrong) => wrong,
            None => format!("can't be used: {error}"),
        },
    };
    format!("the certificate of {other} {because}")
}

/// What the other side says of this one's certificate; none if it says something else.
fn of_alert(alert: AlertDescription, other: &str, own: Option<(&str, &Certificate)>) -> Option<String> {
    use AlertDescription as Alert;
    let ours = match own {
        Some((path, certificate)) => {
            let holder = certificate.holder.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("this side's certificate, {path} of {holder}")
        }
        None => "this side's certificate".to_owned(),
    };
    Some(match alert {
        Alert::CertificateRequired => format!(
            "{other} wants a certificate: give --cluster-cert and --cluster-key; a client may have a --token instead, if \
             the coordinators take any"
        ),
        Alert::CertificateExpired => {
            let until =
                own.map(|(_, own)| format!(" (valid until {})", crate::date(own.not_after))).unwrap_or_default();
            format!(
                "{other} refuses {ours}, as expired or not valid yet{until}: issue a new one by `throng certs issue`, or \
                 compare the clocks of both machines"
            )
        }
        Alert::UnknownCA | Alert::DecryptError => {
            format!("{other} refuses {ours}, since it is by another authority than its own: {ONE_AUTHORITY}")
        }
        Alert::BadCertificate => {
            format!(
                "{other} refuses {ours}, which isn't for the address that it has called: issue one with that --host"
            )
        }
        Alert::AccessDenied | Alert::UnsupportedCertificate | Alert::CertificateUnknown | Alert::CertificateRevoked => {
            format!("{other} refuses {ours}, whose role doesn't fit: issue one by `throng certs issue --role …`")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn it_is_found_within_other_errors() {
        let distrust = Distrust("no".to_owned());
        let outer = Outer(distrust.clone().into_io());
        assert_eq!(Distrust::find(&outer), Some(&distrust));
        let nested = Outer(io::Error::other(Outer(distrust.clone().into_io())));
        assert_eq!(Distrust::find(&nested), Some(&distrust));
        assert_eq!(Distrust::find(&Outer(io::Error::other("else"))), None);
    }
}
