//! Memory that an open WebSocket which says nothing costs its client: throng with an event-driven and with a blocking
//! script, k6 with a VU for each and with a hundred a VU, and Tsung. Resident memory and page tables with many, over those
//! with a single one, divided by their number.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, setrlimit};
use tempfile::TempDir;
use throng_benches::usage::Memory;
use throng_benches::{Process, Table, TargetServer, build_script, in_path, k6_program, machine_line, throng_program};

/// How long all may take to open, and a client's memory to be steady.
const OPEN_MAX: Duration = Duration::from_secs(180);
const STEADY_MAX: Duration = Duration::from_secs(120);
/// Sockets of one of k6's VUs where it holds several.
const SEVERAL: u32 = 100;

#[derive(Debug, Parser)]
#[command(about = "Memory of a WebSocket that is held")]
struct Arguments {
    /// Sockets
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(200..))]
    sockets: u32,
    /// Addresses that throng connects from, as `throng run --bind-ips` takes them; the others are left out then
    #[arg(long)]
    bind_ips: Option<String>,
    /// Limit of open files
    #[arg(long, default_value_t = 20_000)]
    nofile: u64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
    /// k6's program; by default that of benches/install-peers, or that in PATH
    #[arg(long)]
    k6: Option<PathBuf>,
}

/// Who holds sockets.
#[derive(Clone, Copy, Debug)]
enum Holder {
    ThrongEvents,
    ThrongBlocking,
    K6,
    K6Several,
    Tsung,
}

/// Where programs and scripts are.
struct Programs {
    throng: PathBuf,
    bind_ips: Option<String>,
    k6: Option<PathBuf>,
    tsung: Option<PathBuf>,
    directory: TempDir,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let programs = Programs::find(&arguments)?;
    setrlimit(Resource::RLIMIT_NOFILE, arguments.nofile, arguments.nofile)?;
    let mut table = Table::new(&["client", "sockets", "MiB with 1", "MiB", "bytes a socket"]);
    // Erlang's nodes start one that stays if there is none; where there is, this one ends at once.
    let _names = in_path("epmd").map(|epmd| Process::start(&epmd, [""; 0], None)).transpose()?;
    let holders = [Holder::ThrongEvents, Holder::ThrongBlocking, Holder::K6, Holder::K6Several, Holder::Tsung];
    for holder in holders.into_iter().filter(|holder| programs.has(*holder)) {
        let one = programs.hold(holder, 1).with_context(|| format!("{holder:?} with one socket"))?;
        let many = programs.hold(holder, arguments.sockets).with_context(|| format!("{holder:?}"))?;
        let each = (many.total_kib() as f64 - one.total_kib() as f64) * 1024.0 / f64::from(arguments.sockets - 1);
        let mib = |memory: Memory| format!("{:.1}", memory.total_kib() as f64 / 1024.0);
        let row = [holder.name().to_owned(), arguments.sockets.to_string(), mib(one), mib(many), format!("{each:.0}")];
        table.row(row.to_vec());
    }
    println!("{table}\n{}; nofile {}", machine_line(), arguments.nofile);
    Ok(())
}

impl Holder {
    fn name(self) -> &'static str {
        match self {
            Self::ThrongEvents => "throng, event-driven",
            Self::ThrongBlocking => "throng, a blocking VU each",
            Self::K6 => "k6, a VU each",
            Self::K6Several => "k6, 100 a VU",
            Self::Tsung => "Tsung",
        }
    }
}

impl Programs {
    fn find(arguments: &Arguments) -> Result<Self> {
        let throng = throng_program(arguments.throng.clone())?;
        let directory = tempfile::tempdir()?;
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
        for name in ["hold", "hold_events"] {
            let component = directory.path().join(name).with_extension("wasm");
            build_script(&throng, &scripts.join(name).with_extension("rs"), &component)?;
        }
        std::fs::write(directory.path().join("hold.js"), include_str!("../../k6/hold.js"))?;
        let (k6, tsung) = match arguments.bind_ips {
            None => (arguments.k6.clone().or_else(k6_program), in_path("tsung")),
            Some(_) => (None, None),
        };
        Ok(Self { throng, bind_ips: arguments.bind_ips.clone(), k6, tsung, directory })
    }

    fn has(&self, holder: Holder) -> bool {
        match holder {
            Holder::ThrongEvents | Holder::ThrongBlocking => true,
            Holder::K6 | Holder::K6Several => self.k6.is_some(),
            Holder::Tsung => self.tsung.is_some(),
        }
    }

    /// The memory of a client that holds so many, once all are open and it doesn't change any more.
    fn hold(&self, holder: Holder, sockets: u32) -> Result<Memory> {
        let target = TargetServer::start(&self.throng, None)?;
        let mut client = self.start(holder, sockets, &target)?;
        target.wait_until(OPEN_MAX, &mut client, |now| now.open >= u64::from(sockets))?;
        let memory = client.steady_memory(STEADY_MAX)?;
        let now = target.sockets()?;
        ensure!((now.open, now.opened) == (sockets.into(), sockets.into()), "not all stayed open: {now:?}");
        Ok(memory)
    }

    fn start(&self, holder: Holder, sockets: u32, target: &TargetServer) -> Result<Process> {
        let url = format!("TARGET=ws://{}/ws/silent", target.address());
        let file = |name: &str| self.directory.path().join(name).to_string_lossy().into_owned();
        let run = |vus: u32, more: &[&str]| {
            let vus = vus.to_string();
            let given = ["run", "-q", "-e", &url, "--vus", &vus, "--duration", "1h"];
            given.iter().chain(more).map(|&argument| argument.to_owned()).collect::<Vec<_>>()
        };
        let k6 = |vus: u32, each: u32| {
            let each = format!("EACH={each}");
            let arguments = run(vus, &["-e", &each, "--no-usage-report", &file("hold.js")]);
            Process::start(self.k6.as_deref().context("no k6")?, arguments, None)
        };
        let throng = |script: &str| {
            let script = file(script);
            let addresses = self.bind_ips.as_deref().map(|addresses| ["--bind-ips", addresses]);
            let more: Vec<&str> = addresses.into_iter().flatten().chain([script.as_str()]).collect();
            Process::start(&self.throng, run(sockets, &more), None)
        };
        match holder {
            Holder::ThrongEvents => throng("hold_events.wasm"),
            Holder::ThrongBlocking => throng("hold.wasm"),
            Holder::K6 => k6(sockets, 1),
            Holder::K6Several => k6(sockets.div_ceil(SEVERAL), SEVERAL.min(sockets)),
            Holder::Tsung => {
                let scenario = include_str!("../../tsung/hold.xml")
                    .replace("@HOST@", &target.address().ip().to_string())
                    .replace("@PORT@", &target.address().port().to_string())
                    .replace("@SOCKETS@", &sockets.to_string());
                std::fs::write(file("hold.xml"), scenario)?;
                let arguments = ["-n", "-f", &file("hold.xml"), "-l", &file("tsung"), "start"];
                Process::start(self.tsung.as_deref().context("no tsung")?, arguments, None)
            }
        }
    }
}
