//! Processor time per request of throng beside its peers, the client on core 0.
//!
//! A client's time is the difference of its process's CPU clock between two instants of steady load, and its requests
//! are the difference of nginx's own count between the same two. So start-up (throng loads a component, k6 makes its
//! VUs, wrk does nearly nothing) and the summary at the end are left out for all of them alike, and nobody's own count
//! is believed. The alternative, whole runs of two lengths subtracted, would do the same with twice the time and the
//! noise of two runs. Rounds are interleaved: every client runs once in each, and ratios are formed within a round.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::client::{Client, ClientPaths, Get, Scenario};
use crate::machine::machine_line;
use crate::nginx::{Nginx, Sessions};
use crate::stats::median;
use crate::usage;

/// How long a client may take until the load is steady.
const START_MAX: Duration = Duration::from_secs(30);
/// Requests of each connection after which it counts as started.
const START_REQUESTS: u64 = 10;
/// Between that and the first instant.
const SETTLE: Duration = Duration::from_millis(500);

/// How to compare, as arguments of a program.
#[derive(Clone, Debug, clap::Args)]
pub struct CpuArguments {
    /// How often every client runs
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Seconds between the two instants
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    pub throng: Option<PathBuf>,
    /// k6's program; by default that of benches/install-peers, or that in PATH
    #[arg(long)]
    pub k6: Option<PathBuf>,
}

/// Clients that are compared.
#[derive(Debug)]
pub struct CpuComparison {
    paths: ClientPaths,
    clients: Vec<Client>,
    rounds: usize,
    span: Duration,
}

/// One client's figures in one round.
#[derive(Clone, Copy, Debug)]
pub struct CpuFigures {
    /// Processor time of a request in microseconds.
    pub cpu_us: f64,
    /// Requests a second.
    pub per_second: f64,
    /// Sessions of TLS that were made while the client ran.
    pub sessions: Sessions,
}

impl CpuComparison {
    /// Of these clients, those that are installed, and the others.
    ///
    /// # Errors
    /// When throng isn't there or a script can't be built.
    pub fn new(arguments: CpuArguments, clients: Vec<Client>) -> Result<(Self, Vec<Client>)> {
        let CpuArguments { rounds, seconds, throng, k6 } = arguments;
        let paths = ClientPaths::find(throng, k6)?;
        let (clients, absent) = clients.into_iter().partition(|client| paths.has(*client));
        Ok((Self { paths, clients, rounds, span: Duration::from_secs(seconds) }, absent))
    }

    /// Measures every client once in every round.
    ///
    /// # Errors
    /// When a client doesn't start or makes no requests.
    pub fn measure(&self, nginx: &mut Nginx, get: Get<'_>, connections: u32) -> Result<CpuMeasured> {
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            let mut round = Vec::new();
            for client in &self.clients {
                let figures = self.measure_one(nginx, *client, get, connections);
                round.push(figures.with_context(|| format!("{client} with {connections} connections"))?);
            }
            rounds.push(round);
        }
        Ok(CpuMeasured { clients: self.clients.clone(), rounds })
    }

    fn measure_one(&self, nginx: &mut Nginx, client: Client, get: Get<'_>, connections: u32) -> Result<CpuFigures> {
        let (first, sessions) = (nginx.requests()?, nginx.sessions()?);
        let duration = START_MAX + SETTLE + self.span * 2;
        let mut process = self.paths.start(client, Scenario::Get(get), connections, duration, Some(0))?;
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
        std::thread::sleep(self.span);
        let (elapsed, requests, cpu) =
            (from.elapsed(), nginx.requests()? - requests, usage::cpu_time(process.id())? - cpu);
        process.check_running()?;
        ensure!(requests > 0, "no requests");
        drop(process);
        Ok(CpuFigures {
            cpu_us: cpu.as_secs_f64() * 1e6 / requests as f64,
            per_second: requests as f64 / elapsed.as_secs_f64(),
            sessions: nginx.sessions()?.since(sessions),
        })
    }

    /// What was measured on, and how.
    #[must_use]
    pub fn footer(&self) -> String {
        format!("{}; medians of {} rounds of {:?}", machine_line(), self.rounds, self.span)
    }
}

/// For every round the figures of all clients, in their order.
#[derive(Clone, Debug)]
pub struct CpuMeasured {
    clients: Vec<Client>,
    rounds: Vec<Vec<CpuFigures>>,
}

impl CpuMeasured {
    /// For each client its name, and the medians of its processor time, of its rate, and of the ratios of its processor
    /// time to those of `others`, empty where one wasn't measured.
    #[must_use]
    pub fn rows(&self, others: &[Client]) -> Vec<Vec<String>> {
        let row = |(index, client): (usize, &Client)| {
            let mut cells = vec![
                client.to_string(),
                format!("{:.2}", self.median(index, |figures| figures.cpu_us)),
                format!("{:.0}", self.median(index, |figures| figures.per_second)),
            ];
            cells.extend(others.iter().map(|other| self.ratio(index, *other).unwrap_or_default()));
            cells
        };
        self.clients.iter().enumerate().map(row).collect()
    }

    /// For each client, how many of its sessions of TLS were resumed ones, in per cent.
    #[must_use]
    pub fn resumed(&self) -> Vec<String> {
        let percent = |figures: &CpuFigures| figures.sessions.resumed_percent();
        (0..self.clients.len()).map(|index| format!("{:.1} %", self.median(index, percent))).collect()
    }

    fn median(&self, index: usize, pick: fn(&CpuFigures) -> f64) -> f64 {
        median(&self.rounds.iter().map(|round| pick(&round[index])).collect::<Vec<_>>())
    }

    fn ratio(&self, index: usize, other: Client) -> Option<String> {
        let other = self.clients.iter().position(|client| *client == other)?;
        let ratios: Vec<_> = self.rounds.iter().map(|round| round[index].cpu_us / round[other].cpu_us).collect();
        Some(format!("{:.3}", median(&ratios)))
    }
}
