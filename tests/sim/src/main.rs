//! Groups of coordinators and their agents under a simulated network, disk and clock: `cargo xtask sim --seeds N`.
//!
//! The very code of the coordinators and of the agents' link runs here in one thread, in simulated time: tokio's clock stands still while there is
//! something to do, and jumps to the next timer when there is nothing. What goes wrong follows from a seed: processes are
//! killed, machines lose power with what wasn't synced or half of it, the network is cut, slow or lossy, clocks jump,
//! leaders hand over, nodes and agents come and go. Agents' workers measure nothing, but say windows of which it is written
//! down what they count. [`invariants`] has what must hold meanwhile, one file each. Then all is healed, and
//! has to come to its end.
//!
//! The same seed gives the same trace, in a process that has done nothing else: so one process runs one seed, and
//! [`randomness`] is where libraries get their random numbers from. `cargo xtask seed N` runs one again and tells what
//! happened.
//!
//! Not here: kernels, real disks, the load itself. Processes on real sockets are in `tests`.

mod agents;
mod clients;
mod clock;
mod dice;
mod faults;
mod group;
mod invariants;
mod network;
mod randomness;
mod runner;
mod runs;
mod simulation;
mod trace;
mod workers;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
Usage: cargo xtask sim [--seeds N] [--from SEED] [--jobs N] [--bug NAME] [--until-found]
       cargo xtask seed SEED [--bug NAME] [--lines N]

  sim    runs the seeds from SEED on, each in a process of its own, and tells which claims didn't hold
  seed   runs one seed, and shows the last N lines of its trace

  --bug NAME       plants a bug, to see that it is found: see `--bug help`
  --until-found    ends at the first seed that finds something, well if there is one
";

/// What was asked for.
#[derive(Default)]
struct Arguments {
    words: Vec<String>,
    seeds: Option<u64>,
    from: Option<u64>,
    jobs: Option<usize>,
    lines: Option<usize>,
    bug: Option<String>,
    until_found: bool,
}

fn arguments() -> Result<Arguments> {
    let mut parsed = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--seeds" => parsed.seeds = Some(value()?.parse()?),
            "--from" => parsed.from = Some(value()?.parse()?),
            "--jobs" => parsed.jobs = Some(value()?.parse()?),
            "--lines" => parsed.lines = Some(value()?.parse()?),
            "--bug" => parsed.bug = Some(value()?),
            "--until-found" => parsed.until_found = true,
            "--help" | "-h" => bail!("{USAGE}"),
            other if other.starts_with('-') => bail!("there is no option {other}\n\n{USAGE}"),
            _ => parsed.words.push(word),
        }
    }
    Ok(parsed)
}

fn planted(name: Option<&str>) -> Result<Option<simulation::Planted>> {
    let Some(name) = name else { return Ok(None) };
    let known = simulation::PLANTED.iter().find(|(known, _)| *known == name);
    let names = || simulation::PLANTED.map(|(name, _)| name).join(", ");
    Ok(Some(known.with_context(|| format!("there is no bug {name}; there are {}", names()))?.1))
}

fn main() -> Result<ExitCode> {
    let arguments = arguments()?;
    let bug = arguments.bug.as_deref();
    let planted = planted(bug)?;
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sim"] => runner::run(&runner::Order {
            seeds: arguments.seeds.unwrap_or(100),
            from: arguments.from.unwrap_or(1),
            jobs: arguments.jobs,
            bug,
            until_found: arguments.until_found,
        }),
        ["seed", seed] => {
            let seed = seed.parse().context("a seed is a whole number")?;
            one(seed, bug, planted, arguments.lines)
        }
        _ => bail!("{USAGE}"),
    }
}

/// Runs one seed here.
fn one(seed: u64, bug: Option<&str>, planted: Option<simulation::Planted>, lines: Option<usize>) -> Result<ExitCode> {
    runner::limit()?;
    randomness::seed(seed);
    // A thread of its own, which has drawn nothing before.
    let running = std::thread::spawn(move || simulation::run(seed, planted));
    let outcome = running.join().map_err(|_| anyhow::anyhow!("seed {seed}: a panic"))??;
    let (count, digest) = outcome.trace.digest();
    let mut out = std::io::stdout().lock();
    let lines = lines.unwrap_or(if outcome.violation.is_some() { 60 } else { 0 });
    for line in outcome.trace.tail(lines) {
        writeln!(out, "{line}")?;
    }
    let Some(violation) = outcome.violation else {
        writeln!(out, "seed {seed} holds: {}; trace of {count} lines, {digest}", outcome.figures)?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(out, "seed {seed} violates \"{}\": {}", violation.invariant, violation.what)?;
    writeln!(out, "seed {seed}: {}; trace of {count} lines, {digest}", outcome.figures)?;
    let bug = bug.map(|bug| format!(" --bug {bug}")).unwrap_or_default();
    writeln!(out, "again by: cargo xtask seed {seed}{bug} --lines 1000")?;
    Ok(ExitCode::FAILURE)
}
