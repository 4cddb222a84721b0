//! Whether a shard ever stands still with work to do: load beside a program that hogs the client's core, sampled every
//! 10 ms.
//!
//! Every connection always has a request under way, so at any instant client or server has something to do. A stall is
//! a time in which neither of the two ran nor waited for a core. Both are told by the scheduler (`schedstat`, and the
//! state `R` for a wait that is under way) for all of throng's threads and nginx's worker: asking nginx for its count every 10 ms would itself wake it, and would hide
//! a stall of the client as much as a busy core would fake one. What is left of activity in a stalled process, its
//! tickers, stays below a fifth of a sample, the limit up to which a sample counts as idle.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use throng_benches::usage::Scheduled;
use throng_benches::{Client, ClientPaths, Get, Nginx, Process, Scenario, Table, cores, machine_line};

/// Between two samples.
const SAMPLE: Duration = Duration::from_millis(10);
/// A sample is idle if both processes together were active for less than this part of it.
const IDLE_PART: u32 = 5;
/// From the start of the client to the first sample.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
#[command(about = "Longest time in which client and server both stood still")]
struct Arguments {
    /// How long to watch
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Virtual users, each with a connection
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Who makes the load
    #[arg(long, default_value = "throng")]
    client: Client,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

/// What the samples say.
#[derive(Debug, Default)]
struct Findings {
    samples: u64,
    idle: u64,
    idle_run: Duration,
    idle_run_max: Duration,
    sample_max: Duration,
}

impl Findings {
    fn add(&mut self, length: Duration, active: Duration, is_runnable: bool) {
        self.samples += 1;
        self.sample_max = self.sample_max.max(length);
        if active < length / IDLE_PART && !is_runnable {
            self.idle += 1;
            self.idle_run += length;
            self.idle_run_max = self.idle_run_max.max(self.idle_run);
        } else {
            self.idle_run = Duration::ZERO;
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let paths = ClientPaths::find(arguments.throng, None)?;
    let mut nginx = Nginx::start(cores() - 1)?;
    let url = nginx.url();
    let length = Duration::from_secs(arguments.seconds);
    let _hog = Process::start(Path::new("sh"), ["-c", "while :; do :; done"], Some(0))?;
    let mut client = paths.start(
        arguments.client,
        Scenario::Get(Get { url: &url, reuse: true }),
        arguments.connections,
        length + SETTLE * 4,
        Some(0),
    )?;
    std::thread::sleep(SETTLE);
    let requests = nginx.requests()?;
    let findings = watch(client.id(), nginx.worker(), length)?;
    client.check_running()?;
    let requests = nginx.requests()? - requests;
    let mut table =
        Table::new(&["seconds", "requests", "samples", "idle samples", "longest idle, ms", "longest sample, ms"]);
    table.row(vec![
        arguments.seconds.to_string(),
        requests.to_string(),
        findings.samples.to_string(),
        findings.idle.to_string(),
        format!("{:.1}", findings.idle_run_max.as_secs_f64() * 1e3),
        format!("{:.1}", findings.sample_max.as_secs_f64() * 1e3),
    ]);
    println!("{table}\n{}", machine_line());
    Ok(())
}

fn watch(client: i32, server: i32, length: Duration) -> Result<Findings> {
    let mut findings = Findings::default();
    let begin = Instant::now();
    let (mut last, mut before) = (begin, (Scheduled::of(client)?, Scheduled::of(server)?));
    while begin.elapsed() < length {
        std::thread::sleep(SAMPLE);
        let (now, after) = (Instant::now(), (Scheduled::of(client)?, Scheduled::of(server)?));
        let active = after.0.active_since(before.0) + after.1.active_since(before.1);
        let is_runnable = after.0.is_runnable || after.1.is_runnable;
        findings.add(now - last, Duration::from_nanos(active), is_runnable);
        (last, before) = (now, after);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_samples_in_a_row_add_up_and_activity_ends_them() {
        let mut findings = Findings::default();
        for (length, active, runnable) in [
            (10, 9, false),
            (10, 1, false),
            (12, 0, false),
            (10, 5, false),
            (15, 2, false),
            (14, 0, true),
            (9, 0, false),
        ] {
            findings.add(Duration::from_millis(length), Duration::from_millis(active), runnable);
        }
        assert_eq!((findings.samples, findings.idle), (7, 4));
        assert_eq!(findings.idle_run_max, Duration::from_millis(22));
        assert_eq!(findings.sample_max, Duration::from_millis(15));
    }
}
