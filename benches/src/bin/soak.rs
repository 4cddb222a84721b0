//! WebSockets held by one agent: how fast they open, what each costs in memory, what a message costs, and whether both
//! ends count the same.
//!
//! `sdk/examples/soak.rs` opens them to `throng target`, each sends a message every so often and gets it back, and all are
//! closed. Everything but throng's own totals comes from the kernel and from the target's count.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, setrlimit};
use serde_json::Value;
use throng_benches::usage::{Memory, cpu_time};
use throng_benches::{Process, Table, TargetServer, TargetSockets, build_script, machine_line, throng_program};

/// How often the target is asked how many are open.
const EVERY: Duration = Duration::from_millis(100);
/// How often the agent's memory is looked at.
const MEMORY_EVERY: Duration = Duration::from_secs(5);
/// The slowest ramp that is waited for, in connections a second; and for how long at least.
const SLOWEST: u64 = 5_000;
const RAMP_LEAST: Duration = Duration::from_secs(5);
/// How long closing may take, and all else at the end.
const CLOSING_MAX: Duration = Duration::from_secs(180);
const ENDING_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Parser)]
#[command(about = "WebSockets held by one agent")]
struct Arguments {
    /// Connections
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..))]
    connections: u32,
    /// Minutes that they are held once all are open
    #[arg(long, default_value_t = 2)]
    minutes: u64,
    /// Seconds between two messages of a connection
    #[arg(long, default_value_t = 60)]
    every: u64,
    /// Per cent of the connections that the target closes a minute; others are opened in their place
    #[arg(long, default_value_t = 0.0, hide_default_value = true)]
    churn: f64,
    /// Connections to open a second; by default as many as the target takes
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    rate: u32,
    /// Addresses to connect from, as `throng run --bind-ips` takes them
    #[arg(long)]
    bind_ips: Option<String>,
    /// Limit of open files
    #[arg(long, default_value_t = 20_000)]
    nofile: u64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let throng = throng_program(arguments.throng.clone())?;
    setrlimit(Resource::RLIMIT_NOFILE, arguments.nofile, arguments.nofile)?;
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("soak.wasm");
    build_script(&throng, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/examples/soak.rs"), &script)?;
    let run = |connections| Soak { throng: &throng, script: &script, directory: directory.path(), connections };
    let empty = run(1).measure(&arguments, Duration::from_secs(20))?;
    let full = run(arguments.connections).measure(&arguments, Duration::from_secs(60 * arguments.minutes))?;

    let each = |with: Memory, without: Memory| {
        (with.total_kib() as f64 - without.total_kib() as f64) * 1024.0 / f64::from(arguments.connections - 1)
    };
    let mut table = Table::new(&["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row(vec![what.to_owned(), figure]);
    row("connections", full.ramp.opened.to_string());
    row("opened a second, whole ramp", format!("{:.0}", full.ramp.rate));
    row("first tenth, last tenth", format!("{:.0}, {:.0}", full.ramp.first_rate, full.ramp.last_rate));
    row("agent, bytes a connection", format!("{:.0}", each(full.agent, empty.agent)));
    let [first, most, last] = full.resident.map(|kib| kib as f64 / 1024.0);
    row("agent, MiB: early, most, at the end", format!("{first:.1}, {most:.1}, {last:.1}"));
    row("target, bytes a connection", format!("{:.0}", each(full.target, empty.target)));
    row("agent, CPU-us a message", format!("{:.1}", full.cpu_us));
    row("messages, echoes", format!("{}, {}", full.counted.sent, full.counted.received));
    row("opened, closed properly", format!("{}, {}", full.counted.opened, full.counted.closed));
    row("slots and ports in use, at most", full.counted.sockets_peak.to_string());
    println!("{table}\n{}; nofile {}, a message every {} s", machine_line(), arguments.nofile, arguments.every);
    full.counted.check(u64::from(arguments.connections), arguments.churn > 0.0)
}

/// One run of the soak.
struct Soak<'a> {
    throng: &'a Path,
    script: &'a Path,
    directory: &'a Path,
    connections: u32,
}

/// What a run came to.
struct Figures {
    ramp: Ramp,
    agent: Memory,
    /// The agent's after a tenth of the time that they were held, the most after that, and at its end.
    resident: [u64; 3],
    target: Memory,
    cpu_us: f64,
    counted: Counted,
}

/// How connections opened, as the target counts them.
struct Ramp {
    opened: u64,
    /// A second; of all, and of the first and the last tenth.
    rate: f64,
    first_rate: f64,
    last_rate: f64,
}

/// What both ends have counted.
struct Counted {
    sent: u64,
    received: u64,
    opened: u64,
    closed: u64,
    /// Sockets that the agent had at a time.
    sockets_peak: u64,
    /// throng's counts and the target's that belong to them.
    pairs: Vec<(&'static str, u64, u64)>,
}

impl Counted {
    fn check(&self, connections: u64, churn: bool) -> Result<()> {
        for (what, throng, target) in &self.pairs {
            ensure!(throng == target, "{what}: throng counts {throng}, the target {target}");
        }
        ensure!(self.closed == self.opened, "{} of {} were closed properly", self.closed, self.opened);
        if !churn {
            // Otherwise a message may be under way to a server that closes meanwhile.
            ensure!(self.sent == self.received, "{} messages, {} echoes", self.sent, self.received);
            ensure!(self.opened == connections, "{} were opened, not {connections}", self.opened);
        }
        // A socket and its port that weren't given back would add to those of the connection in its place.
        let most = connections + connections / 100 + 100;
        ensure!(self.sockets_peak <= most, "{} sockets at a time for {connections} connections", self.sockets_peak);
        Ok(())
    }
}

impl Soak<'_> {
    fn measure(&self, arguments: &Arguments, held: Duration) -> Result<Figures> {
        let target = TargetServer::start(self.throng, None)?;
        // The load model ends the run: when the slowest ramp would have ended, and they were held for so long. Where it
        // has the ramp too, that comes before.
        let slowest = if arguments.rate == 0 { SLOWEST } else { arguments.rate.into() };
        let duration = RAMP_LEAST + Duration::from_secs(u64::from(self.connections) / slowest) + held;
        let summary = self.directory.join(format!("summary-{}.json", self.connections));
        let mut agent = self.start(arguments, &target, &summary, duration)?;
        let ramp = self.ramp(&target, &mut agent, duration)?;
        let (before, cpu_before) = (target.sockets()?.messages(), cpu_time(agent.id())?);
        let resident = watch_memory(agent.id(), held)?;
        let (after, cpu_after) = (target.sockets()?.messages(), cpu_time(agent.id())?);
        let memory = (Memory::of(agent.id())?, Memory::of(target.id())?);
        let status = agent.wait(2 * duration + CLOSING_MAX + ENDING_MAX)?;
        ensure!(status.success(), "throng ended with {status}");
        let message_count = (after - before).max(1) as f64;
        Ok(Figures {
            ramp,
            agent: memory.0,
            resident,
            target: memory.1,
            cpu_us: (cpu_after - cpu_before).as_secs_f64() * 1e6 / message_count,
            counted: count(&summary, &target.sockets()?)?,
        })
    }

    fn start(
        &self,
        arguments: &Arguments,
        target: &TargetServer,
        summary: &Path,
        duration: Duration,
    ) -> Result<Process> {
        let variables = [
            format!("TARGET=http://{}", target.address()),
            format!("EVERY={}", arguments.every),
            format!("VUS={}", self.connections),
            format!("RATE={}", arguments.rate),
            format!("DURATION={}s", duration.as_secs()),
            format!("CLOSING={}s", CLOSING_MAX.as_secs()),
        ];
        // A life of a hundred minutes is one per cent a minute.
        let life = (arguments.churn > 0.0).then(|| format!("LIFE={:.0}", 6_000.0 / arguments.churn));
        let mut given = vec!["run", "-q"];
        for variable in variables.iter().chain(&life) {
            given.extend(["-e", variable]);
        }
        if let Some(addresses) = &arguments.bind_ips {
            given.extend(["--bind-ips", addresses]);
        }
        let mut given: Vec<&OsStr> = given.into_iter().map(OsStr::new).collect();
        given.extend([OsStr::new("--summary-export"), summary.as_os_str(), self.script.as_os_str()]);
        Process::start(self.throng, given, None)
    }

    /// Watches them open.
    fn ramp(&self, target: &TargetServer, agent: &mut Process, limit: Duration) -> Result<Ramp> {
        let all = u64::from(self.connections);
        let tenth = all / 10;
        let (begin, mut open) = (Instant::now(), 0);
        // When the first was seen, a tenth, nine tenths, and all.
        let mut seen: [Option<(Instant, u64)>; 4] = [None; 4];
        while open < all {
            agent.check_running()?;
            let is_in_time = begin.elapsed() < limit;
            ensure!(is_in_time, "{open} of {all} connections were open after {limit:?}{}", agent.last_said());
            std::thread::sleep(EVERY);
            open = target.sockets()?.open;
            for (mark, seen) in [1, tenth, all - tenth, all].into_iter().zip(&mut seen) {
                if open >= mark && seen.is_none() {
                    *seen = Some((Instant::now(), open));
                }
            }
        }
        let rate = |from: usize, to: usize| {
            let (Some((from, before)), Some((to, after))) = (seen[from], seen[to]) else { return f64::NAN };
            (after - before) as f64 / (to - from).as_secs_f64()
        };
        Ok(Ramp { opened: open, rate: rate(0, 3), first_rate: rate(0, 1), last_rate: rate(2, 3) })
    }
}

/// Waits, and looks at a process's resident memory meanwhile: after a tenth of the time, the most since then, at the end.
fn watch_memory(process: i32, held: Duration) -> Result<[u64; 3]> {
    let begin = Instant::now();
    std::thread::sleep(held / 10);
    let first = Memory::of(process)?.resident_kib;
    let (mut most, mut last) = (first, first);
    while begin.elapsed() < held {
        std::thread::sleep(MEMORY_EVERY.min(held.saturating_sub(begin.elapsed())));
        last = Memory::of(process)?.resident_kib;
        most = most.max(last);
    }
    Ok([first, most, last])
}

fn count(summary: &Path, target: &TargetSockets) -> Result<Counted> {
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(summary)?)?;
    let throng = |metric: &str| number(&summary, &["metrics", metric, "count"]);
    let (sent, received) = (throng("ws_msgs_sent"), throng("ws_msgs_received"));
    Ok(Counted {
        sent,
        received,
        opened: target.opened,
        closed: target.closed_properly,
        sockets_peak: number(&summary, &["throng", "generator", "socketsPeak"]),
        pairs: vec![
            ("connections", throng("ws_sessions"), target.opened),
            ("iterations", throng("iterations"), target.closed),
            ("messages", sent, target.messages_in),
            ("echoes", received, target.messages_out),
        ],
    })
}

fn number(value: &Value, path: &[&str]) -> u64 {
    let found = path.iter().fold(value, |value, key| &value[*key]);
    found.as_u64().or_else(|| found.as_f64().map(|float| float as u64)).unwrap_or(0)
}
