//! The addresses that connections may come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ports::{PORT_MAX, PORT_MIN, PortShare};

/// Which of several source addresses a new connection gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BindStrategy {
    /// One after the other, those without a port left out.
    #[default]
    RoundRobin,
    /// A VU's connections all come from one: its number picks it.
    Vu,
    /// The one with the fewest connections to the destination.
    LeastUsed,
}

/// An IPv6 network too large to be listed: each connection comes from an address of its own in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawnNetwork {
    /// Its first address.
    pub network: Ipv6Addr,
    /// Bits that all of its addresses share.
    pub prefix: u8,
}

impl DrawnNetwork {
    /// Whether the address is one of its.
    #[must_use]
    pub fn contains(self, address: Ipv6Addr) -> bool {
        let hosts = u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        address.to_bits() & !hosts == self.network.to_bits()
    }

    /// The address of `random`'s low bits; never the network's first, which means any router of it.
    pub(super) fn address(self, random: u128) -> Ipv6Addr {
        let hosts = u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        let host = (random & hosts).max(1);
        Ipv6Addr::from_bits(self.network.to_bits() & !hosts | host)
    }
}

/// The addresses and ports that connections may come from. No address at all means the one that the kernel would choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddresses {
    /// By IPv4.
    pub v4: Vec<Ipv4Addr>,
    /// By IPv6.
    pub v6: Vec<Ipv6Addr>,
    /// By IPv6, drawn from networks.
    pub drawn: Vec<DrawnNetwork>,
    /// Which one is next.
    pub strategy: BindStrategy,
    /// Whether they may be addresses that no interface has (IP_FREEBIND).
    pub freebind: bool,
    /// The lowest port and the highest.
    pub ports: (u16, u16),
}

impl Default for SourceAddresses {
    fn default() -> Self {
        Self {
            v4: Vec::new(),
            v6: Vec::new(),
            drawn: Vec::new(),
            strategy: BindStrategy::default(),
            freebind: false,
            ports: (PORT_MIN, PORT_MAX),
        }
    }
}

impl SourceAddresses {
    /// Whether the kernel's choice is to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty() && self.drawn.is_empty()
    }

    /// Addresses that are listed one by one.
    pub fn listed(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.v4.iter().copied().map(IpAddr::V4);
        v4.chain(self.v6.iter().copied().map(IpAddr::V6))
    }

    /// The ports of shard `index` of `of`, begun at the `first`th.
    #[must_use]
    pub fn port_share(&self, index: u16, of: u16, first: u32) -> PortShare {
        let (lowest, highest) = self.ports;
        PortShare { lowest, highest, index, of: of.max(1), first }
    }

    /// How many addresses there are to connect from by IPv4, or by IPv6; none if there is no end of them.
    #[must_use]
    pub fn count(&self, is_v4: bool) -> Option<usize> {
        match is_v4 {
            true => Some(self.v4.len()),
            false => self.drawn.is_empty().then_some(self.v6.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_addresses_stay_in_their_network() {
        let network = DrawnNetwork { network: "2001:db8:1:2::".parse().unwrap(), prefix: 64 };
        assert_eq!(network.address(u128::MAX), "2001:db8:1:2:ffff:ffff:ffff:ffff".parse::<Ipv6Addr>().unwrap());
        assert_eq!(network.address(1 << 64), "2001:db8:1:2::1".parse::<Ipv6Addr>().unwrap());
        let all = DrawnNetwork { network: Ipv6Addr::UNSPECIFIED, prefix: 0 };
        assert_eq!(all.address(7 << 100).to_bits(), 7 << 100);
    }
}
