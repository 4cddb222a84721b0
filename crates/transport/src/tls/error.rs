//! Why TLS failed, in words that name a remedy, with k6's error codes.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::roots::RootsError;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The peer has sent no TLS record yet.
    Silence,
    Handshake,
    Traffic,
}

const RENEGOTIATION: &str =
    ": perhaps it wanted a renegotiation, which isn't made; have it ask for certificates at first, or speak TLS 1.3";

/// TLS that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// The peer speaks something else.
    #[error("the reply isn't TLS: perhaps the port speaks plain HTTP, then write http:// instead of https://")]
    NotTls,
    /// Nobody who is believed vouches for the server.
    #[error(
        "the server's certificate is signed by an unknown authority: {0}; give its authority's certificate as a CA of \
         your own, or set insecureSkipTLSVerify"
    )]
    UnknownAuthority(&'static str),
    /// The certificate is another host's.
    #[error(
        "the server's certificate is for {presented}, not for {expected}: use such a name, or set insecureSkipTLSVerify"
    )]
    WrongName {
        /// The name in the URL.
        expected: String,
        /// The names in the certificate.
        presented: String,
    },
    /// The certificate is too old.
    #[error("the server's certificate expired {ago} ago: renew it, or set insecureSkipTLSVerify")]
    Expired {
        /// How long ago.
        ago: String,
    },
    /// The certificate is too new.
    #[error(
        "the server's certificate isn't valid yet, but only in {until}: look at this machine's clock, or set \
         insecureSkipTLSVerify"
    )]
    NotYetValid {
        /// How long until then.
        until: String,
    },
    /// The certificate is wrong in another way.
    #[error("the peer's certificate can't be used: {0}; replace it, or set insecureSkipTLSVerify")]
    Certificate(String),
    /// The peer ended the connection by an alert.
    #[error("the peer refused by TLS alert {name}{remedy}")]
    Alert {
        /// Its name in RFC 8446.
        name: String,
        /// What may help, after a colon; empty if nothing is known to.
        remedy: &'static str,
    },
    /// No version or suite in common.
    #[error(
        "the peer speaks no TLS that is allowed here ({0}): allow further versions or cipher suites, or update the peer"
    )]
    Incompatible(String),
    /// The connection ended during the handshake.
    #[error("the connection ended during the TLS handshake: perhaps the peer doesn't speak TLS on this port")]
    CutOff,
    /// The connection ended without TLS's own end.
    #[error("the connection ended without TLS's close_notify: what was received may be cut short")]
    Truncated,
    /// Not a name that can be in a certificate.
    #[error("{0:?} is neither a host name nor an address for which a server could have a certificate")]
    HostName(String),
    /// No authorities to verify by.
    #[error(transparent)]
    Roots(RootsError),
    /// A record or message in pieces got too long.
    #[error("a TLS message in pieces is longer than {0} bytes")]
    MessageTooLong(usize),
    /// The peer broke the protocol.
    #[error("TLS failed: {0}")]
    Protocol(Error),
}

impl TlsError {
    /// k6's `error_code`.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::NotTls => 1301,
            Self::UnknownAuthority(_) => 1310,
            Self::WrongName { .. } => 1311,
            _ => 1300,
        }
    }

    /// From rustls's error, at this stage.
    pub(super) fn of(error: Error, stage: Stage) -> Self {
        match error {
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge
                | InvalidMessage::InvalidEmptyPayload,
            ) if stage == Stage::Silence => Self::NotTls,
            Error::InvalidCertificate(error) => Self::of_certificate(&error),
            Error::AlertReceived(alert @ AlertDescription::HandshakeFailure) if stage == Stage::Traffic => {
                Self::Alert { name: alert_name(alert), remedy: RENEGOTIATION }
            }
            Error::AlertReceived(alert) => Self::Alert { name: alert_name(alert), remedy: remedy(alert) },
            Error::PeerIncompatible(why) => Self::Incompatible(match why {
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::Tls12NotOfferedOrEnabled => "unsupported version".into(),
                PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite in common".into(),
                why => format!("{why:?}"),
            }),
            error => Self::Protocol(error),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => {
                Self::UnknownAuthority("neither this system nor the options know the one that signed it")
            }
            // As after a test's authority was made anew, perhaps with a key of another kind; or by chance, since Debian's
            // ssl-cert has the system trust one that is named after the machine.
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::UnknownAuthority("the signature isn't by the key of the known authority of that name")
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                Self::WrongName { expected: expected.to_str().into_owned(), presented: names(presented) }
            }
            CertificateError::NotValidForName => {
                Self::WrongName { expected: "this host".into(), presented: "another name".into() }
            }
            CertificateError::ExpiredContext { time, not_after } => {
                Self::Expired { ago: span(time.as_secs().saturating_sub(not_after.as_secs())) }
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotYetValid { until: span(not_before.as_secs().saturating_sub(time.as_secs())) }
            }
            // webpki's type isn't rustls's, but its name is.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Self::UnknownAuthority(
                    "it is self-signed, and an authority's own (CA:TRUE), which a server's mustn't be",
                )
            }
            error => Self::Certificate(error.to_string()),
        }
    }
}

/// rustls writes `DnsName("example.com")`.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all".into();
    }
    let bare = |name: &String| name.split_once('(').map_or(name.as_str(), |(_, rest)| rest).replace(['"', ')'], "");
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `HandshakeFailure` as RFC 8446 writes it: `handshake_failure`.
fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => return "unknown_ca".into(),
        AlertDescription::UnknownPSKIdentity => return "unknown_psk_identity".into(),
        AlertDescription::Unknown(number) => return number.to_string(),
        _ => {}
    }
    let mut name = String::new();
    for letter in format!("{alert:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn remedy(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HandshakeFailure => {
            ": no cipher suite, group or signature in common, or it wants a client's certificate (tlsAuth)"
        }
        AlertDescription::ProtocolVersion => ": it speaks none of the TLS versions that are allowed (tlsVersion)",
        AlertDescription::CertificateRequired => ": it wants a client's certificate (tlsAuth)",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => ": it doesn't take the other side's certificate",
        AlertDescription::UnrecognisedName => ": it doesn't serve a host of this name",
        AlertDescription::NoApplicationProtocol => ": it doesn't speak HTTP/1.1",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_standard() {
        assert_eq!(alert_name(AlertDescription::HandshakeFailure), "handshake_failure");
        assert_eq!(alert_name(AlertDescription::BadRecordMac), "bad_record_mac");
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::Unknown(99)), "99");
    }

    #[test]
    fn spans_are_in_the_largest_unit_that_says_enough() {
        assert_eq!(span(5), "5 seconds");
        assert_eq!(span(3_000), "50 minutes");
        assert_eq!(span(86_400), "24 hours");
        assert_eq!(span(864_000), "10 days");
    }

    #[test]
    fn a_known_authority_of_the_same_name_is_another() {
        let error = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1],
            public_key_algorithm_id: vec![2],
        };
        assert_eq!(TlsError::of(Error::InvalidCertificate(error), Stage::Handshake).code(), 1310);
    }

    #[test]
    fn what_isnt_tls_is_told_from_a_fault_in_tls() {
        let error = || Error::InvalidMessage(InvalidMessage::InvalidContentType);
        assert_eq!(TlsError::of(error(), Stage::Silence).code(), 1301);
        assert_eq!(TlsError::of(error(), Stage::Handshake).code(), 1300);
    }
}
