//! The kernel, and what shards are made of.

use throng_transport::machine::Facts;
use throng_transport::{RingError, ShardError};

use super::finding::{Finding, grouped};

/// The first kernel with all that the rings use.
const KERNEL_MIN: (u32, u32) = (6, 1);
/// What a shard locks, measured on Linux 6.18.
const LOCKED_BYTES_PER_SHARD: u64 = 900 * 1024;
/// Clocks that are read without a system call.
const QUICK_CLOCKS: [&str; 4] = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"];

pub(super) fn version(facts: &Facts) -> Finding {
    let name = "kernel";
    let mut numbers = facts.kernel.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= KERNEL_MIN => {
            Finding::ok(name, format!("Linux {}", facts.kernel))
        }
        (Some(_), Some(_)) => Finding::problem(name, format!("Linux {}", facts.kernel))
            .costs("throng needs 6.1 or later: deferred task work and multishot receiving of io_uring")
            .lifted_by(
                "install a newer kernel, for example on Debian 12 or later: sudo apt-get install linux-image-amd64",
            ),
        _ => Finding::note(name, format!("`{}`, of unknown version", facts.kernel))
            .costs("throng needs Linux 6.1 or later"),
    }
}

pub(super) fn io_uring(facts: &Facts, missing: &Result<Vec<&'static str>, RingError>) -> Finding {
    let name = "io_uring";
    match missing {
        Ok(missing) if missing.is_empty() => Finding::ok(name, "allowed, with every operation that throng uses"),
        Ok(missing) => Finding::problem(name, format!("it lacks {}", missing.join(", ")))
            .costs("connections can't be made or served")
            .lifted_by("install Linux 6.1 or later"),
        // That is the locked memory's line.
        Err(RingError::LockedMemory(_)) => Finding::ok(name, "allowed, but for too little locked memory"),
        Err(RingError::Unsupported { what, .. }) => {
            Finding::problem(name, format!("it lacks {what}")).lifted_by("install Linux 6.1 or later")
        }
        Err(RingError::Unavailable(error)) => {
            let switch = match facts.io_uring_disabled {
                Some(0) => "kernel.io_uring_disabled is 0, so something else forbids it",
                Some(1) => "kernel.io_uring_disabled is 1: for privileged processes and kernel.io_uring_group only",
                Some(_) => "kernel.io_uring_disabled is 2: for nobody",
                None => "there is no kernel.io_uring_disabled",
            };
            let remedy = match facts.io_uring_disabled {
                Some(1..) => "sudo sysctl -w kernel.io_uring_disabled=0",
                _ => {
                    "a seccomp profile that permits io_uring_setup, io_uring_enter and io_uring_register\n\
                     docker run --security-opt seccomp=unconfined …"
                }
            };
            Finding::problem(name, format!("not available ({error}); {switch}"))
                .costs("throng has no other way to use sockets; `build`, `new` and `inspect` work all the same")
                .lifted_by(remedy)
        }
    }
}

pub(super) fn locked_memory(facts: &Facts, shards: &Result<usize, ShardError>) -> Finding {
    let name = "locked memory";
    let needed = facts.cores as u64 * LOCKED_BYTES_PER_SHARD;
    let needs = format!(
        "rings and buffers need about {} KiB ({} on each of {} cores)",
        grouped(needed / 1024),
        LOCKED_BYTES_PER_SHARD / 1024,
        facts.cores
    );
    let limit = facts.locked_memory.soft;
    let remedy = "sudo prlimit --pid $$ --memlock=unlimited:unlimited   (this shell)\n\
                  LimitMEMLOCK=infinity                                 (a systemd unit)\n\
                  docker run --ulimit memlock=-1 …                      (a container)";
    if matches!(shards, Err(ShardError::LockedMemory { .. } | ShardError::Ring(RingError::LockedMemory(_)))) {
        return Finding::problem(name, format!("{} KiB; {needs}", grouped(limit / 1024)))
            .costs("shards can't be started; the limit is over all processes of a user")
            .lifted_by(remedy);
    }
    if limit == u64::MAX || facts.is_root {
        return Finding::ok(name, format!("no limit; {needs}"));
    }
    let found = format!("{} KiB; {needs}", grouped(limit / 1024));
    // `throng target` beside it wants as much again.
    if limit >= 2 * needed {
        return Finding::ok(name, found);
    }
    Finding::note(name, found)
        .costs("it is enough for one process; `throng target` or a second run beside it wants as much again")
        .lifted_by(remedy)
}

pub(super) fn shards(shards: &Result<usize, ShardError>) -> Finding {
    match shards {
        Ok(count) => Finding::ok("shards", format!("{count} were started, one on each core, and ended")),
        Err(error) => Finding::problem("shards", error.to_string()).costs("no run can begin"),
    }
}

pub(super) fn huge_pages(facts: &Facts) -> Finding {
    let name = "huge pages";
    match facts.huge_pages.as_deref() {
        Some("always") => Finding::note(name, "always")
            .costs("a VU may take up to 2 MiB where it needs 20 KiB")
            .lifted_by("echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"),
        Some(mode) => Finding::ok(name, format!("{mode}, so VUs take no more memory than they need")),
        None => Finding::ok(name, "this kernel has none"),
    }
}

pub(super) fn silent_peers(facts: &Facts) -> Finding {
    let name = "silent peers";
    if facts.probes_by_ring {
        return Finding::ok(name, "probed one after the other, so that no queue of packets runs over");
    }
    Finding::note(name, "probed by the kernel's timers, thousands at one instant where there are very many")
        .costs("of more than some 20,000 connections that say nothing for minutes, some are given up that aren't dead")
        .lifted_by("Linux 6.7 or later; or messages or pings more often than every half of throng.deadPeerTimeout")
}

pub(super) fn clock(facts: &Facts) -> Finding {
    let name = "clock";
    let Some(source) = &facts.clock_source else {
        return Finding::ok(name, "its source isn't shown here");
    };
    if QUICK_CLOCKS.contains(&source.as_str()) {
        return Finding::ok(name, format!("{source}, read without a system call"));
    }
    let finding = Finding::note(name, source.clone())
        .costs("each look at it is a system call or slower, and every request takes several");
    match facts.clock_sources.iter().find(|name| QUICK_CLOCKS.contains(&name.as_str())) {
        Some(better) => finding.lifted_by(format!(
            "echo {better} | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource"
        )),
        None => finding.lifted_by("this machine has no better one"),
    }
}
