//! Source addresses, in network namespaces of the test's own: a machine with throng, one with a target, a cable between.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use throng_tests::{Process, Throng, ip, unique, until};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(20);
/// How long each request takes, so that all connections are there at once.
const DELAY_MS: u32 = 4000;

/// Two namespaces and the cable between; they go with the value.
struct Cable {
    client: String,
    server: String,
}

impl Cable {
    /// None where this user may not make namespaces, or there is no iproute2.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was left out")]
    fn lay() -> Result<Option<Self>> {
        let name = unique();
        let cable = Self { client: format!("{name}-c"), server: format!("{name}-s") };
        let is_root = nix::unistd::geteuid().is_root();
        if !is_root || ip(&["netns", "add", &cable.client]).is_err() {
            eprintln!("left out: only root can make network namespaces, and it takes iproute2");
            return Ok(None);
        }
        ip(&["netns", "add", &cable.server])?;
        let Self { client, server } = &cable;
        ip(&["-n", client, "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", server])?;
        for (namespace, links) in [(client, ["lo", "near"]), (server, ["lo", "far"])] {
            for link in links {
                ip(&["-n", namespace, "link", "set", link, "up"])?;
            }
        }
        // The client has all of 10.0.0.0/24 by a route, as the README says, and may use a /64 that it is sent.
        ip(&["-n", client, "address", "add", "10.0.1.2/23", "dev", "near"])?;
        ip(&["-n", client, "route", "add", "local", "10.0.0.0/24", "dev", "lo"])?;
        ip(&["-n", client, "address", "add", "2001:db8:0:1::2/64", "dev", "near", "nodad"])?;
        ip(&["-n", client, "-6", "route", "add", "local", "2001:db8:0:2::/64", "dev", "lo"])?;
        ip(&["-n", server, "address", "add", "10.0.1.1/23", "dev", "far"])?;
        ip(&["-n", server, "address", "add", "2001:db8:0:1::1/64", "dev", "far", "nodad"])?;
        ip(&["-n", server, "-6", "route", "add", "2001:db8:0:2::/64", "via", "2001:db8:0:1::2"])?;
        Ok(Some(cable))
    }

    fn target(&self, listen: &str) -> Result<Process> {
        let prefix = ["ip", "netns", "exec", &self.server];
        let mut process = Throng::limited(prefix, ["target", "--listen", listen])?.start()?;
        process.stdout_line("listening on", PATIENCE)?;
        Ok(process)
    }

    /// A run with so many VUs, each with one request that takes a while.
    fn run(&self, target: &str, vus: u32, arguments: &[&str]) -> Result<Throng> {
        let script = Throng::run_arguments(&SCRIPTS.component("plain")?);
        let throng = Throng::limited(["ip", "netns", "exec", &self.client], script)?.arg("--quiet").args(arguments);
        let throng = throng.variable("TARGET", format!("http://{target}/delay/{DELAY_MS}"));
        // Were they shared, VUs that get no connection would take the iterations of a shard that is slow to begin.
        let each = json!({ "executor": "per-vu-iterations", "vus": vus, "iterations": 1 });
        Ok(throng.options(&json!({ "scenarios": { "each": each } })))
    }

    /// How many connections the server sees, by client.
    fn seen(&self) -> Result<BTreeMap<IpAddr, u32>> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server, "ss", "-Htn", "state", "established"]);
        let output = command.output().context("ss can't be started; it comes with iproute2")?;
        let mut seen = BTreeMap::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let peer: SocketAddr = line.split_whitespace().nth(3).context(line.to_owned())?.parse()?;
            *seen.entry(peer.ip()).or_default() += 1;
        }
        Ok(seen)
    }

    /// The same once there are `count`.
    fn seen_all(&self, count: u32) -> Result<BTreeMap<IpAddr, u32>> {
        until("all connections are there", PATIENCE, || {
            let seen = self.seen()?;
            Ok((seen.values().sum::<u32>() >= count).then_some(seen))
        })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in [&self.client, &self.server] {
            let _ = ip(&["netns", "delete", namespace]);
        }
    }
}

#[test]
fn many_addresses_hold_more_connections_than_one_has_ports_and_the_server_sees_equal_shares() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let _target = cable.target("10.0.1.1:8080")?;
    // One address has 16 ports here, and all of them together have 4,064.
    let run = cable.run("10.0.1.1:8080", 1000, &["--bind-ips", "10.0.0.0/24", "--bind-ports", "30000-30015"])?;
    let run = run.start()?;
    let seen = cable.seen_all(1000)?;
    assert_eq!(seen.len(), 254);
    let (least, most) = (seen.values().min().copied(), seen.values().max().copied());
    // Each shard takes the addresses in turn: it gives one at most one connection more than another.
    assert!(most.unwrap() - least.unwrap() <= 2, "{seen:?}");
    let finished = run.wait(PATIENCE)?.expect_code(0)?;
    assert_eq!(finished.summary()?.checks_passed()?, 1000);
    Ok(())
}

#[test]
fn connections_from_a_network_that_is_drawn_from_have_addresses_of_their_own() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let target = "[2001:db8:0:1::1]:8080";
    let _target = cable.target(target)?;
    let arguments = ["--bind-ips", "2001:db8:0:2::/64", "--freebind", "--bind-ports", "30000-30001"];
    let run = cable.run(target, 500, &arguments)?.start()?;
    let seen = cable.seen_all(500)?;
    assert!(seen.len() == 500 && seen.values().all(|count| *count == 1), "{seen:?}");
    assert_eq!(run.wait(PATIENCE)?.expect_code(0)?.summary()?.checks_passed()?, 500);
    Ok(())
}

#[test]
fn a_pool_that_is_used_up_is_an_error_of_its_own_with_the_arithmetic() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let _target = cable.target("10.0.1.1:8080")?;
    let run = cable.run("10.0.1.1:8080", 100, &["--bind-ips", "10.0.0.1-10.0.0.2", "--bind-ports", "30000-30015"])?;
    let finished = run.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    // 2 addresses x 16 ports.
    assert_eq!(summary.rate_counts("checks"), (32, 68), "{}", finished.stderr);
    Ok(())
}

#[test]
fn addresses_that_no_interface_has_end_the_run_before_it_begins() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let run = cable.run("10.0.1.1:8080", 1, &["--bind-ips", "10.0.0.9,192.0.2.1-192.0.2.3"])?;
    let finished = run.finish()?.expect_code(112)?;
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let command = format!("sudo ip address add {address}/32 dev near");
        assert_eq!(finished.stderr_lines(&command).count(), 1, "{}", finished.stderr);
    }
    assert!(!finished.stderr.contains("10.0.0.9"));
    Ok(())
}
