//! The tags that throng sets on samples itself.

/// A tag that throng sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SystemTag {
    /// Protocol, for example `HTTP/1.1`.
    Proto,
    /// WebSocket sub-protocol.
    Subproto,
    /// Status of the response.
    Status,
    /// Method of the request.
    Method,
    /// URL of the request, or its `name`.
    Url,
    /// Name of the request.
    Name,
    /// Path of the group.
    Group,
    /// Name of the check.
    Check,
    /// Text of the error.
    Error,
    /// k6's number of the error.
    ErrorCode,
    /// TLS version.
    TlsVersion,
    /// Name of the scenario.
    Scenario,
    /// gRPC service.
    Service,
    /// Whether the response was expected.
    ExpectedResponse,
    /// Number of the VU.
    Vu,
    /// Number of the iteration.
    Iter,
    /// Address of the server.
    Ip,
    /// Status of the certificate.
    OcspStatus,
}

impl SystemTag {
    /// All of them. Those from `Vu` on are off unless asked for (k6's rule).
    pub const ALL: [Self; 18] = [
        Self::Proto,
        Self::Subproto,
        Self::Status,
        Self::Method,
        Self::Url,
        Self::Name,
        Self::Group,
        Self::Check,
        Self::Error,
        Self::ErrorCode,
        Self::TlsVersion,
        Self::Scenario,
        Self::Service,
        Self::ExpectedResponse,
        Self::Vu,
        Self::Iter,
        Self::Ip,
        Self::OcspStatus,
    ];

    /// Its key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proto => "proto",
            Self::Subproto => "subproto",
            Self::Status => "status",
            Self::Method => "method",
            Self::Url => "url",
            Self::Name => "name",
            Self::Group => "group",
            Self::Check => "check",
            Self::Error => "error",
            Self::ErrorCode => "error_code",
            Self::TlsVersion => "tls_version",
            Self::Scenario => "scenario",
            Self::Service => "service",
            Self::ExpectedResponse => "expected_response",
            Self::Vu => "vu",
            Self::Iter => "iter",
            Self::Ip => "ip",
            Self::OcspStatus => "ocsp_status",
        }
    }

    /// The tag with that key.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| tag.as_str() == key)
    }
}

/// A set of system tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemTags(u32);

impl SystemTags {
    /// No tags.
    pub const NONE: Self = Self(0);

    /// Whether the tag is set on samples.
    pub fn contains(self, tag: SystemTag) -> bool {
        self.0 & (1 << tag as u8) != 0
    }

    /// This set and one more tag.
    #[must_use]
    pub fn with(self, tag: SystemTag) -> Self {
        Self(self.0 | 1 << tag as u8)
    }
}

/// k6's default: all but `vu`, `iter`, `ip` and `ocsp_status`.
impl Default for SystemTags {
    fn default() -> Self {
        let on = SystemTag::ALL.into_iter().take(SystemTag::Vu as usize);
        on.fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_k6s() {
        let on = SystemTags::default();
        assert!(on.contains(SystemTag::Proto) && on.contains(SystemTag::ExpectedResponse));
        let off = [SystemTag::Vu, SystemTag::Iter, SystemTag::Ip, SystemTag::OcspStatus];
        assert!(off.into_iter().all(|tag| !on.contains(tag)));
    }

    #[test]
    fn keys_and_positions_agree() {
        for (place, tag) in SystemTag::ALL.into_iter().enumerate() {
            assert_eq!(tag as usize, place);
            assert_eq!(SystemTag::parse(tag.as_str()), Some(tag));
        }
        assert_eq!(SystemTag::parse("Proto"), None);
    }
}
