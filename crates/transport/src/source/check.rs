//! Trying source addresses before they are needed.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::addresses::SourceAddresses;

/// An address that can't be bound to.
#[derive(Debug)]
pub struct SourceFailure {
    /// Which.
    pub address: IpAddr,
    /// What the kernel said.
    pub error: io::Error,
}

/// Binds a socket to every listed address, and to one of every network, and returns those that can't be.
#[must_use]
pub fn check_sources(addresses: &SourceAddresses) -> Vec<SourceFailure> {
    let drawn = addresses.drawn.iter().map(|network| IpAddr::V6(network.address(1)));
    let failure = |address| try_bind(address, addresses.freebind).err().map(|error| SourceFailure { address, error });
    addresses.listed().chain(drawn).filter_map(failure).collect()
}

fn try_bind(address: IpAddr, freebind: bool) -> io::Result<()> {
    let address = SocketAddr::new(address, 0);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    allow_foreign(&socket, address, freebind)?;
    socket.bind(&address.into())
}

/// Lets the socket be bound to an address that no interface has.
pub(crate) fn allow_foreign(socket: &Socket, address: SocketAddr, freebind: bool) -> io::Result<()> {
    match (freebind, address) {
        (false, _) => Ok(()),
        (true, SocketAddr::V4(_)) => socket.set_freebind_v4(true),
        (true, SocketAddr::V6(_)) => socket.set_freebind_v6(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_no_interface_are_found_unless_they_may_be() {
        let mut addresses = SourceAddresses::default();
        addresses.add("127.0.3.1-127.0.3.3,192.0.2.1,192.0.2.9,2001:db8:77::/64").unwrap();
        let failed: Vec<String> = check_sources(&addresses).iter().map(|failure| failure.address.to_string()).collect();
        assert_eq!(failed, ["192.0.2.1", "192.0.2.9", "2001:db8:77::1"]);
        addresses.freebind = true;
        assert!(check_sources(&addresses).is_empty());
    }
}
