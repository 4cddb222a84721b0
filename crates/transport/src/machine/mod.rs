//! What this machine gives to a process: what a run takes of it, and the facts behind that for those who ask.

mod facts;
mod memory;
mod trial;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

pub use facts::{Conntrack, Facts, InterfaceAddress, Limit};
pub use trial::{missing_operations, try_shards};

/// Sockets of a shard at most, whatever the limit of open files.
pub const SOCKETS_MAX: u64 = 1 << 22;
/// Open files that aren't rings: those of the runtimes, of scripts and of outputs.
const FILES_APART: u64 = 256;

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
    let (mut soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        soft = hard;
    }
    let rings = (soft.saturating_sub(FILES_APART) / cores().len() as u64).max(1);
    (rings << crate::ring::table_shift(u32::MAX)).min(SOCKETS_MAX) as u32
}

/// Where a process that starts now begins to hand out source ports: elsewhere than the last one did.
#[must_use]
pub fn first_port() -> u32 {
    let now = crate::Clock::now().0 / 1_000_000;
    (now as u32).wrapping_mul(0x9e37_79b9) ^ std::process::id()
}
