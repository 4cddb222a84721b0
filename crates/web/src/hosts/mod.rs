//! k6's options `hosts`, `blockHostnames` and `blacklistIPs` as matchers.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// An entry of one of the three options that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// Not a name, `*`, or `*` and the end of a name.
    #[error("{0:?} is no host name; a name may begin with * and have letters, digits, - and . after that")]
    Name(String),
    /// The port after a name or an address.
    #[error("the port of {0:?} is no number from 1 to 65535")]
    Port(String),
    /// Not an address with or without a port.
    #[error("{0:?} is no IP address; write 10.1.2.3, 10.1.2.3:8080, ::1 or [::1]:8080")]
    Address(String),
    /// Neither an address nor a network.
    #[error("{0:?} is no IP address and no network; write 10.1.2.3 or 10.0.0.0/8")]
    Network(String),
}

/// Names that have other addresses than the resolver says: the option `hosts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostMap {
    with_port: HashMap<u16, Names<Destination>>,
    any_port: Names<Destination>,
}

/// Where a name leads: to an address, and perhaps to another port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Destination {
    address: IpAddr,
    port: Option<u16>,
}

impl HostMap {
    /// Adds `name[:port]` or `*.suffix[:port]` with its `address[:port]`; the last of two equal names counts.
    ///
    /// # Errors
    /// When one of them has another form.
    pub fn insert(&mut self, pattern: &str, destination: &str) -> Result<(), HostsError> {
        let (name, port) = split_port(pattern)?;
        let name = Pattern::parse(name).ok_or_else(|| HostsError::Name(pattern.to_owned()))?;
        let destination = Destination::parse(destination)?;
        let names = match port {
            Some(port) => self.with_port.entry(port).or_default(),
            None => &mut self.any_port,
        };
        names.insert(name, destination);
        Ok(())
    }

    /// Where connections for this host and port go, if it isn't for the resolver to say. An entry with this port goes
    /// before those without, a name before a `*`, and a longer suffix before a shorter one.
    #[must_use]
    pub fn find(&self, host: &str, port: u16) -> Option<SocketAddr> {
        if self.is_empty() {
            return None;
        }
        let host = canonical(host);
        let with_port = self.with_port.get(&port).and_then(|names| names.find(&host));
        let destination = with_port.or_else(|| self.any_port.find(&host))?;
        Some(SocketAddr::new(destination.address, destination.port.unwrap_or(port)))
    }

    /// Whether it says nothing about any name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.with_port.is_empty() && self.any_port.is_empty()
    }
}

impl Destination {
    fn parse(text: &str) -> Result<Self, HostsError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self { address, port: None });
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => Err(HostsError::Port(text.to_owned())),
            Ok(address) => Ok(Self { address: address.ip(), port: Some(address.port()) }),
            Err(_) => match text.rsplit_once(':') {
                Some((address, _)) if address.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => {
                    Err(HostsError::Port(text.to_owned()))
                }
                _ => Err(HostsError::Address(text.to_owned())),
            },
        }
    }
}

/// Names that mustn't be reached: the option `blockHostnames`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedNames(Names<()>);

impl BlockedNames {
    /// Adds a name; `*` at its beginning stands for anything, also for nothing.
    ///
    /// # Errors
    /// When it is no name.
    pub fn insert(&mut self, pattern: &str) -> Result<(), HostsError> {
        let name = Pattern::parse(pattern).ok_or_else(|| HostsError::Name(pattern.to_owned()))?;
        self.0.insert(name, ());
        Ok(())
    }

    /// Whether this host is one of them.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        !self.0.is_empty() && self.0.find(&canonical(host)).is_some()
    }
}

/// Addresses that mustn't be reached: the option `blacklistIPs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedAddresses(Vec<IpNet>);

impl BlockedAddresses {
    /// Adds an address, or a network in CIDR notation.
    ///
    /// # Errors
    /// When it is neither.
    pub fn insert(&mut self, text: &str) -> Result<(), HostsError> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| HostsError::Network(text.to_owned()))?,
        };
        self.0.push(as_v4(network));
        Ok(())
    }

    /// Whether this address is one of them. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A network within `::ffff:0:0/96` as the IPv4 network that it is.
fn as_v4(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS)),
        IpNet::V4(_) => None,
    };
    mapped.and_then(|(address, length)| IpNet::new(address.into(), length).ok()).unwrap_or(network)
}

/// A name, or the end of names.
enum Pattern {
    Exact(String),
    Suffix(String),
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (rest, is_suffix) = text.strip_prefix('*').map_or((text, false), |rest| (rest, true));
        let name = canonical(rest);
        let is_address = name.parse::<IpAddr>().is_ok();
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if name.is_empty() && !is_suffix || !is_address && !name.bytes().all(is_valid) {
            return None;
        }
        let labels = name.strip_prefix('.').filter(|_| is_suffix).unwrap_or(&name);
        if !labels.is_empty() && labels.split('.').any(str::is_empty) {
            return None;
        }
        Some(if is_suffix { Self::Suffix(name) } else { Self::Exact(name) })
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

    fn insert(&mut self, pattern: Pattern, value: T) {
        match pattern {
            Pattern::Exact(name) => {
                self.exact.insert(name, value);
            }
            Pattern::Suffix(suffix) => {
                self.suffixes.retain(|(known, _)| *known != suffix);
                let at = self.suffixes.partition_point(|(known, _)| known.len() >= suffix.len());
                self.suffixes.insert(at, (suffix, value));
            }
        }
    }

    /// `host` is canonical.
    fn find(&self, host: &str) -> Option<&T> {
        self.exact
            .get(host)
            .or_else(|| self.suffixes.iter().find(|(suffix, _)| host.ends_with(suffix)).map(|(_, value)| value))
    }
}

/// Lower case, without a trailing dot and an IPv6 address's brackets.
fn canonical(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

/// `name:port` in two; an IPv6 address with a port is in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), HostsError> {
    let is_v6 = text.parse::<std::net::Ipv6Addr>().is_ok() || text.ends_with(']');
    match text.rsplit_once(':').filter(|_| !is_v6) {
        None => Ok((text, None)),
        Some((name, port)) => match port.parse() {
            Ok(number) if number != 0 => Ok((name, Some(number))),
            _ => Err(HostsError::Port(text.to_owned())),
        },
    }
}
