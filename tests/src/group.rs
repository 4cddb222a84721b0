//! A group of coordinators as processes.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::certs::Certs;
use crate::delay::Delay;
use crate::network::Network;
use crate::process::{Finished, Process, until};
use crate::throng::Throng;

const PATIENCE: Duration = Duration::from_secs(30);
/// Where all nodes listen.
pub const PORT: u16 = 7701;

/// Coordinators with data directories of their own; dropping them ends all.
#[derive(Debug)]
pub struct Group {
    directory: TempDir,
    place: Place,
    nodes: Vec<u64>,
    processes: Vec<(u64, Process)>,
    certs: Option<Certs>,
}

/// Where nodes are.
#[derive(Debug)]
enum Place {
    /// At 127.x.y, which no other group of the tests has.
    Loopback(String),
    /// Each on the machine of its number.
    Machines(Arc<Network>),
    /// The same, behind what delays all that comes to them.
    Delayed(Arc<Network>, Vec<Delay>),
}

impl Place {
    /// The machines, unless all are one.
    fn network(&self) -> Option<&Arc<Network>> {
        match self {
            Self::Loopback(_) => None,
            Self::Machines(network) | Self::Delayed(network, _) => Some(network),
        }
    }
}

impl Group {
    /// Starts so many nodes, and waits until one leads.
    ///
    /// # Errors
    /// When there is no leader in time.
    pub fn start(count: u64) -> Result<Self> {
        let mut group = Self::prepare(count)?;
        for id in 1..=count {
            group.boot(id)?;
        }
        group.leader()?;
        Ok(group)
    }

    /// [`Group::start`] for a group with certificates.
    ///
    /// # Errors
    /// When there is no leader in time.
    pub fn secured(count: u64) -> Result<Self> {
        let mut group = Self::prepare_secured(count)?;
        for id in 1..=count {
            group.boot(id)?;
        }
        group.leader()?;
        Ok(group)
    }

    /// A group with certificates of which no node has been started.
    ///
    /// # Errors
    /// When there is no directory for it, or no authority.
    pub fn prepare_secured(count: u64) -> Result<Self> {
        Ok(Self { certs: Some(Certs::new()?), ..Self::prepare(count)? })
    }

    /// Its certificates.
    ///
    /// # Errors
    /// When it has none.
    pub fn certs(&self) -> Result<&Certs> {
        self.certs.as_ref().context("a group without certificates")
    }

    /// A group of which no node has been started.
    ///
    /// # Errors
    /// When there is no directory for it.
    pub fn prepare(count: u64) -> Result<Self> {
        static GROUPS: AtomicU32 = AtomicU32::new(0);
        // Loopback is large enough for each process of tests, and each group in it, to have addresses of its own.
        let (process, group) = (std::process::id(), GROUPS.fetch_add(1, Ordering::Relaxed));
        let network = format!("127.{}.{}", 1 + (process * 7 + group) % 250, 1 + (process / 250) % 250);
        let nodes = (1..=count).collect();
        let place = Place::Loopback(network);
        Ok(Self { directory: tempfile::tempdir()?, place, nodes, processes: Vec::new(), certs: None })
    }

    /// Starts a node on each of the first machines, and waits until one leads. The calling thread has to be at the router.
    ///
    /// # Errors
    /// When there is no leader in time.
    pub fn start_on(network: &Arc<Network>, count: u64) -> Result<Self> {
        Self::start_at(Place::Machines(Arc::clone(network)), count)
    }

    /// The same, where [`Group::delay`] works.
    ///
    /// # Errors
    /// When there is no leader in time.
    pub fn start_behind_delays(network: &Arc<Network>, count: u64) -> Result<Self> {
        let front = |id| {
            let machine = u8::try_from(id)?;
            let address = |host: IpAddr| SocketAddr::new(host, PORT);
            Delay::start(address(network.front(machine).into()), address(network.host(machine).into()))
        };
        let fronts = (1..=count).map(front).collect::<Result<_>>()?;
        Self::start_at(Place::Delayed(Arc::clone(network), fronts), count)
    }

    fn start_at(place: Place, count: u64) -> Result<Self> {
        let nodes = (1..=count).collect();
        let mut group = Self { directory: tempfile::tempdir()?, place, nodes, processes: Vec::new(), certs: None };
        for id in 1..=count {
            group.boot(id)?;
        }
        group.leader()?;
        Ok(group)
    }

    /// From now on all that comes to a node, and all that it answers, takes so much longer.
    pub fn delay(&self, by: Duration) {
        if let Place::Delayed(_, fronts) = &self.place {
            fronts.iter().for_each(|front| front.set(by));
        }
    }

    /// The machines, unless all nodes are on one.
    pub(crate) fn network(&self) -> Option<&Arc<Network>> {
        self.place.network()
    }

    /// What whoever calls nodes says besides.
    pub(crate) fn caller(&self) -> &'static [&'static str] {
        if self.network().is_some() { &["--insecure"] } else { &[] }
    }

    /// HOST:PORT of a node, for others.
    #[must_use]
    pub fn address(&self, id: u64) -> String {
        let host = match &self.place {
            Place::Delayed(network, _) => network.front(machine(id)).to_string(),
            _ => self.host(id),
        };
        format!("{host}:{PORT}")
    }

    /// The address that a node has.
    fn host(&self, id: u64) -> String {
        match &self.place {
            Place::Loopback(network) => format!("{network}.{id}"),
            Place::Machines(network) | Place::Delayed(network, _) => network.host(machine(id)).to_string(),
        }
    }

    /// What `--peers` has.
    #[must_use]
    pub fn peers(&self) -> String {
        self.nodes.iter().map(|id| format!("{id}={}", self.address(*id))).collect::<Vec<_>>().join(",")
    }

    /// The directory of a node's data.
    #[must_use]
    pub fn data(&self, id: u64) -> PathBuf {
        self.directory.path().join(format!("node-{id}"))
    }

    /// `throng coordinator` for a node, which may have more arguments.
    ///
    /// # Errors
    /// When there is no binary or no directory.
    pub fn command(&self, id: u64, listen: &str, peers: &str, data: &Path) -> Result<Throng> {
        let mut certificate = Vec::new();
        if let Some(certs) = &self.certs {
            let name = format!("n{id}");
            if !certs.file(&format!("peer-{name}.pem")).exists() {
                certs.issue("peer", &name, &[&self.host(id)], 30)?;
            }
            certificate = certs.arguments("peer", &name);
        }
        let prefix = self.network().map(|network| network.on(machine(id)));
        let id = id.to_string();
        let arguments = ["coordinator", "--id", &id, "--listen", listen, "--peers", peers, "--data-dir"];
        let command = Throng::limited(prefix.into_iter().flatten(), arguments)?.arg(data).args(self.caller());
        Ok(command.args(certificate))
    }

    /// Starts a node, and waits until it listens.
    ///
    /// # Errors
    /// When it doesn't.
    pub fn boot(&mut self, id: u64) -> Result<()> {
        let listen = format!("{}:{PORT}", self.host(id));
        self.boot_by(id, self.command(id, &listen, &self.peers(), &self.data(id))?)
    }

    /// Starts a node by a command of [`Group::command`] that was changed.
    ///
    /// # Errors
    /// When it doesn't listen.
    pub fn boot_by(&mut self, id: u64, command: Throng) -> Result<()> {
        let mut process = command.start()?;
        process.stdout_line("listening on ", PATIENCE)?;
        self.processes.push((id, process));
        Ok(())
    }

    /// Counts a node more among the peers of those that are started from now on.
    pub fn expect(&mut self, id: u64) {
        self.nodes.push(id);
    }

    /// The process of a node.
    ///
    /// # Errors
    /// When it isn't started.
    pub fn process(&mut self, id: u64) -> Result<&mut Process> {
        let found = self.processes.iter_mut().find(|(other, _)| *other == id);
        Ok(&mut found.with_context(|| format!("node {id} isn't started"))?.1)
    }

    /// The process of a node, which the group forgets.
    ///
    /// # Errors
    /// When it isn't started.
    pub fn take(&mut self, id: u64) -> Result<Process> {
        let index = self.processes.iter().position(|(other, _)| *other == id);
        Ok(self.processes.remove(index.with_context(|| format!("node {id} isn't started"))?).1)
    }

    /// Ends a node by SIGKILL; when that was.
    ///
    /// # Errors
    /// When it isn't started.
    pub fn kill(&mut self, id: u64) -> Result<Instant> {
        let process = self.take(id)?;
        process.signal(Signal::SIGKILL)?;
        let killed = Instant::now();
        process.wait(PATIENCE)?;
        Ok(killed)
    }

    /// Addresses of the nodes that are started, with commas between.
    #[must_use]
    pub fn alive(&self) -> String {
        self.processes.iter().map(|(id, _)| self.address(*id)).collect::<Vec<_>>().join(",")
    }

    /// `throng cluster` with these arguments, asking the nodes that are started.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn cluster(&self, arguments: &[&str]) -> Result<Finished> {
        let command = Throng::command(["cluster"])?.args(arguments).args(["--cluster", &self.alive()]);
        let command = command.args(self.caller());
        match &self.certs {
            Some(certs) => command.args(certs.of("client", "tests")?).finish(),
            None => command.finish(),
        }
    }

    /// What `throng cluster status --json` says.
    ///
    /// # Errors
    /// When no node answers.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.cluster(&["status", "--json"])?.stdout)?)
    }

    /// Waits until there is a leader among the nodes that are started.
    ///
    /// # Errors
    /// When there is none in time.
    pub fn leader(&self) -> Result<u64> {
        until("a leader", PATIENCE, || {
            let leader = self.status()?["leader"].as_u64();
            Ok(leader.filter(|leader| self.processes.iter().any(|(id, _)| id == leader)))
        })
    }

    /// Waits until every started node of the group has the whole log.
    ///
    /// # Errors
    /// When one hasn't in time.
    pub fn caught_up(&self) -> Result<()> {
        until("no node is behind", PATIENCE, || {
            let status = self.status()?;
            let nodes = status["nodes"].as_array().context("no nodes")?;
            let is_up = |node: &&Value| self.processes.iter().any(|(id, _)| node["id"] == *id);
            Ok(nodes.iter().filter(is_up).all(|node| node["lag"] == 0).then_some(()))
        })
    }

    /// Has the group acknowledge an archive with this content.
    ///
    /// # Errors
    /// When it isn't acknowledged.
    pub fn upload(&self, content: &str) -> Result<String> {
        let path = self.directory.path().join("upload");
        std::fs::write(&path, content)?;
        let path = path.to_str().context("a directory that isn't UTF-8")?;
        Ok(self.cluster(&["upload", path])?.expect_code(0)?.stdout.trim().to_owned())
    }

    /// Waits until a node has an archive on its disk.
    ///
    /// # Errors
    /// When it hasn't in time.
    pub fn has_archive(&self, id: u64, digest: &str) -> Result<()> {
        let path = self.data(id).join("archives").join(digest);
        until(&format!("node {id} has {digest}"), PATIENCE, || Ok(path.exists().then_some(())))
    }
}

fn machine(id: u64) -> u8 {
    u8::try_from(id).unwrap_or(u8::MAX)
}
