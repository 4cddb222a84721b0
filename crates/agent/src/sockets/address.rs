//! Where a script's sockets go: a host and a port.

use std::net::IpAddr;

/// A host, without brackets, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// Reads `HOST:PORT`.
    ///
    /// # Errors
    /// What is wrong with it, for whoever wrote it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("invalid address {text:?}: {why}; HOST:PORT is expected, as in example.com:6379 or [::1]:53")
        };
        if text.contains("://") {
            return Err(wrong("it is a URL"));
        }
        let Some((host, port)) = text.rsplit_once(':') else { return Err(wrong("it has no port")) };
        let port: u16 = port.parse().map_err(|_| wrong("its port is no number from 1 to 65535"))?;
        if port == 0 {
            return Err(wrong("its port is no number from 1 to 65535"));
        }
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(host)) if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => host,
            Some(_) => return Err(wrong("what stands in brackets is no IPv6 address")),
            None if host.contains(':') => return Err(wrong("an IPv6 address stands in brackets")),
            None => host,
        };
        let is_of_a_name = |character: char| character.is_alphanumeric() || "-._".contains(character);
        if host.is_empty() || (!host.contains(':') && !host.chars().all(is_of_a_name)) {
            return Err(wrong("its host is no name and no address"));
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (text, host, port) in [
            ("h:1", "h", 1),
            ("Redis.example:6379", "redis.example", 6379),
            ("[::1]:53", "::1", 53),
            ("10.0.0.1:65535", "10.0.0.1", 65_535),
        ] {
            assert_eq!(Address::parse(text), Ok(Address { host: host.into(), port }), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_the_reason() {
        for (text, why) in [
            ("", "no port"),
            ("h", "no port"),
            ("h:", "its port"),
            ("h:0", "its port"),
            ("h:65536", "its port"),
            (":1", "its host"),
            ("a b:1", "its host"),
            ("u@h:1", "its host"),
            ("::1:53", "in brackets"),
            ("[h]:1", "in brackets"),
            ("[::1:53", "in brackets"),
            ("http://h:1", "a URL"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(why) && error.contains("HOST:PORT"), "{text}: {error}");
        }
    }
}
