//! Whether throng's memory grows with the requests that it makes: resident memory in one run, after the first half
//! million requests and after five million, by nginx's count.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Parser;
use throng_benches::usage::Memory;
use throng_benches::{Client, ClientPaths, Get, Nginx, Process, Scenario, Table, cores, machine_line};

/// Longest run.
const RUN_MAX: Duration = Duration::from_secs(1800);

#[derive(Debug, Parser)]
#[command(about = "Growth of throng's memory with its requests")]
struct Arguments {
    /// Requests before the first look
    #[arg(long, default_value_t = 500_000)]
    first: u64,
    /// Requests before the second look
    #[arg(long, default_value_t = 5_000_000)]
    second: u64,
    /// Virtual users, each with a connection
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.first < arguments.second, "the second look comes after the first");
    let paths = ClientPaths::find(arguments.throng, None)?;
    let mut nginx = Nginx::start(cores() - 1)?;
    let url = nginx.url();
    let mut process = paths.start(
        Client::Throng,
        Scenario::Get(Get { url: &url, reuse: true }),
        arguments.connections,
        RUN_MAX,
        Some(0),
    )?;
    let begin = Instant::now();
    let first = after(&mut process, &mut nginx, arguments.first, begin)?;
    let second = after(&mut process, &mut nginx, arguments.second, begin)?;
    let mut table = Table::new(&["requests", "RSS, KiB", "page tables, KiB", "ratio of RSS"]);
    for (requests, memory) in [first, second] {
        table.row(vec![
            requests.to_string(),
            memory.resident_kib.to_string(),
            memory.page_tables_kib.to_string(),
            format!("{:.4}", memory.resident_kib as f64 / first.1.resident_kib as f64),
        ]);
    }
    println!("{table}\n{}; {} connections, {:.0?}", machine_line(), arguments.connections, begin.elapsed());
    Ok(())
}

/// The count and the memory as soon as so many requests were served.
fn after(process: &mut Process, nginx: &mut Nginx, requests: u64, begin: Instant) -> Result<(u64, Memory)> {
    loop {
        let served = nginx.requests()?;
        if served >= requests {
            return Ok((served, Memory::of(process.id())?));
        }
        process.check_running()?;
        if begin.elapsed() > RUN_MAX {
            bail!("only {served} requests within {RUN_MAX:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
