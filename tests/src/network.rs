//! Machines of the test's own, as network namespaces, and a router between them that loses what it is told to.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns};

/// The network namespace of the calling thread.
const OWN: &str = "/proc/thread-self/ns/net";
/// The router's own address, as all machines know it.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// Machines numbered from 1, each with a cable to a router; they go with the value.
///
/// The router forwards what one machine sends to another, unless it is told to lose it: silently, as a broken network does.
/// Whoever enters the router is as a machine that hears all others.
#[derive(Debug)]
pub struct Network {
    name: String,
    machines: u8,
}

/// A thread that is at the router as long as the value lives.
#[derive(Debug)]
pub struct AtRouter {
    before: File,
}

impl Network {
    /// So many machines. None where this user may not make namespaces, or there is no iproute2, or no nftables.
    ///
    /// # Errors
    /// When something else goes wrong.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was left out")]
    pub fn lay(machines: u8) -> Result<Option<Self>> {
        let name = unique();
        let can = nix::unistd::geteuid().is_root() && run("nft", &["--version"]).is_ok();
        if !can || ip(&["netns", "add", &name]).is_err() {
            eprintln!("left out: only root can make network namespaces, and it takes iproute2 and nftables");
            return Ok(None);
        }
        let mut network = Self { name, machines: 0 };
        ip(&["-n", &network.name, "link", "set", "lo", "up"])?;
        for machine in 1..=machines {
            network.add(machine)?;
        }
        let router = network.enter()?;
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        drop(router);
        Ok(Some(network))
    }

    fn add(&mut self, machine: u8) -> Result<()> {
        let (router, own) = (self.name.clone(), self.namespace(machine));
        ip(&["netns", "add", &own])?;
        self.machines = machine;
        let cable = format!("m{machine}");
        ip(&["-n", &router, "link", "add", &cable, "type", "veth", "peer", "name", "near", "netns", &own])?;
        let (gateway, host) = (Ipv4Addr::new(10, 77, machine, 1).to_string(), host(machine).to_string());
        for (namespace, link, address) in [(&router, cable.as_str(), &gateway), (&own, "near", &host)] {
            ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", link])?;
            ip(&["-n", namespace, "link", "set", link, "up"])?;
        }
        ip(&["-n", &own, "link", "set", "lo", "up"])?;
        ip(&["-n", &own, "route", "add", "default", "via", &gateway])?;
        if machine == 1 {
            // All of it: what stands before a machine has its address there.
            ip(&["-n", &router, "address", "add", &format!("{ROUTER}/24"), "dev", "lo"])?;
        }
        Ok(())
    }

    fn namespace(&self, machine: u8) -> String {
        format!("{}-{machine}", self.name)
    }

    /// The address of a machine.
    #[must_use]
    pub fn host(&self, machine: u8) -> Ipv4Addr {
        host(machine)
    }

    /// An address of the router's for whatever stands before a machine.
    #[must_use]
    pub fn front(&self, machine: u8) -> Ipv4Addr {
        let [a, b, c, _] = ROUTER.octets();
        Ipv4Addr::new(a, b, c, 100 + machine)
    }

    /// The address of the router.
    #[must_use]
    pub fn router(&self) -> Ipv4Addr {
        ROUTER
    }

    /// What a command begins with that is to run on a machine.
    #[must_use]
    pub fn on(&self, machine: u8) -> [String; 4] {
        ["ip".to_owned(), "netns".to_owned(), "exec".to_owned(), self.namespace(machine)]
    }

    /// Has the calling thread, and what it starts, be at the router.
    ///
    /// # Errors
    /// When the kernel doesn't let it.
    pub fn enter(&self) -> Result<AtRouter> {
        let before = File::open(OWN)?;
        let router = File::open(format!("/run/netns/{}", self.name))?;
        setns(router, CloneFlags::CLONE_NEWNET).context("the router can't be entered")?;
        Ok(AtRouter { before })
    }

    /// From now on nothing that one machine sends reaches the other; the way back is as it was.
    ///
    /// # Errors
    /// When there is no rule for it.
    pub fn lose(&self, from: u8, to: u8) -> Result<()> {
        let (from, to) = (host(from).to_string(), host(to).to_string());
        ip(&["-n", &self.name, "rule", "add", "from", &from, "to", &to, "blackhole"])
    }

    /// From now on machines of one side and of the other don't hear each other.
    ///
    /// # Errors
    /// As [`Network::lose`].
    pub fn cut(&self, side: &[u8], other: &[u8]) -> Result<()> {
        for (one, another) in side.iter().flat_map(|one| other.iter().map(move |another| (*one, *another))) {
            self.lose(one, another)?;
            self.lose(another, one)?;
        }
        Ok(())
    }

    /// From now on so many of a hundred packets to or from a TCP port are lost, each by a draw of its own.
    ///
    /// # Errors
    /// When nftables refuses it.
    pub fn lose_some(&self, percent: u8, port: u16) -> Result<()> {
        let drop = |side: &str| format!("tcp {side} {port} numgen random mod 100 < {percent} drop;");
        let drops = drop("dport") + " " + &drop("sport");
        let chain = |hook: &str| format!("chain {hook} {{ type filter hook {hook} priority 0; {drops} }}");
        let table = format!("table ip lossy {{ {}; {}; }}", chain("input"), chain("forward"));
        run("ip", &["netns", "exec", &self.name, "nft", &table])
    }

    /// Everything arrives again.
    ///
    /// # Errors
    /// When a rule can't be taken back.
    pub fn heal(&self) -> Result<()> {
        run("ip", &["netns", "exec", &self.name, "nft", "flush ruleset"])?;
        while ip(&["-n", &self.name, "rule", "delete", "blackhole"]).is_ok() {}
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in 1..=self.machines {
            let _ = ip(&["netns", "delete", &self.namespace(machine)]);
        }
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

impl Drop for AtRouter {
    fn drop(&mut self) {
        // It was there before, so it may be.
        let _ = setns(&self.before, CloneFlags::CLONE_NEWNET);
    }
}

fn host(machine: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, machine, 2)
}

/// A name that no other namespace of this machine's has.
pub(crate) fn unique() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("throng-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// `ip` of iproute2 with these arguments.
///
/// # Errors
/// When there is none, or it refuses.
pub(crate) fn ip(arguments: &[&str]) -> Result<()> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("{program} can't be started"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
