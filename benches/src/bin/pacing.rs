//! How exactly an open model keeps its schedule: empty iterations at a high rate on one shard.
//!
//! The lateness of each iteration is throng's own figure, `iteration_start_lag`. That none is lost and none runs twice
//! is told by the count and by the sum of all iterations' numbers, which the script adds up.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use throng_benches::{OpenRun, Table, build_script, machine_line, throng_program};

#[derive(Debug, Parser)]
#[command(about = "Lateness of an open model's iterations on one shard")]
struct Arguments {
    /// Iterations a second
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// How long each run takes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Virtual users
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    vus: u64,
    /// Runs
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The core that throng has for itself
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let throng = throng_program(arguments.throng)?;
    let directory = tempfile::tempdir()?;
    let component = directory.path().join("numbers.wasm");
    build_script(&throng, &Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/numbers.rs"), &component)?;
    let run = OpenRun { rate: arguments.rate, seconds: arguments.seconds, vus: arguments.vus };
    let columns =
        ["planned", "started", "dropped", "numbers", "lag med, ms", "p(99)", "p(99.9)", "max", "p(99) within 1 ms"];
    let mut table = Table::new(&columns);
    for _ in 0..arguments.rounds {
        let running = run.start(&throng, &component, &[], Some(arguments.core))?;
        let figures = running.finish(Duration::from_secs(arguments.seconds + 60))?;
        figures.check_accounts(&run)?;
        let lag = |value| figures.value("iteration_start_lag", value);
        let numbers = match (figures.dropped(), figures.value("numbers", "count")) {
            (0, sum) if sum as u64 == run.planned() * (run.planned() - 1) / 2 => "each once",
            (0, _) => "some lost or doubled",
            _ => "some dropped",
        };
        let mut row = vec![run.planned().to_string(), figures.iterations().to_string(), figures.dropped().to_string()];
        row.push(numbers.to_owned());
        row.extend(["med", "p(99)", "p(99.9)", "max"].map(|value| format!("{:.3}", lag(value))));
        row.push(if lag("p(99)") <= 1.0 { "yes" } else { "no" }.to_owned());
        table.row(row);
    }
    println!("{table}\n{}", machine_line());
    Ok(())
}
