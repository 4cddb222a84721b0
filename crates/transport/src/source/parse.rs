//! Source addresses as users write them: `10.0.0.1`, `10.0.0.10-10.0.0.20`, `10.0.1.0/24`, `2001:db8::/64`.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::addresses::{DrawnNetwork, SourceAddresses};

/// Addresses that are listed at most; larger IPv6 networks are drawn from.
pub const LISTED_MAX: usize = 65_536;

/// What is wrong with a list of source addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindIpsError {
    /// Neither an address nor a range nor a network.
    #[error("`{0}` is no address, range (10.0.0.1-10.0.0.9) or network (10.0.0.0/24, 2001:db8::/64)")]
    Malformed(String),
    /// The first address of a range lies behind the last.
    #[error("the range `{0}` ends before it begins")]
    Backwards(String),
    /// The ends of a range are of two kinds.
    #[error("the range `{0}` begins with IPv4 and ends with IPv6, or the other way round")]
    Mixed(String),
    /// More addresses than are kept.
    #[error(
        "`{0}` makes more than {LISTED_MAX} addresses: use a smaller network or range, or an IPv6 network to draw from"
    )]
    TooMany(String),
    /// An address that no connection can come from.
    #[error("`{0}` has {1}, which no connection can come from")]
    Unusable(String, IpAddr),
}

impl SourceAddresses {
    /// Adds the addresses of one comma-separated list. Those that are there already aren't added again.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn add(&mut self, list: &str) -> Result<(), Vec<BindIpsError>> {
        let mut known: HashSet<IpAddr> = self.listed().collect();
        let mut errors = Vec::new();
        for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            if let Err(error) = self.add_item(item, &mut known) {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn add_item(&mut self, item: &str, known: &mut HashSet<IpAddr>) -> Result<(), BindIpsError> {
        let malformed = || BindIpsError::Malformed(item.to_owned());
        let (first, last) = if let Some((network, prefix)) = item.split_once('/') {
            let network: IpAddr = network.trim().parse().map_err(|_| malformed())?;
            let prefix: u8 = prefix.trim().parse().map_err(|_| malformed())?;
            match network {
                IpAddr::V4(network) => ends_v4(network, prefix).ok_or_else(malformed)?,
                IpAddr::V6(network) => {
                    let hosts = 128u32.checked_sub(u32::from(prefix)).ok_or_else(malformed)?;
                    let mask = u128::MAX.checked_shl(hosts).unwrap_or(0);
                    let network = Ipv6Addr::from_bits(network.to_bits() & mask);
                    if hosts > LISTED_MAX.ilog2() {
                        let drawn = DrawnNetwork { network, prefix };
                        if !self.drawn.contains(&drawn) {
                            self.drawn.push(drawn);
                        }
                        return Ok(());
                    }
                    (IpAddr::V6(network), IpAddr::V6(Ipv6Addr::from_bits(network.to_bits() | !mask)))
                }
            }
        } else if let Some((first, last)) = item.split_once('-') {
            let parse = |text: &str| text.trim().parse().map_err(|_| malformed());
            (parse(first)?, parse(last)?)
        } else {
            let address = item.parse().map_err(|_| malformed())?;
            (address, address)
        };
        self.add_range(item, first, last, known)
    }

    fn add_range(
        &mut self,
        item: &str,
        first: IpAddr,
        last: IpAddr,
        known: &mut HashSet<IpAddr>,
    ) -> Result<(), BindIpsError> {
        let (from, to) = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits().into(), last.to_bits().into()),
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits()),
            _ => return Err(BindIpsError::Mixed(item.to_owned())),
        };
        let more = to.checked_sub(from).ok_or_else(|| BindIpsError::Backwards(item.to_owned()))?;
        if more >= (LISTED_MAX - known.len().min(LISTED_MAX)) as u128 {
            return Err(BindIpsError::TooMany(item.to_owned()));
        }
        for bits in from..=to {
            let address = match first {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(bits)),
            };
            if address.is_unspecified() || address.is_multicast() {
                return Err(BindIpsError::Unusable(item.to_owned(), address));
            }
            if known.insert(address) {
                match address {
                    IpAddr::V4(address) => self.v4.push(address),
                    IpAddr::V6(address) => self.v6.push(address),
                }
            }
        }
        Ok(())
    }
}

/// The first and the last address of an IPv4 network that a host may have: of more than two addresses the first stands
/// for the network and the last for all of it, as k6 has it.
fn ends_v4(network: Ipv4Addr, prefix: u8) -> Option<(IpAddr, IpAddr)> {
    let hosts = 32u32.checked_sub(u32::from(prefix))?;
    let mask = u32::MAX.checked_shl(hosts).unwrap_or(0);
    let (first, last) = (network.to_bits() & mask, network.to_bits() | !mask);
    let (first, last) = if hosts > 1 { (first + 1, last - 1) } else { (first, last) };
    Some((Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(last).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<SourceAddresses, Vec<BindIpsError>> {
        let mut addresses = SourceAddresses::default();
        addresses.add(list).map(|()| addresses)
    }

    fn v4(list: &str) -> (usize, Ipv4Addr, Ipv4Addr) {
        let addresses = parse(list).unwrap().v4;
        (addresses.len(), addresses[0], addresses[addresses.len() - 1])
    }

    #[test]
    fn networks_leave_out_what_no_host_has() {
        assert_eq!(v4("10.0.0.0/24"), (254, [10, 0, 0, 1].into(), [10, 0, 0, 254].into()));
        assert_eq!(v4("10.0.0.7/30"), (2, [10, 0, 0, 5].into(), [10, 0, 0, 6].into()));
        assert_eq!(v4("10.0.0.6/31"), (2, [10, 0, 0, 6].into(), [10, 0, 0, 7].into()));
        assert_eq!(v4("10.0.0.6/32"), (1, [10, 0, 0, 6].into(), [10, 0, 0, 6].into()));
        assert_eq!(parse("2001:db8::/126").unwrap().v6.len(), 4);
    }

    #[test]
    fn lists_join_and_repeat_nothing() {
        let mut addresses = parse("10.0.0.9 - 10.0.1.2, ::1,10.0.0.255").unwrap();
        assert_eq!((addresses.v4.len(), addresses.v6.len()), (250, 1));
        addresses.add("10.0.0.9,2001:db8:9::5/64,2001:db8:9::/64").unwrap();
        assert_eq!(addresses.v4.len(), 250);
        let drawn = DrawnNetwork { network: "2001:db8:9::".parse().unwrap(), prefix: 64 };
        assert_eq!((addresses.drawn, addresses.v6.len()), (vec![drawn], 1));
    }

    #[test]
    fn every_mistake_is_told() {
        let errors = parse("10.0.0.0/33,1.2.3,10.0.0.9-10.0.0.1,10.0.0.1-::1,10.0.0.0/8,0.0.0.0,10.0.0.1").unwrap_err();
        let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 6, "{told:?}");
        assert!(matches!(
            &errors[..],
            [
                BindIpsError::Malformed(_),
                BindIpsError::Malformed(_),
                BindIpsError::Backwards(_),
                BindIpsError::Mixed(_),
                BindIpsError::TooMany(_),
                BindIpsError::Unusable(..),
            ]
        ));
    }
}
