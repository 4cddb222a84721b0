//! Options that say where a script may connect to, and where a name leads.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::members::Members;
use super::reader::{Place, Reader, member};
use crate::host_pattern::HostPattern;

/// Where a script may connect to, and where a name leads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Names that lead to an address without being looked up, in the order given.
    pub hosts: Vec<HostMapping>,
    /// Networks that no connection goes to (`blacklistIPs`).
    pub blocked_networks: Vec<IpNet>,
    /// Names that no connection goes to (`blockHostnames`).
    pub blocked_hostnames: Vec<HostPattern>,
}

/// A name, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMapping {
    /// The names.
    pub pattern: HostPattern,
    /// The one port that it holds for; every port without.
    pub port: Option<u16>,
    /// The address.
    pub to: IpAddr,
    /// The port there; that of the URL without.
    pub to_port: Option<u16>,
}

/// What layers give of it.
#[derive(Debug, Default)]
pub(super) struct PartialRules {
    hosts: Option<Vec<HostMapping>>,
    blocked_networks: Option<Vec<IpNet>>,
    blocked_hostnames: Option<Vec<HostPattern>>,
}

impl PartialRules {
    pub(super) fn read(members: &Members<'_>, reader: &mut Reader<'_>) -> Self {
        Self {
            hosts: members.read(reader, "hosts", hosts),
            blocked_networks: members.read(reader, "blacklistIPs", |r, at| r.list(at, network)),
            blocked_hostnames: members.read(reader, "blockHostnames", |r, at| r.list(at, pattern)),
        }
    }

    pub(super) fn overlaid(self, upper: Self) -> Self {
        Self {
            hosts: upper.hosts.or(self.hosts),
            blocked_networks: upper.blocked_networks.or(self.blocked_networks),
            blocked_hostnames: upper.blocked_hostnames.or(self.blocked_hostnames),
        }
    }

    pub(super) fn into_options(self) -> Rules {
        Rules {
            hosts: self.hosts.unwrap_or_default(),
            blocked_networks: self.blocked_networks.unwrap_or_default(),
            blocked_hostnames: self.blocked_hostnames.unwrap_or_default(),
        }
    }
}

pub(super) fn pattern(reader: &mut Reader<'_>, place: Place<'_>) -> Option<HostPattern> {
    let text = reader.string(place)?;
    HostPattern::parse(&text).map_err(|error| reader.fault(place.path(), error.to_string())).ok()
}

/// A network in CIDR form, of which an address with bits beyond the prefix names the same as without (k6's rule); or
/// one address.
fn network(reader: &mut Reader<'_>, place: Place<'_>) -> Option<IpNet> {
    let text = reader.string(place)?;
    let text = text.trim();
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if network.is_none() {
        let message = format!("`{text}` isn't a network; write it like `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.1`");
        reader.fault(place.path(), message);
    }
    network.map(|network| network.trunc())
}

fn hosts(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Vec<HostMapping>> {
    let faults = reader.errors.len();
    let mut mappings = Vec::new();
    for (key, value) in reader.object(place)? {
        let path = member(place.path(), key);
        let to = host_target(reader, Place::new(value, &path));
        let from = host_source(reader, &path, key);
        if let (Some((pattern, port)), Some((to, to_port))) = (from, to) {
            mappings.push(HostMapping { pattern, port, to, to_port });
        }
    }
    (reader.errors.len() == faults).then_some(mappings)
}

/// `name`, `name:port` or `*.suffix`.
fn host_source(reader: &mut Reader<'_>, path: &str, key: &str) -> Option<(HostPattern, Option<u16>)> {
    let (name, port) = match key.rsplit_once(':') {
        None => (key, None),
        Some((name, port)) => match read_port(port) {
            Some(port) => (name, Some(port)),
            None => {
                reader.fault(path, format!("the port `{port}` isn't 1 to 65535"));
                return None;
            }
        },
    };
    let pattern = HostPattern::parse(name).map_err(|error| reader.fault(path, error.to_string())).ok()?;
    Some((pattern, port))
}

/// `address` or `address:port`; an IPv6 address with a port stands in brackets.
fn host_target(reader: &mut Reader<'_>, place: Place<'_>) -> Option<(IpAddr, Option<u16>)> {
    let text = reader.string(place)?;
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address, None));
    }
    let with_port = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    if with_port.is_none() {
        let message = format!(
            "`{text}` isn't an address; write it like `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1` or \
             `[2001:db8::1]:8080`"
        );
        reader.fault(place.path(), message);
    }
    with_port.map(|address| (address.ip(), Some(address.port())))
}

fn read_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}
