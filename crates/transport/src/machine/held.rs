//! Which source ports this machine holds to a destination, whoever's they are.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::source::SourceAddresses;

/// The state of a closed connection whose port rests, as the kernel writes it.
const TIME_WAIT: &str = "06";

/// Ports of source addresses that are in use for one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// By connections.
    pub open: u64,
    /// By closed ones that rest in TIME_WAIT.
    pub resting: u64,
}

impl Held {
    /// Those to `destination`, of these source addresses alone if there are any, in the network namespace of this process.
    ///
    /// # Errors
    /// When the kernel doesn't tell its sockets (`/proc/net/tcp`).
    pub fn read(destination: SocketAddr, sources: &SourceAddresses) -> io::Result<Self> {
        let mut held = Self::default();
        let listed: HashSet<IpAddr> = sources.listed().collect();
        let is_ours = |source: SocketAddr| {
            let drawn = |address: IpAddr| matches!(address, IpAddr::V6(v6) if sources.drawn.iter().any(|network| network.contains(v6)));
            let (lowest, highest) = sources.ports;
            (lowest..=highest).contains(&source.port())
                && (sources.is_empty() || listed.contains(&source.ip()) || drawn(source.ip()))
        };
        // An IPv6 socket may have an IPv4 connection.
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            let lines = match File::open(table) {
                Ok(file) => BufReader::new(file).lines(),
                Err(error) if error.kind() == io::ErrorKind::NotFound && table.ends_with('6') => continue,
                Err(error) => return Err(error),
            };
            for line in lines.skip(1) {
                match socket(&line?) {
                    Some((source, peer, state)) if peer == destination && is_ours(source) => held.count(&state),
                    _ => {}
                }
            }
        }
        Ok(held)
    }

    fn count(&mut self, state: &str) {
        match state {
            TIME_WAIT => self.resting += 1,
            _ => self.open += 1,
        }
    }
}

/// A line's own address, its peer's and its state.
fn socket(line: &str) -> Option<(SocketAddr, SocketAddr, String)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (source, peer) = (address(words.next()?)?, address(words.next()?)?);
    Some((source, peer, words.next()?.to_owned()))
}

/// Words of 32 bits in the machine's order of bytes, each as hexadecimal digits, and a port.
fn address(text: &str) -> Option<SocketAddr> {
    let (words, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(words.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match words.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let all = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(all).ok()?).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_of_the_sources_alone_are_counted() {
        for host in ["127.0.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((host, 0)) else { continue };
            let destination = listener.local_addr().unwrap();
            let all = SourceAddresses::default();
            assert_eq!(Held::read(destination, &all).unwrap(), Held::default());
            let _open: Vec<_> = (0..3).map(|_| TcpStream::connect(destination).unwrap()).collect();
            assert_eq!(Held::read(destination, &all).unwrap(), Held { open: 3, resting: 0 }, "{host}");
            let mut others = SourceAddresses::default();
            others.add("127.0.0.2,2001:db8::/64").unwrap();
            assert_eq!(Held::read(destination, &others).unwrap(), Held::default());
            others.add(host).unwrap();
            assert_eq!(Held::read(destination, &others).unwrap().open, 3);
        }
    }
}
