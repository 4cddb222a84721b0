//! The system's resolver: files, DNS and whatever else the machine is set up for.
#![expect(unsafe_code, reason = "the standard library doesn't say which of getaddrinfo's errors it was")]

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use super::resolver::{LookUpFailure, Resolver};

/// `getaddrinfo`.
#[derive(Debug)]
pub(super) struct SystemResolver;

impl Resolver for SystemResolver {
    fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, LookUpFailure> {
        // A name that can't be asked for doesn't exist.
        let name = CString::new(host).map_err(|_| LookUpFailure::NotFound)?;
        let mut list = ptr::null_mut();
        // SAFETY: all fields may be zero or null.
        let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
        // Without it each address comes once per kind of socket.
        hints.ai_socktype = libc::SOCK_STREAM;
        // SAFETY: the name is a C string, the hints are initialised, and the list is written to on success alone.
        let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
        if code != 0 {
            return Err(failure(code));
        }
        let list = List(list);
        let addresses = list.addresses();
        if addresses.is_empty() { Err(LookUpFailure::NotFound) } else { Ok(addresses) }
    }
}

fn failure(code: i32) -> LookUpFailure {
    match code {
        libc::EAI_NONAME | libc::EAI_NODATA | EAI_ADDRFAMILY => LookUpFailure::NotFound,
        libc::EAI_SYSTEM => LookUpFailure::Other(io::Error::last_os_error().to_string()),
        code => {
            // SAFETY: it returns a static string for every number.
            let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
            LookUpFailure::Other(text.to_string_lossy().into_owned())
        }
    }
}

/// glibc's `EAI_ADDRFAMILY`, which the libc crate lacks.
const EAI_ADDRFAMILY: i32 = -9;

/// What `getaddrinfo` gave, not null.
struct List(*mut libc::addrinfo);

impl List {
    fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        let mut next = self.0.cast_const();
        // SAFETY: the list lives until it is dropped, and each entry points to the next or is the last.
        while let Some(entry) = unsafe { next.as_ref() } {
            next = entry.ai_next;
            if let Some(address) = address(entry)
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        addresses
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: it came from `getaddrinfo`, and nothing refers to it any more.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

fn address(entry: &libc::addrinfo) -> Option<IpAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: the family says what the address is; it need not be aligned.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_an_address_and_what_can_not_be_a_name_has_none() {
        let addresses = SystemResolver.look_up("localhost").unwrap();
        assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
        assert_eq!(SystemResolver.look_up("a\0b"), Err(LookUpFailure::NotFound));
    }

    #[test]
    fn errors_are_told_apart() {
        assert_eq!(failure(libc::EAI_NONAME), LookUpFailure::NotFound);
        assert_eq!(failure(EAI_ADDRFAMILY), LookUpFailure::NotFound);
        let LookUpFailure::Other(text) = failure(libc::EAI_AGAIN) else { panic!("the resolver can't say") };
        assert!(text.contains("emporary"), "{text}");
    }
}
