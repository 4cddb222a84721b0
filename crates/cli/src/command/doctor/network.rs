//! Addresses, ports, and what the kernel does with connections.

use std::net::IpAddr;

use throng_transport::machine::{Facts, InterfaceAddress};
use throng_transport::source::{PORT_MAX, PORT_MIN};

use super::capacity::sockets;
use super::finding::{Finding, grouped};

/// Ports that throng chooses from.
const PORTS: u64 = PORT_MAX as u64 - PORT_MIN as u64 + 1;
/// How long a closed connection rests in TIME_WAIT.
const TIME_WAIT_SECONDS: u64 = 60;
/// Tracked connections that are plenty.
const TRACKED_PLENTY: u64 = 262_144;
/// Connections that a listener of `throng target` wants to have waiting.
const BACKLOG_MIN: u64 = 4096;

pub(super) fn source_ports(facts: &Facts) -> Finding {
    let range = facts.local_ports.map_or_else(String::new, |(low, high)| {
        format!(" (net.ipv4.ip_local_port_range, {low} to {high}, is for other programs)")
    });
    let found = format!("{} to one address and port of a target, chosen by throng{range}", grouped(PORTS));
    Finding::ok("source ports", found)
}

pub(super) fn time_wait(facts: &Facts) -> Finding {
    let name = "tcp_tw_reuse";
    let value = match facts.tcp_tw_reuse {
        Some(1) => return Finding::ok(name, "1: ports of closed connections are used again at once"),
        Some(2) => "2: ports of closed connections are used again at once on loopback only",
        Some(_) => "0: ports of closed connections rest for a minute",
        None => return Finding::ok(name, "not shown here"),
    };
    Finding::note(name, value)
        .costs(format!(
            "at most {} new connections a second to one address and port in the long run, where throng closes first; \
             re-used connections don't count",
            grouped(PORTS / TIME_WAIT_SECONDS)
        ))
        .lifted_by("sudo sysctl -w net.ipv4.tcp_tw_reuse=1")
}

pub(super) fn backlog(facts: &Facts) -> Finding {
    let name = "somaxconn";
    match facts.somaxconn {
        Some(max) if max < BACKLOG_MIN => Finding::note(name, grouped(max))
            .costs("a server on this machine, `throng target` too, loses connections that are made at once")
            .lifted_by(format!("sudo sysctl -w net.core.somaxconn={BACKLOG_MIN}")),
        Some(max) => Finding::ok(name, grouped(max)),
        None => Finding::ok(name, "not shown here"),
    }
}

/// Nothing where the firewall doesn't track connections.
pub(super) fn conntrack(facts: &Facts) -> Option<Finding> {
    let table = facts.conntrack?;
    let name = "conntrack";
    let found = format!("{} of {} connections tracked", grouped(table.used), grouped(table.max));
    let wanted = sockets(facts).min(TRACKED_PLENTY);
    if table.max.saturating_sub(table.used) >= wanted {
        return Some(Finding::ok(name, found));
    }
    let finding = Finding::note(name, found)
        .costs("when the table is full, packets of new connections are dropped and connecting times out")
        .lifted_by(format!("sudo sysctl -w net.netfilter.nf_conntrack_max={}", table.used.saturating_add(2 * wanted)));
    Some(finding)
}

pub(super) fn addresses(facts: &Facts) -> Finding {
    let outward = |is_kind: fn(&IpAddr) -> bool| {
        let fits = |one: &&InterfaceAddress| is_kind(&one.address) && !is_local(&one.address);
        let found: Vec<_> = facts.addresses.iter().filter(fits).collect();
        match found.as_slice() {
            [] => "none beyond this machine".to_owned(),
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                format!("{} ({}){more}", first.address, first.interface)
            }
        }
    };
    Finding::ok("addresses", format!("IPv4: {}; IPv6: {}", outward(IpAddr::is_ipv4), outward(IpAddr::is_ipv6)))
}

/// Whether nothing beyond this link can be reached from it.
fn is_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}
