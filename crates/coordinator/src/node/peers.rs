//! The nodes that a group is to have.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Nodes of a group.
const NODES_MAX: usize = 9;

/// Nodes by id, each with the address by which the others reach it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers(BTreeMap<u64, String>);

/// Why a text isn't a list of peers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeersError {
    /// A part isn't ID=HOST:PORT.
    #[error(
        "{0:?} names no peer: write ID=HOST:PORT, several with commas between, such as 1=127.0.0.1:7701,2=127.0.0.1:7702"
    )]
    Malformed(String),
    /// One id twice.
    #[error("the id {0} is in the list of peers twice: give each node its own")]
    IdTwice(u64),
    /// One address twice.
    #[error("the address {0} is in the list of peers twice: give each node its own")]
    AddressTwice(String),
    /// Too many.
    #[error("{0} peers are too many: a group has at most {NODES_MAX} nodes, and three or five are best")]
    TooMany(usize),
    /// The node itself isn't there.
    #[error("node {id} isn't in the list of peers ({peers}): add it with the address by which the others reach it")]
    NotThere {
        /// The node.
        id: u64,
        /// The list.
        peers: String,
    },
}

impl FromStr for Peers {
    type Err = PeersError;

    fn from_str(text: &str) -> Result<Self, PeersError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() > NODES_MAX {
            return Err(PeersError::TooMany(parts.len()));
        }
        let mut peers = Self::default();
        for part in parts {
            let (id, address) = peer(part)?;
            if peers.0.values().any(|other| *other == address) {
                return Err(PeersError::AddressTwice(address));
            }
            if peers.0.insert(id, address).is_some() {
                return Err(PeersError::IdTwice(id));
            }
        }
        Ok(peers)
    }
}

/// Reads ID=HOST:PORT.
fn peer(text: &str) -> Result<(u64, String), PeersError> {
    let malformed = || PeersError::Malformed(text.to_owned());
    let (id, address) = text.split_once('=').ok_or_else(malformed)?;
    let id = id.trim().parse().ok().filter(|id| *id > 0).ok_or_else(malformed)?;
    let address = address.trim();
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    if host.is_empty() || port.parse::<u16>().ok().is_none_or(|port| port == 0) {
        return Err(malformed());
    }
    Ok((id, address.to_owned()))
}

impl Peers {
    /// One node alone.
    #[must_use]
    pub fn alone(id: u64, address: impl Into<String>) -> Self {
        Self(BTreeMap::from([(id, address.into())]))
    }

    /// These nodes.
    #[must_use]
    pub fn new(nodes: BTreeMap<u64, String>) -> Self {
        Self(nodes)
    }

    /// Whether a node is there.
    ///
    /// # Errors
    /// When it isn't.
    pub fn has(&self, id: u64) -> Result<(), PeersError> {
        let missing = || PeersError::NotThere { id, peers: self.to_string() };
        self.address(id).map(|_| ()).ok_or_else(missing)
    }

    /// The address of a node.
    #[must_use]
    pub fn address(&self, id: u64) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }

    /// The node that has an address.
    #[must_use]
    pub fn at(&self, address: &str) -> Option<u64> {
        self.0.iter().find(|(_, other)| *other == address).map(|(id, _)| *id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &str)> {
        self.0.iter().map(|(id, address)| (*id, address.as_str()))
    }

    /// The lowest id.
    #[must_use]
    pub fn lowest(&self) -> Option<u64> {
        self.0.keys().next().copied()
    }

    /// How many nodes are most of them.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Display for Peers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (id, address)) in self.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(formatter, "{comma}{id}={address}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_peers_is_read_and_written() {
        let peers: Peers = "3=host:1, 1=[::1]:2,".parse().unwrap();
        assert_eq!(peers.to_string(), "1=[::1]:2,3=host:1");
        assert_eq!((peers.lowest(), peers.majority(), peers.at("host:1")), (Some(1), 2, Some(3)));
        assert!(peers.has(3).is_ok() && peers.has(2).is_err());
    }

    #[test]
    fn what_is_no_list_of_peers_is_refused() {
        for wrong in ["1", "1=", "=a:1", "0=a:1", "x=a:1", "1=a", "1=:1", "1=a:0", "1=a:65536", "1=a:b"] {
            assert_eq!(wrong.parse::<Peers>(), Err(PeersError::Malformed(wrong.to_owned())));
        }
        assert_eq!("1=a:1,1=b:1".parse::<Peers>(), Err(PeersError::IdTwice(1)));
        assert_eq!("1=a:1,2=a:1".parse::<Peers>(), Err(PeersError::AddressTwice("a:1".to_owned())));
        let many: Vec<String> = (1..=10).map(|id| format!("{id}=a:{id}")).collect();
        assert_eq!(many.join(",").parse::<Peers>(), Err(PeersError::TooMany(10)));
    }
}
