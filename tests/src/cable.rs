//! Two machines of the test's own, as network namespaces: one for throng, one for a target, a cable between.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::get;
use crate::network::{ip, unique};
use crate::process::{Process, until};
use crate::throng::Throng;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two namespaces and the cable between; they go with the value. The client is 10.0.1.2 and 2001:db8:0:1::2, the server
/// 10.0.1.1 and 2001:db8:0:1::1. The client may also use 10.0.0.0/24 and 2001:db8:0:2::/64.
#[derive(Debug)]
pub struct Cable {
    client: String,
    server: String,
}

impl Cable {
    /// None where this user may not make namespaces, or there is no iproute2.
    ///
    /// # Errors
    /// When something else goes wrong.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was left out")]
    pub fn lay() -> Result<Option<Self>> {
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

    /// What a command begins with that is to run at the client.
    #[must_use]
    pub fn at_client(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.client]
    }

    /// The same at the server.
    #[must_use]
    pub fn at_server(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.server]
    }

    /// Changes the client's addresses or links: `ip` with these arguments.
    ///
    /// # Errors
    /// When it refuses.
    pub fn change_client(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.client], arguments].concat())
    }

    /// The same at the server, whose end of the cable is `far`.
    ///
    /// # Errors
    /// When it refuses.
    pub fn change_server(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.server], arguments].concat())
    }

    /// Starts `throng target` at the server, and waits until it listens there.
    ///
    /// # Errors
    /// When it doesn't.
    pub fn target(&self, listen: &str) -> Result<Process> {
        let mut process = Throng::limited(self.at_server(), ["target", "--listen", listen])?.start()?;
        process.stdout_line("listening on", PATIENCE)?;
        Ok(process)
    }

    /// How many established connections the server has, by client.
    ///
    /// # Errors
    /// When ss can't tell.
    pub fn seen(&self) -> Result<BTreeMap<IpAddr, u32>> {
        established(&self.server)
    }

    /// How many the client has, by server.
    ///
    /// # Errors
    /// When ss can't tell.
    pub fn held_by_client(&self) -> Result<BTreeMap<IpAddr, u32>> {
        established(&self.client)
    }

    /// The same once there are `count`.
    ///
    /// # Errors
    /// When there aren't in time.
    pub fn seen_all(&self, count: u32) -> Result<BTreeMap<IpAddr, u32>> {
        until("all connections are there", PATIENCE, || {
            let seen = self.seen()?;
            Ok((seen.values().sum::<u32>() >= count).then_some(seen))
        })
    }

    /// What a target at the server has counted.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn statistics(&self, target: SocketAddr) -> Result<Value> {
        // The namespace is the thread's, which ends then.
        let asked = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                setns(File::open(format!("/run/netns/{}", self.server))?, CloneFlags::CLONE_NEWNET)?;
                get(target, "/stats")
            });
            asking.join().map_err(|_| anyhow!("the thread panicked"))
        });
        Ok(serde_json::from_str(&asked??)?)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in [&self.client, &self.server] {
            let _ = ip(&["netns", "delete", namespace]);
        }
    }
}

/// How many established connections a namespace has, by peer.
fn established(namespace: &str) -> Result<BTreeMap<IpAddr, u32>> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, "ss", "-Htn", "state", "established"]);
    let output = command.output().context("ss can't be started; it comes with iproute2")?;
    let mut seen = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let peer: SocketAddr = line.split_whitespace().nth(3).context(line.to_owned())?.parse()?;
        *seen.entry(peer.ip()).or_default() += 1;
    }
    Ok(seen)
}
