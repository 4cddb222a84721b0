//! Options about hosts and addresses, ready to be asked for every connection.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::host_pattern::HostPattern;
use crate::options::{HostMapping, Rules};

/// [`Rules`] in the form in which they are quick to ask: k6's `hosts`, `blockHostnames` and `blacklistIPs`.
///
/// A name goes before a `*`, and a longer suffix before a shorter one. Names have no case, and a dot at their end means
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRules {
    to_with_port: HashMap<u16, Names<(IpAddr, Option<u16>)>>,
    to: Names<(IpAddr, Option<u16>)>,
    blocked: Names<HostPattern>,
    networks: Vec<IpNet>,
}

impl HostRules {
    /// The rules of a run. Of equal patterns the last one counts.
    pub fn new(rules: &Rules) -> Self {
        let mut built = Self { networks: rules.blocked_networks.clone(), ..Self::default() };
        for HostMapping { pattern, port, to, to_port } in &rules.hosts {
            let names = match port {
                Some(port) => built.to_with_port.entry(*port).or_default(),
                None => &mut built.to,
            };
            names.insert(pattern, (*to, *to_port));
        }
        for pattern in &rules.blocked_hostnames {
            built.blocked.insert(pattern, pattern.clone());
        }
        built
    }

    /// Where connections for this host and port go, if it isn't for the resolver to say. A mapping of this port goes
    /// before those of every port.
    pub fn mapped(&self, host: &str, port: u16) -> Option<SocketAddr> {
        if self.to.is_empty() && self.to_with_port.is_empty() {
            return None;
        }
        let host = canonical(host);
        let with_port = self.to_with_port.get(&port).and_then(|names| names.find(&host));
        let (address, to_port) = with_port.or_else(|| self.to.find(&host))?;
        Some(SocketAddr::new(*address, to_port.unwrap_or(port)))
    }

    /// The pattern that forbids this name.
    pub fn blocked(&self, host: &str) -> Option<&HostPattern> {
        if self.blocked.is_empty() { None } else { self.blocked.find(&canonical(host)) }
    }

    /// The network that forbids this address. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is IPv4.
    pub fn blacklisted(&self, address: IpAddr) -> Option<IpNet> {
        let address = address.to_canonical();
        self.networks.iter().find(|network| network.contains(&address)).copied()
    }
}

/// Values of names and of ends of names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names<T> {
    exact: HashMap<String, T>,
    /// The longest first.
    suffixes: Vec<(String, T)>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), suffixes: Vec::new() }
    }
}

impl<T> Names<T> {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.suffixes.is_empty()
    }

    fn insert(&mut self, pattern: &HostPattern, value: T) {
        match pattern.as_str().strip_prefix('*') {
            None => {
                self.exact.insert(pattern.as_str().to_owned(), value);
            }
            Some(suffix) => {
                self.suffixes.retain(|(known, _)| known != suffix);
                let at = self.suffixes.partition_point(|(known, _)| known.len() >= suffix.len());
                self.suffixes.insert(at, (suffix.to_owned(), value));
            }
        }
    }

    /// `host` is canonical.
    fn find(&self, host: &str) -> Option<&T> {
        let by_suffix = || self.suffixes.iter().find(|(suffix, _)| host.ends_with(suffix)).map(|(_, value)| value);
        self.exact.get(host).or_else(by_suffix)
    }
}

/// Lower case, without a trailing dot and an IPv6 address's brackets.
fn canonical(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
