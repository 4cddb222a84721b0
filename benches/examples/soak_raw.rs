//! Many idle connections without a protocol: how fast they open, and what they take of both ends' memory. One process
//! opens them by the transport alone, from many source addresses to one address and port of a `throng target`.
#![expect(clippy::print_stdout, reason = "the tables are what this is for")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use throng_benches::usage::{Memory, cpu_time};
use throng_benches::{Table, machine_line};
use throng_target::{Target, TargetConfig};
use throng_transport::source::{PortShare, SourceAddresses};
use throng_transport::{ConnectionSet, Happened, Shard, ShardConfig, ShardThread, machine};

/// Connects of a shard that are under way at once.
const UNDER_WAY_MAX: u64 = 256;
/// How often the counts are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Without a connection opened or closed for so long something is wrong.
const STALL: Duration = Duration::from_secs(20);

#[derive(Debug, Parser)]
#[command(about = "Opens many connections, holds and closes them")]
struct Arguments {
    /// Connections
    #[arg(long, default_value_t = 100_000)]
    connections: u64,
    /// Source addresses
    #[arg(long, default_value = "127.0.1.0/24")]
    bind_ips: String,
    /// Seconds to hold them
    #[arg(long, default_value_t = 10)]
    hold: u64,
    /// The program `throng` whose target is connected to [default: this program, with the same server]
    #[arg(long)]
    throng: Option<PathBuf>,
    /// Be that server
    #[arg(long, hide = true)]
    serve: bool,
}

/// What `throng target` does, as far as it is needed here.
fn serve() -> Result<()> {
    let shards = machine::cores().into_iter().map(Some).collect();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let sockets_per_shard = machine::sockets_per_shard();
    let target = Target::start(TargetConfig { address, shards, sockets_per_shard, tls: None, echo: None })?;
    println!("listening on http://{}", target.address());
    loop {
        std::thread::park();
    }
}

/// What the shards have done.
#[derive(Debug, Default)]
struct Counts {
    opened: AtomicU64,
    failed: AtomicU64,
    closed: AtomicU64,
    closing: AtomicU64,
}

impl Counts {
    fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// What a shard has left when all is closed.
#[derive(Debug)]
struct Left {
    sockets: u32,
    rings: u32,
    ports_in_use: u64,
    ports_taken: u64,
    sources: usize,
    errors: Vec<String>,
}

/// A `throng target`, ended with the value.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(throng: Option<&PathBuf>) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        match throng {
            Some(program) => command.arg(program).args(["target", "--listen", "127.0.0.1:0"]),
            None => command.arg(std::env::current_exe()?).arg("--serve"),
        };
        let mut child =
            command.stdout(Stdio::piped()).spawn().context("setpriv can't be started; it comes with util-linux")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit('/').next().unwrap_or_default();
        let address = address.parse().with_context(|| format!("the target said {line:?}"))?;
        Ok(Self { child, address })
    }

    fn id(&self) -> i32 {
        self.child.id().cast_signed()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens its share, waits to be told to close, closes all, and says what is left.
async fn hold(shard: Shard, peer: SocketAddr, share: u64, counts: Arc<Counts>, left: mpsc::Sender<Left>) {
    let set = ConnectionSet::new(&shard);
    let (mut begun, mut done, mut errors, mut keys) = (0, 0, Vec::new(), Vec::with_capacity(share as usize));
    while done < share {
        while begun < share && begun - done < UNDER_WAY_MAX {
            begun += 1;
            if let Err(error) = set.connect(0, peer, 0) {
                done += 1;
                counts.failed.fetch_add(1, Ordering::Relaxed);
                errors.push(error.to_string());
            }
        }
        if done == begun {
            continue;
        }
        let event = set.event().await;
        match event.what {
            Happened::Opened => {
                done += 1;
                keys.push(event.key);
                counts.opened.fetch_add(1, Ordering::Relaxed);
            }
            Happened::Refused(error) => {
                done += 1;
                counts.failed.fetch_add(1, Ordering::Relaxed);
                errors.push(error.to_string());
                set.close(event.key);
            }
            what => errors.push(format!("{what:?}")),
        }
    }
    let rings = shard.counts().rings;
    while Counts::get(&counts.closing) == 0 {
        shard.sleep(LOOK_EVERY).await;
        while let Some(event) = set.try_event() {
            errors.push(format!("while held: {:?}", event.what));
        }
    }
    for keys in keys.chunks(1000) {
        keys.iter().for_each(|key| assert!(set.close(*key), "it was held"));
        shard.sleep(Duration::ZERO).await;
        while set.len() > 100_000 && shard.counts().sockets + 5000 < set.len() {
            shard.sleep(LOOK_EVERY).await;
        }
        counts.closed.fetch_add(keys.len() as u64, Ordering::Relaxed);
    }
    while shard.counts().sockets > 0 {
        shard.sleep(LOOK_EVERY).await;
    }
    let uses = shard.source_uses();
    errors.dedup();
    let _ = left.send(Left {
        sockets: shard.counts().sockets,
        rings,
        ports_in_use: uses.iter().map(|one| one.in_use).sum(),
        ports_taken: uses.iter().map(|one| one.taken).sum(),
        sources: uses.iter().flat_map(|one| &one.sources).filter(|source| source.in_use_max > 0).count(),
        errors,
    });
}

/// Waits until `count` has come to `goal`; returns how long each tenth took, and how much processor time of all of
/// `processes`.
fn tenths(goal: u64, processes: &[i32], count: impl Fn() -> u64) -> Result<Vec<(Duration, Duration)>> {
    let cpu = || processes.iter().map(|process| cpu_time(*process)).sum::<Result<Duration>>();
    let (mut tenths, mut begin) = (Vec::new(), (Instant::now(), cpu()?));
    let mut last = (0, begin.0);
    while tenths.len() < 10 {
        let now = count();
        if now > last.0 {
            last = (now, Instant::now());
        }
        if now >= goal * (tenths.len() as u64 + 1) / 10 {
            let now = (Instant::now(), cpu()?);
            tenths.push((now.0 - begin.0, now.1 - begin.1));
            begin = now;
            continue;
        }
        ensure!(last.1.elapsed() < STALL, "nothing has happened for {STALL:?}: {now} of {goal}");
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(tenths)
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.serve {
        return serve();
    }
    let mut sources = SourceAddresses::default();
    if let Err(errors) = sources.add(&arguments.bind_ips) {
        bail!("--bind-ips: {errors:?}");
    }
    let (sources, target) = (Arc::new(sources), Served::start(arguments.throng.as_ref())?);
    let (counts, (sender, receiver)) = (Arc::new(Counts::default()), mpsc::channel());
    let cores = machine::cores();
    let (count, sockets_max, first) = (cores.len() as u64, machine::sockets_per_shard(), machine::first_port());
    let (us, them) = (std::process::id().cast_signed(), target.id());
    let before = [Memory::of(us)?, Memory::of(them)?];
    let cpu_before = [cpu_time(us)?, cpu_time(them)?];
    let mut threads = Vec::new();
    for (index, core) in cores.iter().enumerate() {
        let share = arguments.connections * (index as u64 + 1) / count - arguments.connections * index as u64 / count;
        let config = ShardConfig {
            name: format!("soak-{index}"),
            cpu: Some(*core),
            sockets_max,
            ports: PortShare::of_all(index as u16, count as u16, first),
            sources: Arc::clone(&sources),
        };
        let (counts, sender, peer) = (Arc::clone(&counts), sender.clone(), target.address);
        threads.push(ShardThread::start(config, move |shard| hold(shard, peer, share, counts, sender))?);
    }
    let opening =
        tenths(arguments.connections, &[us, them], || Counts::get(&counts.opened) + Counts::get(&counts.failed))?;
    let cpu = [cpu_time(us)? - cpu_before[0], cpu_time(them)? - cpu_before[1]];
    std::thread::sleep(Duration::from_secs(arguments.hold));
    let held = [Memory::of(us)?, Memory::of(them)?];
    counts.closing.store(1, Ordering::Relaxed);
    tenths(Counts::get(&counts.opened), &[us, them], || Counts::get(&counts.closed))?;
    let left: Vec<Left> = threads.iter().filter_map(|_| receiver.recv_timeout(STALL * 3).ok()).collect();
    for thread in threads {
        thread.join()?;
    }
    let mut table = Table::new(&["tenth", "connections/s", "CPU-µs each, both ends"]);
    let tenth = arguments.connections as f64 / 10.0;
    for (number, (took, cpu)) in opening.iter().enumerate() {
        let (rate, cpu) = (tenth / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / tenth);
        table.row(vec![(number + 1).to_string(), format!("{rate:.0}"), format!("{cpu:.1}")]);
    }
    let (total, opened) = (opening.iter().map(|(took, _)| *took).sum::<Duration>(), Counts::get(&counts.opened));
    println!(
        "{table}\n{opened} opened, {} failed in {total:.1?}: {:.0}/s; last tenth {:.2} x the first",
        Counts::get(&counts.failed),
        opened as f64 / total.as_secs_f64(),
        opening[0].0.as_secs_f64() / opening[9].0.as_secs_f64()
    );
    for ((name, cpu), (before, held)) in ["opening", "accepting"].iter().zip(cpu).zip(before.iter().zip(held)) {
        let bytes = held.total_kib().saturating_sub(before.total_kib()) as f64 * 1024.0 / opened as f64;
        println!(
            "{name}: {bytes:.0} bytes a connection (RSS and page tables), {:.1} µs of CPU each",
            cpu.as_secs_f64() * 1e6 / opened as f64
        );
    }
    for one in &left {
        println!(
            "a shard: {} rings, {} ports of {} addresses taken, {} still in use, {} sockets left, errors {:?}",
            one.rings, one.ports_taken, one.sources, one.ports_in_use, one.sockets, one.errors
        );
    }
    ensure!(left.len() as u64 == count, "a shard didn't end");
    println!("{}", machine_line());
    Ok(())
}
