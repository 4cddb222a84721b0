//! Whether an open model tells of a stall of its target, however few VUs it has.
//!
//! The target goes silent for a second in a run of ten, at an even rate. Who asks at that rate waits for up to a second
//! in a tenth of all cases, so the true p(99) is 0.9 s. Iterations that find no VU are dropped, and `iteration_duration`
//! doesn't know of them; `iteration_duration_corrected` does.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use throng_benches::{OpenRun, Process, Table, build_script, machine_line, throng_program};

/// How long the target may take to start.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a run takes.
const SECONDS: u64 = 10;
/// From its start to the stall.
const BEFORE: Duration = Duration::from_secs(4);

#[derive(Debug, Parser)]
#[command(about = "What an open model says of a second's stall of its target")]
struct Arguments {
    /// Iterations a second
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Virtual users, one run each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, 1_000, 3_000])]
    vus: Vec<u64>,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let throng = throng_program(arguments.throng)?;
    let directory = tempfile::tempdir()?;
    let component = directory.path().join("get.wasm");
    build_script(&throng, &Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/get.rs"), &component)?;
    // Free a moment ago, and on loopback nobody else takes it.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let _target = Process::start(&throng, ["target", "--listen", &address.to_string()], None)?;
    let url = format!("http://{address}/");
    let columns =
        ["VUs", "iterations", "dropped", "iteration_duration p(99), ms", "corrected p(99), ms", "0.85 to 1.0 s"];
    let mut table = Table::new(&columns);
    connect(address)?;
    for vus in arguments.vus {
        let run = OpenRun { rate: arguments.rate, seconds: SECONDS, vus };
        let running = run.start(&throng, &component, &[("TARGET", &url)], None)?;
        std::thread::sleep(BEFORE);
        post(address, "/stall/1000")?;
        let figures = running.finish(Duration::from_secs(SECONDS + 60))?;
        figures.check_accounts(&run)?;
        let corrected = figures.value("iteration_duration_corrected", "p(99)");
        table.row(vec![
            vus.to_string(),
            figures.iterations().to_string(),
            figures.dropped().to_string(),
            format!("{:.1}", figures.value("iteration_duration", "p(99)")),
            format!("{corrected:.1}"),
            if (850.0..=1000.0).contains(&corrected) { "yes" } else { "no" }.to_owned(),
        ]);
    }
    println!("{table}\n{}", machine_line());
    Ok(())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let begin = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(error) if begin.elapsed() > PATIENCE => bail!("no target at {address}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn post(address: SocketAddr, path: &str) -> Result<()> {
    let mut stream = connect(address)?;
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.starts_with("HTTP/1.1 200").then_some(()).with_context(|| format!("{path} was answered by {answer:?}"))
}
