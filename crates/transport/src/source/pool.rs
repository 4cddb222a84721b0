//! Handing out source addresses and ports.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::addresses::{BindStrategy, DrawnNetwork, SourceAddresses};
use super::ports::PortShare;
use crate::time::Nanos;

/// How long an address isn't offered that no interface has any more, unless there is no other.
const REST: Duration = Duration::from_secs(5);
/// Addresses that are told one by one: it is done every second.
const SOURCES_TOLD_MAX: usize = 4096;

/// Why no source could be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Every port of every address is in use for this destination.
    #[error(
        "no source port is left for {destination}: this shard's {addresses} address(es) x {ports} ports = {} \
         connections are all in use or resting in TIME_WAIT; use fewer connections, re-use them, widen --bind-ports or \
         add addresses with --bind-ips",
        *.addresses as u64 * u64::from(*.ports)
    )]
    Exhausted {
        /// Where to.
        destination: SocketAddr,
        /// Source addresses that could have been used.
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
    /// Source addresses were given, and none is of the destination's kind.
    #[error("no source address for {0}: --bind-ips has none of its kind (IPv4, IPv6)")]
    OtherKind(SocketAddr),
}

/// A source in use: what [`Sources::give_back`] needs to know.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceTicket {
    destination: u32,
    entry: u32,
    port: u16,
}

impl SourceTicket {
    /// The address's number, which picks it again where addresses stick to VUs.
    pub(crate) fn place(&self) -> u64 {
        self.entry.into()
    }
}

/// A source address and port for one destination.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// To be given back once the connection has ended.
    pub ticket: SourceTicket,
    /// The address and port to bind to.
    pub address: SocketAddr,
}

/// Connections to one destination, by the sources that they may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationUse {
    /// Where to.
    pub destination: SocketAddr,
    /// Addresses that they may come from; a network that is drawn from counts as one.
    pub addresses: u32,
    /// Each of them; none are told if there are more than 4,096.
    pub sources: Vec<SourceUse>,
    /// Connections that it has room for; none if there is no end of them.
    pub room: Option<u64>,
    /// Sources in use now.
    pub in_use: u64,
    /// The most that were in use.
    pub in_use_max: u64,
    /// Sources handed out so far.
    pub taken: u64,
    /// How often none was left.
    pub exhausted: u64,
    /// How often one couldn't be used since no interface has its address any more.
    pub unusable: u64,
}

/// Connections from one address to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceUse {
    /// From where; of a network that is drawn from, its first address.
    pub source: IpAddr,
    /// Ports in use now.
    pub in_use: u32,
    /// The most that were in use.
    pub in_use_max: u32,
}

/// The sources of one shard.
#[derive(Debug)]
pub struct Sources {
    ports: PortShare,
    addresses: Arc<SourceAddresses>,
    numbers: HashMap<SocketAddr, u32>,
    destinations: Vec<Destination>,
    /// State of a SplitMix64 generator, for drawing.
    random: u64,
}

#[derive(Debug)]
struct Destination {
    peer: SocketAddr,
    entries: Vec<Entry>,
    /// Entries with a port left, in turn; unless the strategy is another.
    rotation: VecDeque<u32>,
    /// Entries with a port left by use, if the strategy asks for that.
    by_use: BTreeSet<(u32, u32)>,
    /// Entries whose addresses couldn't be used, and until when they stand in neither of these.
    resting: VecDeque<(Nanos, u32)>,
    in_use: u64,
    in_use_max: u64,
    taken: u64,
    exhausted: u64,
    unusable: u64,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Listed(IpAddr),
    Drawn(DrawnNetwork),
}

/// One address's ports for one destination: those never used yet, then those given back.
#[derive(Debug)]
struct Entry {
    place: Place,
    next_fresh: u32,
    returned: VecDeque<u16>,
    in_use: u32,
    in_use_max: u32,
    /// Whether it stands where the next one is looked for.
    is_listed: bool,
    rests: bool,
}

impl Entry {
    fn usage(&self) -> SourceUse {
        let source = match self.place {
            Place::Listed(address) => address,
            Place::Drawn(network) => network.network.into(),
        };
        SourceUse { source, in_use: self.in_use, in_use_max: self.in_use_max }
    }

    fn take_port(&mut self, ports: PortShare, peer: SocketAddr) -> Option<u16> {
        loop {
            if self.next_fresh < ports.len() {
                self.next_fresh += 1;
                let port = ports.port(self.next_fresh - 1);
                // A connection from a port to itself would succeed, and talk to itself.
                if matches!(self.place, Place::Listed(address) if address == peer.ip()) && port == peer.port() {
                    continue;
                }
                return Some(port);
            }
            match self.place {
                // Each connection has an address of its own: ports may come again.
                Place::Drawn(_) if !ports.is_empty() => self.next_fresh = 0,
                _ => return self.returned.pop_front(),
            }
        }
    }
}

impl Sources {
    /// Hands out the ports of `ports` on `addresses`.
    #[must_use]
    pub fn new(ports: PortShare, addresses: Arc<SourceAddresses>) -> Self {
        let random = u64::from(ports.first) << 32 | u64::from(ports.index) << 16 | 0x5bd1;
        Self { ports, addresses, numbers: HashMap::new(), destinations: Vec::new(), random }
    }

    /// Ports that one address has here.
    #[must_use]
    pub fn ports_per_address(&self) -> u32 {
        self.ports.len()
    }

    /// Whether addresses may be such that no interface has.
    pub(crate) fn freebind(&self) -> bool {
        self.addresses.freebind
    }

    /// Takes a source for a connection to `destination`, which begins at `now`. If addresses stick to VUs, `vu` picks it,
    /// from 0.
    ///
    /// # Errors
    /// When none is left, or no address reaches the destination.
    pub fn take(&mut self, destination: SocketAddr, vu: u64, now: Nanos) -> Result<Source, SourceError> {
        let number = self.number(destination)?;
        let (ports, strategy) = (self.ports, self.addresses.strategy);
        let known = &mut self.destinations[number as usize];
        known.end_rests(strategy, now);
        let found = match strategy {
            BindStrategy::RoundRobin => known.take_in_turn(ports).or_else(|| known.take_resting(ports)),
            BindStrategy::LeastUsed => known.take_least_used(ports).or_else(|| known.take_resting(ports)),
            BindStrategy::Vu => {
                let entry = (vu % known.entries.len().max(1) as u64) as usize;
                known.entries[entry].take_port(ports, destination).map(|port| (entry as u32, port))
            }
        };
        let Some((entry, port)) = found else {
            known.exhausted += 1;
            let addresses = if strategy == BindStrategy::Vu { 1 } else { known.entries.len() };
            return Err(SourceError::Exhausted { destination, addresses, ports: ports.len() });
        };
        let of = &mut known.entries[entry as usize];
        of.in_use += 1;
        of.in_use_max = of.in_use_max.max(of.in_use);
        known.in_use += 1;
        known.in_use_max = known.in_use_max.max(known.in_use);
        known.taken += 1;
        let ip = match of.place {
            Place::Listed(address) => address,
            Place::Drawn(network) => {
                let random =
                    u128::from(next_random(&mut self.random)) << 64 | u128::from(next_random(&mut self.random));
                network.address(random).into()
            }
        };
        let ticket = SourceTicket { destination: number, entry, port };
        Ok(Source { ticket, address: SocketAddr::new(ip, port) })
    }

    /// Gives a source back once its socket is closed, or when it turned out to be taken by another program.
    pub fn give_back(&mut self, ticket: SourceTicket) {
        let Some(destination) = self.destinations.get_mut(ticket.destination as usize) else { return };
        let Some(entry) = destination.entries.get_mut(ticket.entry as usize) else { return };
        let before = entry.in_use;
        entry.in_use -= 1;
        destination.in_use -= 1;
        if matches!(entry.place, Place::Listed(_)) {
            entry.returned.push_back(ticket.port);
        }
        if entry.rests {
            return;
        }
        let was_listed = std::mem::replace(&mut entry.is_listed, true);
        match self.addresses.strategy {
            BindStrategy::RoundRobin if !was_listed => destination.rotation.push_back(ticket.entry),
            BindStrategy::LeastUsed => {
                destination.by_use.remove(&(before, ticket.entry));
                destination.by_use.insert((before - 1, ticket.entry));
            }
            _ => {}
        }
    }

    /// Gives a source back whose address no interface has any more: others are handed out for a while.
    pub fn set_aside(&mut self, ticket: SourceTicket, now: Nanos) {
        if let Some(destination) = self.destinations.get_mut(ticket.destination as usize) {
            destination.unusable += 1;
            if self.addresses.strategy != BindStrategy::Vu {
                destination.set_aside(ticket.entry, now);
            }
        }
        self.give_back(ticket);
    }

    /// Where the connection with this source goes.
    pub(crate) fn destination(&self, ticket: &SourceTicket) -> Option<SocketAddr> {
        self.destinations.get(ticket.destination as usize).map(|destination| destination.peer)
    }

    /// What is in use and was, by destination, in the order in which they were first connected to.
    pub fn uses(&self) -> impl Iterator<Item = DestinationUse> {
        self.destinations.iter().map(|destination| DestinationUse {
            destination: destination.peer,
            addresses: destination.entries.len() as u32,
            sources: match destination.entries.len() {
                0..=SOURCES_TOLD_MAX => destination.entries.iter().map(Entry::usage).collect(),
                _ => Vec::new(),
            },
            room: destination.room(self.ports),
            in_use: destination.in_use,
            in_use_max: destination.in_use_max,
            taken: destination.taken,
            exhausted: destination.exhausted,
            unusable: destination.unusable,
        })
    }

    fn number(&mut self, peer: SocketAddr) -> Result<u32, SourceError> {
        if let Some(number) = self.numbers.get(&peer) {
            return Ok(*number);
        }
        let mut places = self.places(peer)?;
        let entries = places.drain(..).map(|place| Entry {
            place,
            next_fresh: 0,
            returned: VecDeque::new(),
            in_use: 0,
            in_use_max: 0,
            is_listed: true,
            rests: false,
        });
        let entries: Vec<Entry> = entries.collect();
        // Shards begin at different addresses, so that a few connections are spread too.
        let (count, index) = (entries.len() as u32, u32::from(self.ports.index));
        let of = |strategy| if self.addresses.strategy == strategy { count } else { 0 };
        let rotation = (0..of(BindStrategy::RoundRobin)).map(|n| (n + index) % count).collect();
        let by_use = (0..of(BindStrategy::LeastUsed)).map(|n| (0, n)).collect();
        let number = self.destinations.len() as u32;
        self.destinations.push(Destination {
            peer,
            entries,
            rotation,
            by_use,
            resting: VecDeque::new(),
            in_use: 0,
            in_use_max: 0,
            taken: 0,
            exhausted: 0,
            unusable: 0,
        });
        self.numbers.insert(peer, number);
        Ok(number)
    }

    fn places(&self, peer: SocketAddr) -> Result<Vec<Place>, SourceError> {
        if self.addresses.is_empty() {
            let address =
                local_address(peer).map_err(|source| SourceError::Unreachable { destination: peer, source })?;
            return Ok(vec![Place::Listed(address)]);
        }
        let places: Vec<Place> = match peer {
            SocketAddr::V4(_) => self.addresses.v4.iter().map(|ip| Place::Listed((*ip).into())).collect(),
            SocketAddr::V6(_) => {
                let listed = self.addresses.v6.iter().map(|ip| Place::Listed((*ip).into()));
                listed.chain(self.addresses.drawn.iter().map(|network| Place::Drawn(*network))).collect()
            }
        };
        if places.is_empty() { Err(SourceError::OtherKind(peer)) } else { Ok(places) }
    }
}

impl Destination {
    /// Connections that there is room for; none if there is no end of them.
    fn room(&self, ports: PortShare) -> Option<u64> {
        let is_listed = |entry: &Entry| matches!(entry.place, Place::Listed(_));
        self.entries.iter().all(is_listed).then(|| self.entries.len() as u64 * u64::from(ports.len()))
    }

    /// Has an entry not stand where the next one is looked for.
    fn set_aside(&mut self, number: u32, now: Nanos) {
        let entry = &mut self.entries[number as usize];
        if std::mem::replace(&mut entry.rests, true) {
            return;
        }
        if std::mem::take(&mut entry.is_listed) {
            self.by_use.remove(&(entry.in_use, number));
            self.rotation.retain(|listed| *listed != number);
        }
        self.resting.push_back((now.after(REST), number));
    }

    /// Entries that have rested stand in line again.
    fn end_rests(&mut self, strategy: BindStrategy, now: Nanos) {
        while let Some((_, number)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            let entry = &mut self.entries[number as usize];
            (entry.rests, entry.is_listed) = (false, true);
            match strategy {
                BindStrategy::RoundRobin => self.rotation.push_back(number),
                BindStrategy::LeastUsed => drop(self.by_use.insert((entry.in_use, number))),
                BindStrategy::Vu => {}
            }
        }
    }

    /// Where all others are used up, those that rest are tried all the same.
    fn take_resting(&mut self, ports: PortShare) -> Option<(u32, u16)> {
        let Self { resting, entries, peer, .. } = self;
        resting.iter().find_map(|(_, number)| Some((*number, entries[*number as usize].take_port(ports, *peer)?)))
    }

    fn take_in_turn(&mut self, ports: PortShare) -> Option<(u32, u16)> {
        loop {
            let number = self.rotation.pop_front()?;
            let entry = &mut self.entries[number as usize];
            if let Some(port) = entry.take_port(ports, self.peer) {
                self.rotation.push_back(number);
                return Some((number, port));
            }
            entry.is_listed = false;
        }
    }

    fn take_least_used(&mut self, ports: PortShare) -> Option<(u32, u16)> {
        loop {
            let (used, number) = self.by_use.pop_first()?;
            let entry = &mut self.entries[number as usize];
            if let Some(port) = entry.take_port(ports, self.peer) {
                self.by_use.insert((used + 1, number));
                return Some((number, port));
            }
            entry.is_listed = false;
        }
    }
}

/// The next number of a SplitMix64 generator (Steele, Lea and Flood, 2014).
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
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
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn share(highest: u16) -> PortShare {
        PortShare { lowest: 40_000, highest, index: 0, of: 1, first: 0 }
    }

    fn sources(list: &str, strategy: BindStrategy, highest: u16) -> Sources {
        let mut addresses = SourceAddresses { strategy, ..SourceAddresses::default() };
        addresses.add(list).unwrap();
        Sources::new(share(highest), Arc::new(addresses))
    }

    #[test]
    fn the_port_given_back_longest_ago_comes_first() {
        let mut sources = Sources::new(share(40_002), Arc::default());
        let mut taken: Vec<_> = (0..3).map(|_| sources.take(loopback(80), 0, Nanos(0)).unwrap()).collect();
        assert!(matches!(sources.take(loopback(80), 0, Nanos(0)), Err(SourceError::Exhausted { ports: 3, .. })));
        assert!(sources.take(loopback(81), 0, Nanos(0)).is_ok(), "another destination has ports of its own");
        let second = taken.remove(1);
        let first = taken.remove(0);
        let order = [second.address.port(), first.address.port()];
        sources.give_back(second.ticket);
        sources.give_back(first.ticket);
        let again =
            [sources.take(loopback(80), 0, Nanos(0)).unwrap(), sources.take(loopback(80), 0, Nanos(0)).unwrap()];
        assert_eq!(again.map(|source| source.address.port()), order);
    }

    #[test]
    fn a_connection_never_gets_its_own_destination_as_source() {
        let mut sources = Sources::new(share(40_001), Arc::default());
        assert_eq!(sources.take(loopback(40_000), 0, Nanos(0)).unwrap().address.port(), 40_001);
        assert!(sources.take(loopback(40_000), 0, Nanos(0)).is_err());
    }

    #[test]
    fn addresses_take_turns_and_those_without_ports_are_left_out() {
        for strategy in [BindStrategy::RoundRobin, BindStrategy::LeastUsed] {
            let mut sources = sources("127.0.2.1-127.0.2.3", strategy, 40_001);
            let mut taken: Vec<_> = (0..6).map(|_| sources.take(loopback(80), 0, Nanos(0)).unwrap()).collect();
            let distinct: HashSet<_> = taken.iter().map(|source| source.address).collect();
            assert_eq!(distinct.len(), 6);
            let first_three: HashSet<_> = taken[..3].iter().map(|source| source.address.ip()).collect();
            assert_eq!(first_three.len(), 3, "each address once before any twice");
            let error = sources.take(loopback(80), 0, Nanos(0)).unwrap_err();
            assert!(error.to_string().contains("3 address(es) x 2 ports = 6 connections"), "{error}");
            let back = taken.remove(2);
            sources.give_back(back.ticket);
            assert_eq!(sources.take(loopback(80), 0, Nanos(0)).unwrap().address, back.address);
            let used: Vec<_> = sources.uses().collect();
            let [DestinationUse { in_use: 6, in_use_max: 6, taken: 7, exhausted: 1, unusable: 0, room: Some(6), .. }] =
                used[..]
            else {
                panic!("{used:?}")
            };
            assert!(used[0].sources.len() == 3 && used[0].sources.iter().all(|source| source.in_use_max == 2));
        }
    }

    #[test]
    fn the_least_used_address_is_next() {
        let mut sources = sources("127.0.2.1-127.0.2.2", BindStrategy::LeastUsed, 40_009);
        let taken: Vec<_> = (0..8).map(|_| sources.take(loopback(80), 0, Nanos(0)).unwrap()).collect();
        let lighter = taken[0].address.ip();
        for source in taken.into_iter().filter(|source| source.address.ip() == lighter).take(3) {
            sources.give_back(source.ticket);
        }
        for _ in 0..3 {
            assert_eq!(sources.take(loopback(80), 0, Nanos(0)).unwrap().address.ip(), lighter);
        }
    }

    #[test]
    fn an_address_that_cant_be_used_rests_while_there_are_others() {
        for strategy in [BindStrategy::RoundRobin, BindStrategy::LeastUsed] {
            let mut sources = sources("127.0.2.1-127.0.2.3", strategy, 40_001);
            let gone = IpAddr::from([127, 0, 2, 2]);
            let mut given = Vec::new();
            let mut tries = 0;
            // Four of the six ports are others'.
            while given.len() < 4 {
                let source = sources.take(loopback(80), 0, Nanos(0)).unwrap();
                match source.address.ip() == gone {
                    true => sources.set_aside(source.ticket, Nanos(0)),
                    false => given.push(source),
                }
                tries += 1;
            }
            assert_eq!(tries, 5, "{strategy:?}: it was tried once");
            // There is nothing else.
            let source = sources.take(loopback(80), 0, Nanos(0)).unwrap();
            assert_eq!(source.address.ip(), gone);
            sources.set_aside(source.ticket, Nanos(0));
            sources.give_back(given.swap_remove(0).ticket);
            assert_ne!(sources.take(loopback(80), 0, Nanos(0)).unwrap().address.ip(), gone);
            let rested = Nanos(0).after(REST);
            let again: Vec<_> = (0..2).map(|_| sources.take(loopback(80), 0, rested).unwrap()).collect();
            assert!(again.iter().all(|source| source.address.ip() == gone), "{again:?}");
            assert!(sources.take(loopback(80), 0, rested).is_err());
            assert_eq!(sources.uses().map(|used| (used.unusable, used.in_use)).collect::<Vec<_>>(), [(2, 6)]);
        }
    }

    #[test]
    fn a_vu_keeps_its_address_even_when_that_has_no_port_left() {
        let mut sources = sources("127.0.2.1-127.0.2.3", BindStrategy::Vu, 40_000);
        for vu in 0..3 {
            assert_eq!(
                sources.take(loopback(80), vu, Nanos(0)).unwrap().address.ip(),
                IpAddr::from([127, 0, 2, vu as u8 + 1])
            );
        }
        let error = sources.take(loopback(80), 4, Nanos(0)).unwrap_err();
        assert!(matches!(error, SourceError::Exhausted { addresses: 1, ports: 1, .. }), "{error}");
    }

    #[test]
    fn a_network_that_is_drawn_from_has_no_end() {
        let mut sources = sources("2001:db8::/64", BindStrategy::RoundRobin, 40_000);
        let peer: SocketAddr = "[2001:db8:1::1]:80".parse().unwrap();
        let mut seen = HashMap::new();
        for _ in 0..1000 {
            let source = sources.take(peer, 0, Nanos(0)).unwrap();
            assert_eq!(source.address.port(), 40_000);
            *seen.entry(source.address.ip()).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 1000);
        assert!(matches!(sources.take(loopback(80), 0, Nanos(0)), Err(SourceError::OtherKind(_))));
    }
}
