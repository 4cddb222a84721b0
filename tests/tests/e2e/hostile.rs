//! A hostile server: whatever it does, the request ends with a named error and k6's code within its time limit, the
//! next request of the same VU is a good one, and throng's memory stays small.

mod cases;
mod families;
mod tls;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use throng_tests::{Hostile, PeakMemory, Play, Throng};

use crate::SCRIPTS;
use cases::{Case, Expected};

/// What a busy machine adds to a time limit.
const SLACK: Duration = Duration::from_secs(3);
/// Of the process: what it takes by itself, and what each shard does, with its buffers.
const MEMORY_BYTES_MAX: u64 = 96 << 20;
const SHARD_BYTES_MAX: u64 = 32 << 20;
/// Of a body that is kept up to its limit of 64 MiB, while its memory grows.
const KEPT_BYTES_MAX: u64 = 192 << 20;
const DEADLINE: Duration = Duration::from_secs(300);

/// What a script told of one case.
struct Told<'a> {
    status: u16,
    code: u16,
    size: u64,
    took: Duration,
    good: bool,
    good_error: &'a str,
    message: &'a str,
}

impl<'a> Told<'a> {
    fn from(line: &'a str) -> Result<Self> {
        let fields: Vec<&str> = line.split('|').collect();
        let [_, status, code, size, took, good, good_error, message] = fields[..] else {
            anyhow::bail!("not told as it should: {line}")
        };
        let took = Duration::from_millis(took.parse()?);
        let (status, code, size, good) = (status.parse()?, code.parse()?, size.parse()?, good == "true");
        Ok(Self { status, code, size, took, good, good_error, message })
    }

    /// Why it isn't what the case demands, if it isn't.
    fn fault(&self, case: &Case) -> Option<String> {
        let Self { status, code, size, took, good, good_error, message } = self;
        let as_expected = match case.expected {
            Expected::Status(expected, bytes) => (*status, *size, *code) == (expected, bytes, 0),
            Expected::Code(expected, text) => (*status, *code) == (0, expected) && message.contains(text),
        };
        let in_time = *took <= case.timeout + SLACK;
        let told = format!("status {status}, code {code}, {size} bytes in {took:?}: {message}");
        match (as_expected, in_time, good) {
            (true, true, true) => None,
            (true, true, false) => Some(format!("{}: no good request after it: {good_error}", case.play.name)),
            (true, false, _) => Some(format!("{}: too late: {told}", case.play.name)),
            (false, ..) => Some(format!("{}: {told}; expected {:?}", case.play.name, case.expected)),
        }
    }
}

/// One VU goes through all cases against a server of this scheme. The result is throng's peak of memory.
fn go_through(scheme: &str, start: impl FnOnce(Vec<Play>) -> Result<Hostile>, cases: &[Case]) -> Result<u64> {
    let server = start(cases.iter().map(|case| case.play.clone()).collect())?;
    let mut requests = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let url = match case.play.name {
            "nobody listens" => format!("{scheme}://{}/", server.closed()),
            "a queue that is full" => format!("{scheme}://{}/", server.full()?),
            name => server.url(scheme, name)?,
        };
        let Case { method, keep, timeout, pause, sent_bytes, .. } = case;
        let (body, timeout, pause) = (if *keep { "keep" } else { "discard" }, timeout.as_millis(), pause.as_millis());
        let good = server.good(scheme, &format!("after-{number}"));
        requests.push(format!("{method} {body} {timeout} {pause} {sent_bytes} {url} {good}"));
    }
    let options = json!({ "scenarios": { "through": {
        "executor": "per-vu-iterations", "vus": 1, "iterations": 1, "maxDuration": "280s", "exec": "through",
    } } });
    let throng = Throng::run(&SCRIPTS.component("hostile")?)?.arg("--quiet").options(&options);
    let authority = throng.directory().join("authority.pem");
    std::fs::write(&authority, server.authority_pem())?;
    let throng = throng.arg("--tls-ca").arg(authority);
    let process = throng.variable("REQUESTS", requests.join("\n")).start()?;
    let memory = PeakMemory::of(process.id());
    let finished = process.wait(DEADLINE)?.expect_code(0)?;
    let peak = memory.finish();
    let told: Vec<&str> = finished.stderr_lines("case ").collect();
    ensure!(told.len() == cases.len(), "{} of {} cases were told: {}", told.len(), cases.len(), finished.stderr);
    let mut faults = Vec::new();
    for (case, line) in cases.iter().zip(told) {
        faults.extend(Told::from(line).with_context(|| case.play.name)?.fault(case));
    }
    ensure!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
    let summary = finished.summary()?;
    ensure!(summary.count("iterations_failed") == 0, "{}", finished.stderr);
    // None was sent twice to be recorded twice, and none is missing.
    ensure!(summary.count("http_reqs") == 2 * cases.len() as u64, "{}", summary.json());
    Ok(peak)
}

fn hold_memory(peak: u64, kept: u64) -> Result<()> {
    let shards = std::thread::available_parallelism()?.get() as u64;
    let most = MEMORY_BYTES_MAX + SHARD_BYTES_MAX * shards + kept;
    ensure!((1..=most).contains(&peak), "{peak} bytes of memory, and {most} at most");
    Ok(())
}

#[test]
fn every_attack_ends_with_its_error_in_time_and_a_good_request_follows() -> Result<()> {
    let cases = cases::all();
    ensure!(cases.len() >= 60, "only {} cases", cases.len());
    hold_memory(go_through("http", Hostile::start, &cases)?, KEPT_BYTES_MAX)
}

#[test]
fn a_connection_that_ends_at_any_byte_is_told_where() -> Result<()> {
    let cases = families::cut();
    ensure!(cases.len() >= 100, "only {} cases", cases.len());
    hold_memory(go_through("http", Hostile::start, &cases)?, 0)
}

#[test]
fn every_attack_ends_in_the_same_way_by_tls() -> Result<()> {
    hold_memory(go_through("https", Hostile::start_tls, &cases::all())?, KEPT_BYTES_MAX)
}

#[test]
fn every_attack_by_tls_itself_ends_with_its_error_in_time_and_a_good_request_follows() -> Result<()> {
    let cases = tls::all();
    ensure!(cases.len() >= 60, "only {} cases", cases.len());
    hold_memory(go_through("https", Hostile::start_tls, &cases)?, 0)
}

#[test]
fn a_handshake_that_ends_at_any_byte_is_told_as_such() -> Result<()> {
    let cases = tls::cut();
    ensure!(cases.len() >= 100, "only {} cases", cases.len());
    hold_memory(go_through("https", Hostile::start_tls, &cases)?, 0)
}
