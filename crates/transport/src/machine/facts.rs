//! What bounds a run on this machine, as plain data.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::utsname::uname;

use super::{cores, memory};

/// What bounds a run on this machine. `None` stands for what this kernel doesn't have, or doesn't show to this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The kernel's release, for example `6.18.44`.
    pub kernel: String,
    /// `kernel.io_uring_disabled`: 0 allowed, 1 for privileged processes, 2 for none.
    pub io_uring_disabled: Option<u32>,
    /// Whether limits of memory that may be locked don't hold, since this is root.
    pub is_root: bool,
    /// RLIMIT_MEMLOCK in bytes.
    pub locked_memory: Limit,
    /// RLIMIT_NOFILE as the process was started.
    pub open_files: Limit,
    /// The cores that the process may run on.
    pub cores: usize,
    /// The cores that are there.
    pub cores_online: usize,
    /// As many cores as a quota leaves, rounded down, at least one.
    pub cores_by_quota: usize,
    /// Memory in bytes that could be taken now.
    pub memory_available: Option<u64>,
    /// `vm.max_map_count`.
    pub max_map_count: Option<u64>,
    /// `net.ipv4.ip_local_port_range`.
    pub local_ports: Option<(u16, u16)>,
    /// `net.ipv4.tcp_tw_reuse`: 0 never, 1 always, 2 on loopback.
    pub tcp_tw_reuse: Option<u32>,
    /// `net.core.somaxconn`.
    pub somaxconn: Option<u64>,
    /// Connection tracking, where it is loaded.
    pub conntrack: Option<Conntrack>,
    /// Addresses of interfaces that are up.
    pub addresses: Vec<InterfaceAddress>,
    /// The clock source in use, for example `tsc`.
    pub clock_source: Option<String>,
    /// The clock sources that could be used.
    pub clock_sources: Vec<String>,
    /// When transparent huge pages are used: `always`, `madvise` or `never`.
    pub huge_pages: Option<String>,
    /// Whether options of sockets can be set by a ring, so that silent peers are probed one after the other.
    pub probes_by_ring: bool,
}

/// A resource limit; `u64::MAX` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// What holds.
    pub soft: u64,
    /// How far the process may raise it.
    pub hard: u64,
}

/// A table of the kernel's firewall with all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conntrack {
    /// Entries in use.
    pub used: u64,
    /// Entries that fit.
    pub max: u64,
}

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
}

impl Facts {
    /// Looks at this machine. Changes nothing.
    #[must_use]
    pub fn read() -> Self {
        let system = uname();
        let quota = std::thread::available_parallelism();
        Self {
            kernel: system.map(|system| system.release().to_string_lossy().into_owned()).unwrap_or_default(),
            io_uring_disabled: number("/proc/sys/kernel/io_uring_disabled"),
            is_root: nix::unistd::geteuid().is_root(),
            locked_memory: Limit::of(Resource::RLIMIT_MEMLOCK),
            open_files: Limit::of(Resource::RLIMIT_NOFILE),
            cores: cores().len(),
            cores_online: text("/sys/devices/system/cpu/online").map_or(0, |list| count_of_list(&list)),
            cores_by_quota: quota.map_or(1, std::num::NonZeroUsize::get),
            memory_available: memory::available_bytes(),
            max_map_count: number("/proc/sys/vm/max_map_count"),
            local_ports: text("/proc/sys/net/ipv4/ip_local_port_range").and_then(|range| pair(&range)),
            tcp_tw_reuse: number("/proc/sys/net/ipv4/tcp_tw_reuse"),
            somaxconn: number("/proc/sys/net/core/somaxconn"),
            conntrack: conntrack(),
            addresses: addresses(),
            clock_source: text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            clock_sources: text("/sys/devices/system/clocksource/clocksource0/available_clocksource")
                .map(|names| names.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            huge_pages: text("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|modes| chosen(&modes)),
            probes_by_ring: crate::ring::can_probe(),
        }
    }
}

impl Limit {
    pub(super) fn of(resource: Resource) -> Self {
        getrlimit(resource).map_or(Self { soft: u64::MAX, hard: u64::MAX }, |(soft, hard)| Self { soft, hard })
    }
}

/// A small file of the kernel's, without the line's end.
fn text(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(path)).ok().map(|text| text.trim().to_owned())
}

fn number<T: std::str::FromStr>(path: &str) -> Option<T> {
    text(path)?.parse().ok()
}

fn conntrack() -> Option<Conntrack> {
    let used = number("/proc/sys/net/netfilter/nf_conntrack_count")?;
    Some(Conntrack { used, max: number("/proc/sys/net/netfilter/nf_conntrack_max")? })
}

/// Two numbers with white space between.
fn pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// How many numbers a list such as `0-3,8` names.
fn count_of_list(list: &str) -> usize {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.split(',').filter_map(count).sum()
}

/// The word in brackets, as in `always [madvise] never`.
fn chosen(words: &str) -> Option<String> {
    let (_, rest) = words.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

fn addresses() -> Vec<InterfaceAddress> {
    let found = getifaddrs().into_iter().flatten();
    found
        .filter(|one| one.flags.contains(nix::net::if_::InterfaceFlags::IFF_UP))
        .filter_map(|one| {
            let address = one.address?;
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            let v6 = address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
            Some(InterfaceAddress { interface: one.interface_name, address: v4.or(v6)? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(pair("32768\t60999"), Some((32_768, 60_999)));
        assert_eq!(pair("32768"), None);
        for (list, count) in [("0-1", 2), ("0", 1), ("0-3,8,10-11", 7), ("", 0), ("x", 0), ("3-1", 0)] {
            assert_eq!(count_of_list(list), count, "{list}");
        }
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
    }

    #[test]
    fn this_machine_has_cores_and_a_loopback() {
        let facts = Facts::read();
        assert!(facts.cores >= 1 && facts.cores_online >= facts.cores, "{facts:?}");
        assert!(facts.cores_by_quota >= 1 && facts.open_files.soft > 0);
        assert!(facts.addresses.iter().any(|one| one.address.is_loopback()), "{facts:?}");
        assert!(!facts.kernel.is_empty());
    }
}
