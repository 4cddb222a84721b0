//! What a group of coordinators costs while nothing runs: processor time and resident memory of each of three, and of three
//! etcd beside them where it is installed (Debian's `etcd-server`).
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::Value;
use tempfile::TempDir;
use throng_benches::usage::{Memory, cpu_time};
use throng_benches::{Process, Table, machine_line, throng_program};

/// How long a group may take to form.
const FORM_MAX: Duration = Duration::from_secs(20);
/// What is left of forming, such as archives that are looked for, isn't looked at.
const SETTLE: Duration = Duration::from_secs(5);
const NODES: usize = 3;

#[derive(Debug, Parser)]
#[command(about = "CPU and memory of coordinators that have nothing to do")]
struct Arguments {
    /// Seconds that are looked at
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
    /// etcd's program; left out where there is none
    #[arg(long, default_value = "/usr/bin/etcd")]
    etcd: PathBuf,
}

/// A group that has formed.
struct Group {
    nodes: Vec<Process>,
    /// The place of the one that leads, if that is known.
    leader: Option<usize>,
    _directory: TempDir,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let throng = throng_program(arguments.throng)?;
    let mut groups = vec![("throng", coordinators(&throng)?)];
    if arguments.etcd.exists() {
        groups.push(("etcd", etcd(&arguments.etcd)?));
    }
    sleep(SETTLE);
    let pids: Vec<i32> = groups.iter().flat_map(|(_, group)| group.nodes.iter().map(Process::id)).collect();
    let used = |pid: &i32| cpu_time(*pid);
    let (began, before) = (Instant::now(), pids.iter().map(used).collect::<Result<Vec<_>>>()?);
    sleep(Duration::from_secs(arguments.seconds));
    let (took, after) = (began.elapsed(), pids.iter().map(used).collect::<Result<Vec<_>>>()?);
    let mut table = Table::new(&["node", "CPU, % of a core", "RSS, MiB"]);
    let names = groups.iter().flat_map(|(name, group)| {
        (0..NODES).map(move |node| format!("{name}{}", if group.leader == Some(node) { ", leads" } else { "" }))
    });
    for ((name, pid), (before, after)) in names.zip(&pids).zip(before.into_iter().zip(after)) {
        let share = (after - before).as_secs_f64() / took.as_secs_f64() * 100.0;
        let resident = Memory::of(*pid)?.resident_kib as f64 / 1024.0;
        table.row(vec![name, format!("{share:.2}"), format!("{resident:.1}")]);
    }
    for (_, group) in &mut groups {
        group.nodes.iter_mut().try_for_each(Process::check_running)?;
    }
    println!("{table}\n{}; {took:.0?}", machine_line());
    Ok(())
}

/// Three coordinators of which one leads.
fn coordinators(program: &Path) -> Result<Group> {
    let directory = tempfile::tempdir()?;
    let addresses: Vec<String> = free_ports(NODES)?.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let peers: Vec<String> = (1..).zip(&addresses).map(|(id, address)| format!("{id}={address}")).collect();
    let peers = peers.join(",");
    let start = |(id, address): (usize, &String)| {
        let data = directory.path().join(id.to_string());
        let (id, data) = (id.to_string(), data.to_string_lossy().into_owned());
        let arguments = ["coordinator", "--id", &id, "--listen", address, "--peers", &peers, "--data-dir", &data];
        Process::start(program, arguments, None)
    };
    let nodes = (1..).zip(&addresses).map(start).collect::<Result<Vec<_>>>()?;
    let began = Instant::now();
    loop {
        let mut status = Command::new(program);
        status.args(["cluster", "status", "--json", "--cluster", &addresses.join(",")]);
        let output = status.output().context("throng can't be started")?;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if let Some(leader) = told["leader"].as_u64() {
            return Ok(Group { nodes, leader: Some(leader as usize - 1), _directory: directory });
        }
        ensure!(began.elapsed() < FORM_MAX, "no coordinator leads: {}", String::from_utf8_lossy(&output.stderr));
        sleep(Duration::from_millis(100));
    }
}

/// Three etcd, with what it has by default.
fn etcd(program: &Path) -> Result<Group> {
    let directory = tempfile::tempdir()?;
    let (peers, clients) = (free_ports(NODES)?, free_ports(NODES)?);
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let cluster: Vec<String> = peers.iter().enumerate().map(|(node, port)| format!("n{node}={}", url(*port))).collect();
    let start = |node: usize| {
        let (peer, client) = (url(peers[node]), url(clients[node]));
        let data = directory.path().join(node.to_string()).to_string_lossy().into_owned();
        let arguments = [
            ("--name", format!("n{node}")),
            ("--data-dir", data),
            ("--listen-peer-urls", peer.clone()),
            ("--initial-advertise-peer-urls", peer),
            ("--listen-client-urls", client.clone()),
            ("--advertise-client-urls", client),
            ("--initial-cluster", cluster.join(",")),
        ];
        Process::start(program, arguments.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]), None)
    };
    let nodes = (0..NODES).map(start).collect::<Result<Vec<_>>>()?;
    Ok(Group { nodes, leader: None, _directory: directory })
}

/// Ports of loopback that nobody has; somebody else may take one until it is used.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
