//! How many VUs and sockets there can be.

use std::io;
use std::net::SocketAddr;

use throng_transport::machine::{Facts, Held, sockets_of_shard};
use throng_transport::source::{SourceAddresses, SourceFailure};

use super::finding::{Finding, grouped};

/// Memory of a VU that sleeps and whose script keeps nothing: RSS and page tables, measured with 10,000 of them.
const IDLE_VU_BYTES: u64 = 20 * 1024;
/// Memory of an idle connection: the kernel's for one end, and the record of it here.
const CONNECTION_BYTES: u64 = 5 * 1024 + 512;
/// Sockets of a shard that are plenty.
const SOCKETS_PLENTY: u64 = 65_536;
/// Below this much memory a machine is a small one.
const MEMORY_SMALL_BYTES: u64 = 512 << 20;
/// Mappings of a process besides those of VUs, generously: arenas of 1 GiB or more, threads, code.
const MAPPINGS_NEEDED: u64 = 10_000;

/// Sockets of all shards.
pub(super) fn sockets(facts: &Facts) -> u64 {
    facts.cores as u64 * sockets_of_a_shard(facts)
}

fn sockets_of_a_shard(facts: &Facts) -> u64 {
    let locked = if facts.is_root { u64::MAX } else { facts.locked_memory.soft };
    sockets_of_shard(facts.open_files.hard, locked, facts.cores)
}

/// A target, and which source ports are in use for it.
pub(super) type Asked = (SocketAddr, io::Result<Held>);

/// How many connections there can be to one address and port of a target.
pub(super) struct Connections {
    /// How many more than there are.
    pub(super) count: u64,
    /// What bounds them.
    bound: String,
}

/// Connections to one address and port of a target at once, beside those that are there.
pub(super) fn connections(facts: &Facts, sources: &SourceAddresses, asked: Option<&Asked>) -> Connections {
    let ports = u64::from(sources.port_share(0, 1, 0).len());
    let (addresses, drawn) = match asked {
        _ if sources.is_empty() => (1, false),
        Some((target, _)) => (sources.count(target.is_ipv4()).unwrap_or(1), sources.count(target.is_ipv4()).is_none()),
        None => (sources.count(true).max(sources.count(false)).unwrap_or(1), sources.count(false).is_none()),
    };
    let held = asked.and_then(|(_, held)| held.as_ref().ok()).copied().unwrap_or_default();
    let room = addresses as u64 * ports;
    let by_ports = if drawn { u64::MAX } else { room.saturating_sub(held.open + held.resting) };
    let by_memory = facts.memory_available.map_or(u64::MAX, |bytes| bytes / CONNECTION_BYTES);
    let arithmetic = match asked {
        None => "source addresses and ports".to_owned(),
        Some(_) => format!(
            "source addresses and ports ({} x {} = {}; {} in use, {} resting in TIME_WAIT)",
            grouped(addresses as u64),
            grouped(ports),
            grouped(room),
            grouped(held.open),
            grouped(held.resting)
        ),
    };
    let bounds = [
        (by_ports, arithmetic + ": add --bind-ips"),
        (by_memory, "memory, 5.5 KiB each".to_owned()),
        (sockets(facts), "sockets".to_owned()),
    ];
    let least = bounds.into_iter().min_by_key(|(count, _)| *count).unwrap_or_default();
    Connections { count: least.0, bound: least.1 }
}

/// How many connections there can be to one destination; and a problem if source addresses can't be used.
pub(super) fn connections_finding(
    facts: &Facts,
    sources: &SourceAddresses,
    failures: &[SourceFailure],
    asked: Option<&Asked>,
) -> Finding {
    let name = "connections";
    if !failures.is_empty() {
        let told = crate::sources::complaint(sources, failures, &crate::sources::device(facts));
        let (first, rest) = told.split_once('\n').unwrap_or((&told, ""));
        return Finding::problem(name, first.trim_end_matches(':')).lifted_by(rest);
    }
    let Connections { count, bound } = connections(facts, sources, asked);
    let Some((target, held)) = asked else {
        let found = format!("{} to one address and port of a target, bounded by {bound}", grouped(count));
        return Finding::ok(name, found);
    };
    let found = format!("{} more to {target}, bounded by {bound}", grouped(count));
    match held {
        Err(error) => Finding::note(name, found)
            .costs(format!("ports in use aren't left out: the kernel doesn't tell its sockets ({error})"))
            .lifted_by("mount /proc, or let this user read /proc/net/tcp"),
        Ok(_) if count == 0 => Finding::note(name, found)
            .costs("requests fail with error code 1214 until connections end")
            .lifted_by("--bind-ips with more addresses, or end what holds the ports (ss -tnp shows it)"),
        Ok(_) => Finding::ok(name, found),
    }
}

/// VUs that fit into the memory that is available.
pub(super) fn idle_vus(facts: &Facts) -> Option<u64> {
    facts.memory_available.map(|bytes| bytes / IDLE_VU_BYTES)
}

pub(super) fn open_files(facts: &Facts) -> Finding {
    let name = "sockets";
    let each = sockets_of_a_shard(facts);
    let found = format!(
        "{} ({} on each of {} cores; the hard limit of open files is {})",
        grouped(sockets(facts)),
        grouped(each),
        facts.cores,
        limit(facts.open_files.hard)
    );
    if each >= SOCKETS_PLENTY {
        return Finding::ok(name, found);
    }
    Finding::note(name, found)
        .costs("when as many connections are open, further requests fail with error code 1215")
        .lifted_by(format!(
            "sudo prlimit --pid $$ --nofile={SOCKETS_PLENTY}:{SOCKETS_PLENTY}   (this shell)\n\
             LimitNOFILE={SOCKETS_PLENTY}                           (a systemd unit)\n\
             docker run --ulimit nofile={SOCKETS_PLENTY} …          (a container)"
        ))
}

fn limit(value: u64) -> String {
    if value == u64::MAX { "infinite".to_owned() } else { grouped(value) }
}

pub(super) fn cores(facts: &Facts) -> Finding {
    let name = "cores";
    let found = format!("{} of {}, a shard pinned to each", facts.cores, facts.cores_online.max(facts.cores));
    if facts.cores_by_quota < facts.cores {
        return Finding::note(name, format!("{found}, but a quota of CPU time for {}", facts.cores_by_quota))
            .costs("all shards are halted when the quota of a period is used up, which shows as latency")
            .lifted_by(format!(
                "docker run --cpus={0} …, or fewer shards than cores: taskset -c 0-{1} throng …",
                facts.cores,
                facts.cores_by_quota - 1
            ));
    }
    if facts.cores < facts.cores_online {
        return Finding::note(name, found)
            .costs("the other cores aren't used")
            .lifted_by(format!("taskset -c 0-{} throng …, if the process may", facts.cores_online - 1));
    }
    Finding::ok(name, found)
}

pub(super) fn memory(facts: &Facts) -> Finding {
    let name = "memory";
    let (Some(bytes), Some(vus)) = (facts.memory_available, idle_vus(facts)) else {
        return Finding::note(name, "how much is available isn't shown here");
    };
    let found = format!(
        "{:.1} GiB available: about {} VUs of 20 KiB, which is an idle one; what a script keeps comes on top",
        bytes as f64 / f64::from(1 << 30),
        grouped(vus)
    );
    if bytes < MEMORY_SMALL_BYTES {
        return Finding::note(name, found)
            .costs("compiling a script alone may take some hundred MiB")
            .lifted_by("end other programs, or raise the container's limit: docker run --memory=2g …");
    }
    Finding::ok(name, found)
}

pub(super) fn mappings(facts: &Facts) -> Finding {
    let name = "memory mappings";
    match facts.max_map_count {
        Some(max) if max < MAPPINGS_NEEDED => Finding::note(name, grouped(max))
            .costs("threads or arenas may not get memory")
            .lifted_by("sudo sysctl -w vm.max_map_count=65530"),
        Some(max) => Finding::ok(name, format!("{}; VUs need none of their own", grouped(max))),
        None => Finding::ok(name, "their limit isn't shown here; VUs need none of their own"),
    }
}
