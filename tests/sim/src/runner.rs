//! Many seeds, each in a process of its own, as many at a time as there are cores.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, setrlimit};

/// How much of a core one seed may take: it takes a second or less. And how long, on a machine that does other things too.
const SEED_CPU_MAX_S: u64 = 60;
const SEED_TIME_MAX: Duration = Duration::from_secs(1_800);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Which seeds.
pub(crate) struct Order<'a> {
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) jobs: Option<usize>,
    pub(crate) bug: Option<&'a str>,
    /// Whether the first that finds something is what is wanted.
    pub(crate) until_found: bool,
}

/// What came of a seed.
struct Ran {
    seed: u64,
    is_well: bool,
    text: String,
}

/// Runs them, and says what they found.
pub(crate) fn run(order: &Order<'_>) -> Result<ExitCode> {
    let began = Instant::now();
    let jobs = order.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let (next, is_over, found) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Vec::new()));
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= order.seeds || is_over.load(Ordering::SeqCst) {
                return Ok(());
            }
            let ran = one(order.from + number, order.bug)?;
            if !ran.is_well {
                is_over.store(order.until_found, Ordering::SeqCst);
                let mut out = std::io::stdout().lock();
                if !order.until_found {
                    writeln!(out, "{}", ran.text)?;
                }
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(ran);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a panic"))?)
    })?;
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|ran| ran.seed);
    let ran = next.load(Ordering::SeqCst).min(order.seeds);
    let seconds = began.elapsed().as_secs_f64();
    let mut out = std::io::stdout().lock();
    if order.until_found
        && let Some(first) = found.first()
    {
        writeln!(out, "{}", first.text)?;
    }
    let seeds: Vec<String> = found.iter().map(|ran| ran.seed.to_string()).collect();
    let which = if seeds.is_empty() { String::new() } else { format!(" ({})", seeds.join(", ")) };
    writeln!(out, "{ran} seeds from {} in {seconds:.1} s: {} found something{which}", order.from, seeds.len())?;
    let is_well = found.is_empty() != order.until_found;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has the kernel end this process when it has used more of a core than a seed may.
pub(crate) fn limit() -> Result<()> {
    Ok(setrlimit(Resource::RLIMIT_CPU, SEED_CPU_MAX_S, SEED_CPU_MAX_S)?)
}

fn one(seed: u64, bug: Option<&str>) -> Result<Ran> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["seed", &seed.to_string()]).args(bug.map(|bug| ["--bug", bug]).into_iter().flatten());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take().context("no output")?, child.stderr.take().context("no errors")?);
    std::thread::scope(|scope| {
        let (out, errors) = (scope.spawn(|| all(stdout)), scope.spawn(|| all(stderr)));
        let status = wait(&mut child)?;
        let text = |thread: std::thread::ScopedJoinHandle<'_, String>| thread.join().unwrap_or_default();
        let mut text = text(errors) + &text(out);
        let is_well = status.is_some_and(|status| status.success());
        if status.and_then(|status| status.code()).is_none() {
            text += &format!(
                "seed {seed} comes to no end: it took more than {SEED_CPU_MAX_S} s of a core, or {SEED_TIME_MAX:?}"
            );
        }
        Ok(Ran { seed, is_well, text: text.trim_end().to_owned() })
    })
}

fn all(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    // What a process said before it was ended is enough.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How it ended; none if it had to be ended.
fn wait(child: &mut Child) -> Result<Option<std::process::ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > SEED_TIME_MAX {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
