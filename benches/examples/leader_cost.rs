//! What leading costs a coordinator: fake agents, each with a window of so many series a second, against one leader that
//! merges and judges them. CPU and memory are the coordinator's.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use throng_benches::usage::{Memory, cpu_time};
use throng_benches::{Table, build_script, machine_line, throng_program};
use throng_protocol::agent::join_request::Message as Say;
use throng_protocol::agent::join_response::Message as Said;
use throng_protocol::agent::order::Task;
use throng_protocol::agent::{
    AgentsClient, ClockReading, Done, Heartbeat, JoinRequest, Part, Ready, Register, ScenarioCounts, ShardUsage,
    Standing, TeardownDone, VuCount, Window as SaidWindow,
};
use throng_stats::{
    Aggregate, MetricId, Recorder, Registry, SeriesId, SourceId, Stamp, TagSet, Window, WindowSeries, builtin,
};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

/// Samples that agents share, so that this program has some time left.
const LOADS: usize = 8;
/// Before the first instant.
const SETTLE: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(120);
/// The metrics of a request.
const METRICS: [MetricId; 10] = [
    builtin::HTTP_REQS,
    builtin::HTTP_REQ_FAILED,
    builtin::HTTP_REQ_DURATION,
    builtin::HTTP_REQ_BLOCKED,
    builtin::HTTP_REQ_CONNECTING,
    builtin::HTTP_REQ_TLS_HANDSHAKING,
    builtin::HTTP_REQ_SENDING,
    builtin::HTTP_REQ_WAITING,
    builtin::HTTP_REQ_RECEIVING,
    builtin::ITERATION_DURATION,
];

#[derive(Debug, Parser)]
struct Arguments {
    /// Agents and series of each, several with commas between
    #[arg(long, value_delimiter = ',', default_value = "100x200,300x200,1000x200,1000x50,1000x400")]
    sizes: Vec<String>,
    /// Seconds between the two instants
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

/// What all fake agents of a run have seen and done.
#[derive(Debug, Default)]
struct Tally {
    registered: AtomicU64,
    running: AtomicU64,
    sent: AtomicU64,
    committed: AtomicU64,
}

/// A coordinator that ends with this.
struct Coordinator {
    process: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Examples lie one directory below the program.
    let beside = std::env::current_exe()?.ancestors().nth(2).map(|directory| directory.join("throng"));
    let throng = throng_program(arguments.throng.clone().or(beside))?;
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("sleep.wasm");
    build_script(&throng, Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/sleep.rs")), &script)?;
    println!("{}\n", machine_line());
    let mut table = Table::new(&[
        "agents",
        "series each",
        "windows/s",
        "coordinator CPU, % of a core",
        "RSS, MB",
        "windows not yet in a checkpoint",
    ]);
    for size in &arguments.sizes {
        let (agents, series) = size.split_once('x').context("a size is such as 1000x200")?;
        let (agents, series) = (agents.parse()?, series.parse()?);
        table.row(measure(&throng, &script, (agents, series), Duration::from_secs(arguments.seconds))?);
    }
    println!("one leader, thresholds judged every second\n{table}");
    Ok(())
}

fn start(throng: &Path) -> Result<Coordinator> {
    let directory = tempfile::tempdir()?;
    let mut process = Command::new(throng)
        .args(["coordinator", "--id", "1", "--listen", "127.0.0.1:0", "--quiet", "--data-dir"])
        .arg(directory.path().join("data"))
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = process.stdout.take().context("no standard output")?;
    let line = BufReader::new(stdout).lines().next().context("the coordinator says nothing")??;
    let address = line.trim_start_matches("listening on ").to_owned();
    Ok(Coordinator { process, address, _directory: directory })
}

fn measure(throng: &Path, script: &Path, (agents, series): (u64, usize), span: Duration) -> Result<Vec<String>> {
    let coordinator = start(throng)?;
    let (tally, address) = (Arc::new(Tally::default()), coordinator.address.clone());
    let of_agents = Arc::clone(&tally);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let loads = Arc::new(Loads::start(series));
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..agents {
                tasks.spawn(agent(number, address.clone(), Arc::clone(&loads), Arc::clone(&of_agents)));
            }
            while tasks.join_next().await.is_some() {}
        });
    });
    wait("all agents register", || tally.registered.load(Ordering::Relaxed) >= agents)?;
    let thresholds: BTreeMap<String, [&str; 2]> =
        (0..10).map(|n| (format!("http_req_duration{{name:request {n}}}"), ["p(95)<500", "avg<100"])).collect();
    let options = serde_json::json!({
        "scenarios": { "default": { "executor": "constant-vus", "vus": agents, "duration": "1h" } },
        "thresholds": thresholds,
    });
    let config = tempfile::NamedTempFile::with_suffix(".json")?;
    std::fs::write(config.path(), options.to_string())?;
    let submitted = Command::new(throng)
        .args(["run", "--detach", "--quiet", "--run-id", "cost", "--cluster", &coordinator.address, "--config"])
        .args([config.path(), script])
        .output()?;
    ensure!(submitted.status.success(), "{}", String::from_utf8_lossy(&submitted.stderr));
    wait("all agents run", || tally.running.load(Ordering::Relaxed) >= agents)?;
    std::thread::sleep(SETTLE);
    let pid = i32::try_from(coordinator.process.id())?;
    let (from, cpu, sent) = (Instant::now(), cpu_time(pid)?, tally.sent.load(Ordering::Relaxed));
    std::thread::sleep(span);
    let (elapsed, cpu) = (from.elapsed().as_secs_f64(), cpu_time(pid)? - cpu);
    let windows = tally.sent.load(Ordering::Relaxed) - sent;
    let behind = tally.sent.load(Ordering::Relaxed).saturating_sub(tally.committed.load(Ordering::Relaxed));
    Ok(vec![
        agents.to_string(),
        series.to_string(),
        format!("{:.0}", windows as f64 / elapsed),
        format!("{:.1}", cpu.as_secs_f64() / elapsed * 100.0),
        format!("{:.0}", Memory::of(pid)?.resident_kib as f64 / 1_000.0),
        behind.to_string(),
    ])
}

fn wait(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_so() {
        ensure!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Windows of the current second, which agents make their own.
struct Loads(std::sync::Mutex<(u64, Vec<Window>, Vec<Load>)>);

struct Load {
    recorder: Recorder,
    series: Vec<SeriesId>,
    state: u64,
}

impl Loads {
    fn start(series: usize) -> Self {
        let registry = Arc::new(Registry::new());
        let load = |source: usize| {
            let mut recorder = Recorder::new(Arc::clone(&registry), SourceId(source as u32));
            let names =
                (0..series.div_ceil(METRICS.len())).map(|n| TagSet::from_pairs([("name", format!("request {n}"))]));
            let all: Vec<_> = names.flat_map(|tags| METRICS.map(|metric| recorder.series(metric, &tags))).collect();
            Load { recorder, series: all.into_iter().take(series).collect(), state: source as u64 + 1 }
        };
        Self(std::sync::Mutex::new((0, Vec::new(), (0..LOADS).map(load).collect())))
    }

    /// The window of an agent in a second of the run.
    fn window(&self, number: u64, second: u64) -> Window {
        let mut shared = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if shared.0 != second {
            let windows = shared.2.iter_mut().map(|load| load.second(Duration::from_secs(second))).collect();
            (shared.0, shared.1) = (second, windows);
        }
        let mut window = shared.1[number as usize % LOADS].clone();
        drop(shared);
        let source = SourceId(number as u32 * 1_024);
        let stamp = Stamp { at: Duration::from_secs(second), source, order: 0 };
        let delta = Aggregate::Gauge { last: 1.0, min: 1.0, max: 1.0, stamp };
        window.series.push(WindowSeries { metric: builtin::VUS, tags: TagSet::empty(), delta });
        window.source = source;
        window
    }
}

impl Load {
    /// Five samples in each series, of 0.2 to some 20 ms.
    fn second(&mut self, at: Duration) -> Window {
        for (place, series) in self.series.iter().enumerate() {
            for _ in 0..5 {
                self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let even = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
                match place % METRICS.len() {
                    0 => self.recorder.increment(*series, 1),
                    1 => self.recorder.rate(*series, even > 0.99),
                    _ => self.recorder.record_ns(*series, (200_000.0 * (even * 4.6).exp()) as u64),
                }
            }
        }
        self.recorder.take(at)
    }
}

/// What an agent does of the run.
#[derive(Default)]
struct Role {
    is_registered: bool,
    part: Option<Part>,
    began: Option<Instant>,
    windows: u64,
    committed: u64,
}

/// Joins until it is known, and goes on until the coordinator is gone.
async fn agent(number: u64, address: String, loads: Arc<Loads>, tally: Arc<Tally>) {
    // Not all at one instant, as no real ones would.
    sleep(Duration::from_millis(number % 1_000)).await;
    let mut role = Role::default();
    while member(number, &address, &loads, (&tally, &mut role)).await.is_err() && !role.is_registered {
        sleep(Duration::from_millis(200)).await;
    }
}

async fn member(number: u64, address: &str, loads: &Loads, (tally, role): (&Tally, &mut Role)) -> Result<()> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let (sender, receiver) = mpsc::channel(16);
    let say = |message| JoinRequest { message: Some(message) };
    let register = Register {
        name: format!("fake-{number}"),
        incarnation: number + 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capacity: 1,
        ..Register::default()
    };
    sender.send(say(Say::Register(register))).await?;
    let mut client = AgentsClient::new(channel).max_decoding_message_size(32 << 20);
    let mut answers = client.join(ReceiverStream::new(receiver)).await?.into_inner();
    let mut heartbeats = interval(Duration::from_millis(1_000));
    let mut seconds = interval(Duration::from_millis(20));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            answer = answers.message() => {
                let answer = answer?.context("the stream has ended")?;
                if let Some(fact) = answer.message.and_then(|answer| heard(answer, role, tally)) {
                    sender.send(say(fact)).await?;
                }
            }
            _ = heartbeats.tick() => {
                let clock = Some(ClockReading { sent_ns: 1 });
                sender.send(say(Say::Heartbeat(Heartbeat { clock }))).await?;
            }
            _ = seconds.tick() => {
                if let Some(window) = due(number, role, loads) {
                    sender.send(say(window)).await?;
                    tally.sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The window of a second that is over.
fn due(number: u64, role: &mut Role, loads: &Loads) -> Option<Say> {
    let next = role.windows + 1;
    if role.began?.elapsed() < Duration::from_secs(next) {
        return None;
    }
    role.windows = next;
    let window = loads.window(number, next);
    let at_ns = next * 1_000_000_000;
    let counts = ScenarioCounts { vus: 1, vus_max: 1, begun: next * 5, completed: next * 5, ..Default::default() };
    let standing = Standing {
        scenarios: vec![counts],
        vus_initialized: 1,
        shards: vec![ShardUsage { cpu_ns: at_ns / 10, turns: next * 1_000, seconds: next, ..Default::default() }],
        sources: Vec::new(),
    };
    Some(Say::Window(SaidWindow {
        part: role.part.clone(),
        first: next,
        last: next,
        at_ns,
        window: window.encode().into(),
        vus: vec![VuCount { at_ns, active: 1, initialized: 1 }],
        standing: Some(standing),
    }))
}

fn heard(answer: Said, role: &mut Role, tally: &Tally) -> Option<Say> {
    let order = match answer {
        Said::Registered(_) => {
            role.is_registered = true;
            tally.registered.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Said::Committed(committed) => {
            note_committed(role, committed.through, tally);
            return None;
        }
        Said::Orders(orders) => orders.parts.into_iter().next()?,
        _ => return None,
    };
    note_committed(role, order.committed, tally);
    let part = order.part.clone();
    match order.task? {
        Task::Prepare(_) => Some(Say::Ready(Ready { part, ..Ready::default() })),
        Task::Run(_) => {
            if role.began.is_none() {
                (role.part, role.began) = (part, Some(Instant::now()));
                tally.running.fetch_add(1, Ordering::Relaxed);
            }
            None
        }
        Task::Stop(_) => {
            role.began = None;
            Some(Say::Done(Done { part, last_window: role.windows, marked_failed: None }))
        }
        Task::Teardown(_) => {
            Some(Say::TeardownDone(TeardownDone { part, last_window: role.windows, ..TeardownDone::default() }))
        }
        _ => None,
    }
}

fn note_committed(role: &mut Role, through: u64, tally: &Tally) {
    let new = through.saturating_sub(role.committed);
    role.committed += new;
    tally.committed.fetch_add(new, Ordering::Relaxed);
}
