//! Where a cluster, or an agent, lets connections go.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::host_pattern::{HostPattern, HostPatternError};

/// Entries of a list.
pub const ALLOWED_TARGETS_MAX: usize = 1_000;
/// Entries that a text names.
const SHOWN_MAX: usize = 5;

/// Why a text isn't a list of targets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedTargetsError {
    /// An entry that is neither a name nor a network.
    #[error("`{0}` is neither a host name (`example.com`, `*.example.com`) nor an address or a network (`10.0.0.0/8`)")]
    Entry(String, #[source] HostPatternError),
    /// None or too many.
    #[error("there are {0} entries; it has to be 1 to {ALLOWED_TARGETS_MAX}")]
    Count(usize),
}

/// A list of host names and networks that connections may go to; to all others they may not.
///
/// A connection may be made if the host's name is in the list, whatever address it has, or if the address is. A name that
/// the test itself leads to an address (`hosts`) doesn't count: what is allowed isn't for the test to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTargets {
    entries: Vec<String>,
    names: Vec<HostPattern>,
    networks: Vec<IpNet>,
}

impl AllowedTargets {
    /// Reads entries: `example.com`, `*.example.com`, `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
    ///
    /// # Errors
    ///
    /// When one is none of these, or there is none.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, AllowedTargetsError> {
        let mut read = Self { entries: Vec::new(), names: Vec::new(), networks: Vec::new() };
        for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
            let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) => read.networks.push(network),
                Err(_) => {
                    let wrong = |error| AllowedTargetsError::Entry(entry.to_owned(), error);
                    read.names.push(HostPattern::parse(entry).map_err(wrong)?);
                }
            }
            read.entries.push(entry.to_ascii_lowercase());
        }
        match read.entries.len() {
            1..=ALLOWED_TARGETS_MAX => Ok(read),
            count => Err(AllowedTargetsError::Count(count)),
        }
    }

    /// The entries, as they were given.
    pub fn entries(&self) -> &[String] {
        &self.entries
    }

    /// Whether a connection may be made to this address, which this name was looked up for, if any was.
    pub fn allow(&self, name: Option<&str>, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let by_name = |name: &str| {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            self.names.iter().any(|pattern| match pattern.as_str().strip_prefix('*') {
                Some(suffix) => name.ends_with(suffix),
                None => name == pattern.as_str(),
            })
        };
        self.networks.iter().any(|network| network.contains(&address)) || name.is_some_and(by_name)
    }
}

impl fmt::Display for AllowedTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.entries[..self.entries.len().min(SHOWN_MAX)].join(", "))?;
        match self.entries.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(entries: &[&str], name: Option<&str>, address: &str) -> bool {
        AllowedTargets::parse(entries.iter().copied()).unwrap().allow(name, address.parse().unwrap())
    }

    #[test]
    fn a_name_or_an_address_of_the_list_is_enough() {
        let list = ["shop.example", "*.test.example", "10.0.0.0/8", "192.0.2.7", "fd00::/8"];
        for (name, address) in [
            (Some("shop.example"), "203.0.113.1"),
            (Some("SHOP.example."), "203.0.113.1"),
            (Some("a.b.test.example"), "203.0.113.1"),
            (Some("other.example"), "10.9.9.9"),
            (None, "10.0.0.1"),
            (None, "192.0.2.7"),
            (None, "fd00::1"),
            (None, "::ffff:10.0.0.1"),
        ] {
            assert!(allow(&list, name, address), "{name:?} {address}");
        }
        for (name, address) in [
            (Some("test.example"), "203.0.113.1"),
            (Some("notshop.example"), "203.0.113.1"),
            (Some("shop.example.evil"), "203.0.113.1"),
            (None, "192.0.2.8"),
            (None, "fe80::1"),
        ] {
            assert!(!allow(&list, name, address), "{name:?} {address}");
        }
    }

    #[test]
    fn other_entries_are_told() {
        for wrong in ["http://a", "a:80", "10.0.0.0/99", "a.*"] {
            let error = AllowedTargets::parse([wrong]).unwrap_err();
            assert!(matches!(&error, AllowedTargetsError::Entry(entry, _) if entry == wrong), "{error}");
        }
        assert_eq!(AllowedTargets::parse([" "]), Err(AllowedTargetsError::Count(0)));
        let many: Vec<String> = (0..=ALLOWED_TARGETS_MAX).map(|number| format!("a{number}")).collect();
        assert!(AllowedTargets::parse(many.iter().map(String::as_str)).is_err());
        let shown = AllowedTargets::parse(many[..7].iter().map(String::as_str)).unwrap().to_string();
        assert_eq!(shown, "a0, a1, a2, a3, a4 and 2 more");
    }
}
