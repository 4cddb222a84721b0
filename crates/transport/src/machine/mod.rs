//! What this machine gives to a process: what a run takes of it, and the facts behind that for those who ask.

mod facts;
mod held;
mod memory;
mod trial;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::ring::table_shift;

pub use facts::{Conntrack, Facts, InterfaceAddress, Limit};
pub use held::Held;
pub use trial::{missing_operations, try_shards};

/// Sockets of a shard at most, whatever the limit of open files.
pub const SOCKETS_MAX: u64 = 1 << 22;
/// Open files that aren't rings: those of the runtimes, of scripts and of outputs.
const FILES_APART: u64 = 256;
/// Locked memory of a shard's first ring, glommio's included, and of a further one.
const SHARD_LOCKED_BYTES: u64 = 900 * 1024;
const RING_LOCKED_BYTES: u64 = 48 * 1024;

/// The cores this process may use, by number.
#[must_use]
pub fn cores() -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    let cores: Vec<usize> = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false)).collect();
    if cores.is_empty() { vec![0] } else { cores }
}

/// Raises the limit of open files as far as it may be, and returns how many sockets a shard can have. A ring's file
/// table may be as large as that limit and its sockets don't count against it; but each of a shard's rings does.
#[must_use]
pub fn sockets_per_shard() -> u32 {
    let soft = raise_open_files();
    let locked = if nix::unistd::geteuid().is_root() { u64::MAX } else { Limit::of(Resource::RLIMIT_MEMLOCK).soft };
    sockets_of_shard(soft, locked, cores().len()) as u32
}

/// Raises the limit of open files as far as it may be, and returns it.
pub fn raise_open_files() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft }
}

/// Sockets that each of so many shards can have, where so many files may be open, and so many bytes of memory locked.
#[must_use]
pub fn sockets_of_shard(open_files: u64, locked_bytes: u64, shards: usize) -> u64 {
    let shards = shards.max(1) as u64;
    let of_files = open_files.saturating_sub(FILES_APART) / shards;
    let of_memory = (locked_bytes / shards).saturating_sub(SHARD_LOCKED_BYTES) / RING_LOCKED_BYTES + 1;
    (of_files.min(of_memory).clamp(1, SOCKETS_MAX) << table_shift(u32::MAX, open_files)).min(SOCKETS_MAX)
}

/// Where a process that starts now begins to hand out source ports: elsewhere than the last one did.
#[must_use]
pub fn first_port() -> u32 {
    let now = crate::Clock::now().0 / 1_000_000;
    (now as u32).wrapping_mul(0x9e37_79b9) ^ std::process::id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_bounded_by_files_and_by_locked_memory() {
        assert_eq!(sockets_of_shard(64, u64::MAX, 2), 64);
        assert_eq!(sockets_of_shard(20_000, u64::MAX, 2), SOCKETS_MAX);
        assert_eq!(sockets_of_shard(1024, u64::MAX, 2), 384 * 1024);
        assert_eq!(sockets_of_shard(20_000, 8 << 20, 2), 67 * 16_384);
        assert_eq!(sockets_of_shard(20_000, 65_536, 2), 16_384);
    }
}
