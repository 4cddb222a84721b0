//! Processor time per request of throng and its peers: one GET and one check an iteration, keep-alive, the client on
//! core 0, nginx on the last core.
//!
//! A client's time is the difference of its process's CPU clock between two instants of steady load, and its requests
//! are the difference of nginx's own count between the same two. So start-up (throng loads a component, k6 makes its
//! VUs, wrk does nearly nothing) and the summary at the end are left out for all of them alike, and nobody's own count
//! is believed. The alternative, whole runs of two lengths subtracted, would do the same with twice the time and the
//! noise of two runs. Rounds are interleaved: every client runs once in each, and ratios are formed within a round.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use throng_benches::{Client, ClientPaths, Nginx, Scenario, Table, cores, machine_line, median, usage};

/// How long a client may take until the load is steady.
const START_MAX: Duration = Duration::from_secs(30);
/// Requests of each connection after which it counts as started.
const START_REQUESTS: u64 = 10;
/// Between that and the first instant.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(Debug, Parser)]
#[command(about = "Processor time per request of throng, wrk and k6")]
struct Arguments {
    /// How often every client runs
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds between the two instants
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Connections, a list
    #[arg(long, value_delimiter = ',', default_value = "64,256,1000")]
    connections: Vec<u32>,
    /// Clients, a list
    #[arg(long, value_delimiter = ',', default_value = "wrk,wrk-lua,throng,k6")]
    clients: Vec<Client>,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
    /// k6's program; by default that of benches/install-peers, or that in PATH
    #[arg(long)]
    k6: Option<PathBuf>,
}

/// One client's figures in one round.
#[derive(Clone, Copy, Debug)]
struct Figures {
    cpu_us: f64,
    per_second: f64,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    let paths = ClientPaths::find(arguments.throng.take(), arguments.k6.take())?;
    arguments.clients.retain(|client| {
        let has = paths.has(*client);
        if !has {
            println!("{} isn't installed and is left out: benches/install-peers installs it", name(*client));
        }
        has
    });
    let mut nginx = Nginx::start(cores() - 1)?;
    let mut table =
        Table::new(&["connections", "client", "CPU-µs a request", "requests/s", "× wrk", "× wrk-lua", "× k6"]);
    for connections in &arguments.connections {
        let rounds = measure_rounds(&arguments, &paths, &mut nginx, *connections)?;
        for (index, client) in arguments.clients.iter().enumerate() {
            table.row(row(&arguments.clients, &rounds, index, *client, *connections));
        }
    }
    println!("{table}\n{}; medians of {} rounds of {} s", machine_line(), arguments.rounds, arguments.seconds);
    Ok(())
}

/// For every round the figures of all clients, in their order.
fn measure_rounds(
    arguments: &Arguments,
    paths: &ClientPaths,
    nginx: &mut Nginx,
    connections: u32,
) -> Result<Vec<Vec<Figures>>> {
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        let mut round = Vec::new();
        for client in &arguments.clients {
            let figures = measure(paths, nginx, *client, connections, Duration::from_secs(arguments.seconds));
            round.push(figures.with_context(|| format!("{} with {connections} connections", name(*client)))?);
        }
        rounds.push(round);
    }
    Ok(rounds)
}

fn measure(
    paths: &ClientPaths,
    nginx: &mut Nginx,
    client: Client,
    connections: u32,
    span: Duration,
) -> Result<Figures> {
    let url = nginx.url();
    let first = nginx.requests()?;
    let mut process = paths.start(client, Scenario::Get(&url), connections, START_MAX + SETTLE + span * 2, Some(0))?;
    let begin = Instant::now();
    while nginx.requests()? < first + START_REQUESTS * u64::from(connections) {
        process.check_running()?;
        if begin.elapsed() > START_MAX {
            bail!("it has made nearly no requests within {START_MAX:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(SETTLE);
    let (from, requests, cpu) = (Instant::now(), nginx.requests()?, usage::cpu_time(process.id())?);
    std::thread::sleep(span);
    let (elapsed, requests, cpu) = (from.elapsed(), nginx.requests()? - requests, usage::cpu_time(process.id())? - cpu);
    process.check_running()?;
    ensure!(requests > 0, "no requests");
    Ok(Figures {
        cpu_us: cpu.as_secs_f64() * 1e6 / requests as f64,
        per_second: requests as f64 / elapsed.as_secs_f64(),
    })
}

fn row(clients: &[Client], rounds: &[Vec<Figures>], index: usize, client: Client, connections: u32) -> Vec<String> {
    let of = |pick: fn(&Figures) -> f64| median(&rounds.iter().map(|round| pick(&round[index])).collect::<Vec<_>>());
    let mut cells = vec![
        connections.to_string(),
        name(client),
        format!("{:.2}", of(|figures| figures.cpu_us)),
        format!("{:.0}", of(|figures| figures.per_second)),
    ];
    for other in [Client::Wrk, Client::WrkLua, Client::K6] {
        let ratio = clients.iter().position(|client| *client == other).map(|other| {
            let ratios: Vec<_> = rounds.iter().map(|round| round[index].cpu_us / round[other].cpu_us).collect();
            format!("{:.3}", median(&ratios))
        });
        cells.push(ratio.unwrap_or_default());
    }
    cells
}

fn name(client: Client) -> String {
    client.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
}
