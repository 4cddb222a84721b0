//! Which source address and port the next connection to a destination gets.
//!
//! The kernel's own choice gets 10 to 60 times dearer once half of its port range to one destination is in use; an
//! explicit port with SO_REUSEADDR stays flat. So each shard owns a share of the ports and hands them out itself: per
//! destination, O(1), the one that was given back longest ago first, so that one in TIME_WAIT has had its rest.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The lowest port that needs no privilege.
pub const PORT_MIN: u16 = 1024;
/// The highest port.
pub const PORT_MAX: u16 = 65_535;

/// The part of all source ports that belongs to one shard: every `of`th from the `index`th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortShare {
    /// Lowest port, inclusive.
    pub lowest: u16,
    /// Highest port, inclusive.
    pub highest: u16,
    /// This shard's number, from 0.
    pub index: u16,
    /// How many shards share the ports.
    pub of: u16,
    /// Where handing out begins, counted in this share's ports. A program that always began at the same one would find
    /// the ports of its last run resting in TIME_WAIT.
    pub first: u32,
}

impl PortShare {
    /// The share of shard `index` of `of` in all unprivileged ports, begun at the `first`th.
    #[must_use]
    pub fn of_all(index: u16, of: u16, first: u32) -> Self {
        Self { lowest: PORT_MIN, highest: PORT_MAX, index, of: of.max(1), first }
    }

    /// How many ports it has.
    #[must_use]
    pub fn len(&self) -> u32 {
        let all = (u32::from(self.highest) + 1).saturating_sub(u32::from(self.lowest));
        (all + u32::from(self.of) - 1).saturating_sub(u32::from(self.index)) / u32::from(self.of)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `n`th port in the order of handing out; `n` is below [`len`](Self::len).
    fn port(&self, n: u32) -> u16 {
        let n = ((u64::from(n) + u64::from(self.first)) % u64::from(self.len())) as u32;
        (u32::from(self.lowest) + u32::from(self.index) + n * u32::from(self.of)) as u16
    }
}

/// Why no source could be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Every port of every address is in use for this destination.
    #[error(
        "no source port is left for {destination}: this shard's {addresses} address(es) x {ports} ports are all in \
         use or resting in TIME_WAIT; use fewer connections, or re-use them"
    )]
    Exhausted {
        /// Where to.
        destination: SocketAddr,
        /// Source addresses.
        addresses: usize,
        /// Ports of each.
        ports: u32,
    },
    /// No address of this machine reaches the destination.
    #[error("no route to {destination}: {source}")]
    Unreachable {
        /// Where to.
        destination: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A source address and port in use for one destination. Goes back by [`Sources::give_back`].
#[derive(Debug, PartialEq, Eq)]
pub struct SourceTicket {
    destination: SocketAddr,
    address: SocketAddr,
}

impl SourceTicket {
    /// Where the connection goes.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// The address and port to bind to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The sources of one shard.
#[derive(Debug)]
pub struct Sources {
    ports: PortShare,
    destinations: HashMap<SocketAddr, Destination>,
}

/// One destination's ports: those never used yet, then those given back.
#[derive(Debug)]
struct Destination {
    address: IpAddr,
    next_fresh: u32,
    returned: VecDeque<u16>,
}

impl Sources {
    /// Hands out the ports of `ports`.
    #[must_use]
    pub fn new(ports: PortShare) -> Self {
        Self { ports, destinations: HashMap::new() }
    }

    /// Ports that one address has here.
    #[must_use]
    pub fn ports_per_address(&self) -> u32 {
        self.ports.len()
    }

    /// Takes a source for a connection to `destination`.
    ///
    /// # Errors
    /// When none is left, or no address reaches the destination.
    pub fn take(&mut self, destination: SocketAddr) -> Result<SourceTicket, SourceError> {
        let ports = self.ports;
        let known = match self.destinations.entry(destination) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let address =
                    local_address(destination).map_err(|source| SourceError::Unreachable { destination, source })?;
                entry.insert(Destination { address, next_fresh: 0, returned: VecDeque::new() })
            }
        };
        let port = loop {
            if known.next_fresh < ports.len() {
                known.next_fresh += 1;
                let port = ports.port(known.next_fresh - 1);
                // A connection from a port to itself would succeed, and talk to itself.
                if known.address == destination.ip() && port == destination.port() {
                    continue;
                }
                break Some(port);
            }
            break known.returned.pop_front();
        };
        let port = port.ok_or(SourceError::Exhausted { destination, addresses: 1, ports: ports.len() })?;
        Ok(SourceTicket { destination, address: SocketAddr::new(known.address, port) })
    }

    /// Gives a source back once its socket is closed, or when it turned out to be taken by another program.
    pub fn give_back(&mut self, ticket: SourceTicket) {
        if let Some(destination) = self.destinations.get_mut(&ticket.destination) {
            destination.returned.push_back(ticket.address.port());
        }
    }
}

/// The address that the kernel would send from: asked of a UDP socket, which sends nothing.
fn local_address(destination: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if destination.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(destination)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    proptest! {
        #[test]
        fn shares_of_all_shards_cover_each_port_once(of in 1u16..9, low in 1024u16..60_000, span in 0u16..600) {
            let mut seen = HashSet::new();
            for index in 0..of {
                let share = PortShare { lowest: low, highest: low + span, index, of, first: 7 };
                for n in 0..share.len() {
                    let port = share.port(n);
                    prop_assert!((low..=low + span).contains(&port));
                    prop_assert!(seen.insert(port), "{port} twice");
                }
            }
            prop_assert_eq!(seen.len(), usize::from(span) + 1);
        }
    }

    #[test]
    fn the_port_given_back_longest_ago_comes_first() {
        let mut sources = Sources::new(PortShare { lowest: 40_000, highest: 40_002, index: 0, of: 1, first: 0 });
        let mut tickets: Vec<_> = (0..3).map(|_| sources.take(loopback(80)).unwrap()).collect();
        assert!(matches!(sources.take(loopback(80)), Err(SourceError::Exhausted { ports: 3, .. })));
        assert!(sources.take(loopback(81)).is_ok(), "another destination has ports of its own");
        let second = tickets.remove(1);
        let first = tickets.remove(0);
        let order = [second.address.port(), first.address.port()];
        sources.give_back(second);
        sources.give_back(first);
        let again = [sources.take(loopback(80)).unwrap(), sources.take(loopback(80)).unwrap()];
        assert_eq!(again.map(|ticket| ticket.address.port()), order);
    }

    #[test]
    fn a_connection_never_gets_its_own_destination_as_source() {
        let mut sources = Sources::new(PortShare { lowest: 40_000, highest: 40_001, index: 0, of: 1, first: 0 });
        assert_eq!(sources.take(loopback(40_000)).unwrap().address.port(), 40_001);
        assert!(sources.take(loopback(40_000)).is_err());
    }
}
