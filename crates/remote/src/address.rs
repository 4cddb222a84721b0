//! Where it may be listened.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Why it isn't listened at an address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It isn't an address.
    #[error("{0:?} is no address: write HOST:PORT, for example 127.0.0.1:6565")]
    Malformed(String),
    /// The name isn't known.
    #[error("the name in {text} can't be looked up: write an address, for example 127.0.0.1:6565")]
    Unknown {
        /// What was given.
        text: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// Others could reach it.
    #[error(
        "{address} can be reached from other machines, and whoever reaches it could stop this test, since nobody is \
         asked who they are: listen on a loopback address such as 127.0.0.1:{} and reach it by `ssh -L`, or add \
         --insecure if all of the network is trusted", address.port()
    )]
    Exposed {
        /// The first address that isn't loopback.
        address: SocketAddr,
    },
}

/// The address to listen on for `text`, HOST:PORT. It has to be a loopback one unless `insecure` says otherwise.
///
/// # Errors
/// When it isn't an address, its name isn't known, or others could reach it.
pub fn listen_address(text: &str, insecure: bool) -> Result<SocketAddr, AddressError> {
    let malformed = || AddressError::Malformed(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(malformed());
    }
    let addresses = text.to_socket_addrs().map_err(|source| AddressError::Unknown { text: text.to_owned(), source })?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    match addresses.iter().find(|address| !address.ip().is_loopback()) {
        Some(&address) if !insecure => Err(AddressError::Exposed { address }),
        _ => addresses.first().copied().ok_or_else(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        for fine in ["127.0.0.1:0", "127.9.9.9:6565", "[::1]:6565", "localhost:6565"] {
            assert!(listen_address(fine, false).unwrap().ip().is_loopback(), "{fine}");
        }
        for exposed in ["0.0.0.0:6565", "[::]:6565", "192.0.2.1:6565", "[::ffff:127.0.0.1]:6565"] {
            let error = listen_address(exposed, false).unwrap_err();
            assert!(matches!(error, AddressError::Exposed { .. }), "{exposed}: {error}");
            assert!(error.to_string().contains("--insecure"), "{error}");
            assert!(listen_address(exposed, true).is_ok(), "{exposed}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for wrong in ["", "6565", ":6565", "localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "[::1]"] {
            let error = listen_address(wrong, true).unwrap_err();
            assert!(matches!(error, AddressError::Malformed(_)), "{wrong:?}: {error}");
            assert!(error.to_string().contains("127.0.0.1:6565"), "{error}");
        }
    }
}
