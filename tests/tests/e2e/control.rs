//! A running test that is looked at and steered from outside.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use throng_tests::{Finished, Process, Target, Throng, until};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(30);

/// A run that was started, and where it is found.
struct Running {
    process: Process,
    place: PathBuf,
}

impl Running {
    fn new(throng: Throng) -> Result<Self> {
        Self::beside(throng, None)
    }

    fn beside(throng: Throng, place: Option<&Path>) -> Result<Self> {
        let place = place.unwrap_or(throng.directory()).to_owned();
        let throng = throng.beside(&place);
        Ok(Self { process: throng.start()?, place })
    }

    /// `throng` with these arguments, where this run is found.
    fn command(&self, arguments: &[&str]) -> Result<Throng> {
        Ok(Throng::command(arguments)?.beside(&self.place))
    }

    fn ask(&self, arguments: &[&str]) -> Result<Finished> {
        self.command(arguments)?.finish()
    }

    /// What `status --json` says of the only run, once it is there.
    fn status(&self) -> Result<Value> {
        let finished = self.ask(&["status", "--json"])?.expect_code(0)?;
        let mut status: Value = serde_json::from_str(&finished.stdout)?;
        ensure!(status["runs"].as_array().is_some_and(|runs| runs.len() == 1), "{status}");
        Ok(status["runs"][0].take())
    }

    /// Waits until it is in a state; a run that has just been started can't be found yet.
    fn until_state(&self, state: &str) -> Result<Value> {
        until(&format!("the state is {state}"), PATIENCE, || {
            if self.ask(&["status"])?.stderr.contains("no test of this user runs here") {
                return Ok(None);
            }
            let status = self.status()?;
            Ok((status["state"] == state).then_some(status))
        })
    }
}

/// A run of ten minutes whose iterations sleep for one.
fn sleeping(options: &Value) -> Result<Throng> {
    Ok(Throng::run(&SCRIPTS.component("hooks")?)?.options(options).variable("ITERATION", "sleep"))
}

fn ten_minutes() -> Value {
    json!({ "vus": 2, "duration": "10m", "thresholds": { "checks": ["rate==1"] } })
}

#[test]
fn a_run_is_looked_at_watched_and_stopped() -> Result<()> {
    let mut run = Running::new(sleeping(&ten_minutes())?)?;
    run.process.stderr_line_of(2, "asleep", PATIENCE)?;
    let status = run.until_state("running")?;
    let id = status["id"].as_str().context("no id")?.to_owned();
    assert_eq!((&status["vusMax"], &status["stopping"]), (&json!(2), &json!(false)), "{status}");
    assert_eq!(status["processId"], json!(run.process.id().as_raw()));
    assert_eq!(
        (&status["scenarios"][0]["executor"], &status["scenarios"][0]["durationMs"]),
        (&json!("constant-vus"), &json!(600_000))
    );
    let text = run.ask(&["status", "--run", &id])?.expect_code(0)?.stdout;
    assert!(text.starts_with(&format!("run {id}: running")) && text.contains("hooks.wasm"), "{text}");

    let mut watcher = run.command(&["watch"])?.start()?;
    watcher.stderr_line("running, ", PATIENCE)?;
    let mut for_machines = run.command(&["watch", "--json"])?.start()?;
    for_machines.stdout_line("\"progress\"", PATIENCE)?;
    let said = run.ask(&["stop"])?.expect_code(0)?.stdout;
    assert!(said.contains(&id) && said.contains("teardown"), "{said}");

    let Running { process, place } = run;
    let watched = watcher.wait(PATIENCE)?.expect_code(103)?;
    assert!(watched.stderr.contains("teardown begins"), "{}", watched.stderr);
    assert!(watched.stderr.contains("ERRO the run ended with exit code 103, stopped"), "{}", watched.stderr);
    let finished = process.wait(PATIENCE)?.expect_code(103)?;
    assert_eq!(finished.stderr_lines("teardown begins").count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("0 complete and 2 interrupted iterations"), "{}", finished.stderr);
    assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
    assert_eq!(watched.stdout, finished.stdout, "both print the same summary");
    let events = for_machines.wait(PATIENCE)?.expect_code(103)?.stdout;
    let last: Value = serde_json::from_str(events.lines().last().context("no events")?)?;
    assert_eq!(last["end"]["run"]["ending"]["exitCode"], json!(103));
    assert_eq!(last["end"]["summary"]["metrics"]["checks"]["values"]["passes"], json!(2), "{last}");
    assert!(!place.join("throng").exists(), "nothing is left behind");
    Ok(())
}

#[test]
fn one_of_several_runs_is_named() -> Result<()> {
    let mut one = Running::new(sleeping(&ten_minutes())?)?;
    let mut other = Running::beside(sleeping(&ten_minutes())?, Some(&one.place))?;
    for run in [&mut one, &mut other] {
        run.process.stderr_line("asleep", PATIENCE)?;
    }
    let both: Value = serde_json::from_str(&one.ask(&["status", "--json"])?.expect_code(0)?.stdout)?;
    let ids: Vec<&str> =
        both["runs"].as_array().context("no runs")?.iter().filter_map(|run| run["id"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    let refused = one.ask(&["stop"])?.expect_code(104)?;
    assert!(ids.iter().all(|id| refused.stderr.contains(id)) && refused.stderr.contains("--run"), "{}", refused.stderr);
    one.ask(&["stop", "--run", ids[0]])?.expect_code(0)?;
    let left = until("only the other one runs", PATIENCE, || {
        let status: Value = serde_json::from_str(&one.ask(&["status", "--json"])?.expect_code(0)?.stdout)?;
        Ok((status["runs"].as_array().is_some_and(|runs| runs.len() == 1)).then_some(status))
    })?;
    assert_eq!(left["runs"][0]["id"], json!(ids[1]));
    let gone = one.ask(&["status", "--run", ids[0]])?.expect_code(114)?;
    assert!(gone.stderr.contains(ids[1]), "it names what runs: {}", gone.stderr);
    Ok(())
}

#[test]
fn what_a_killed_run_left_is_cleared_away() -> Result<()> {
    // The directory of a run goes with its process.
    let place = tempfile::tempdir()?;
    let mut run = Running::beside(sleeping(&ten_minutes())?, Some(place.path()))?;
    run.process.stderr_line("asleep", PATIENCE)?;
    run.process.signal(Signal::SIGKILL)?;
    run.process.wait(PATIENCE)?;
    assert_eq!(std::fs::read_dir(place.path().join("throng"))?.count(), 1);
    let finished = Throng::command(["status"])?.beside(place.path()).finish()?.expect_code(114)?;
    assert!(finished.stderr.contains("no test of this user runs here"), "{}", finished.stderr);
    assert!(!place.path().join("throng").exists());
    Ok(())
}

#[test]
fn a_run_that_can_not_be_scaled_says_so() -> Result<()> {
    let mut run = Running::new(sleeping(&ten_minutes())?)?;
    run.process.stderr_line("asleep", PATIENCE)?;
    for (arguments, code, text) in [
        (&["scale", "--vus", "3"][..], 115, "externally-controlled"),
        (&["scale", "--vus", "3", "--scenario", "nowhere"], 104, "there is no scenario `nowhere`"),
        (&["scale", "--vus", "5", "--max", "4"], 104, "lower --vus or raise --max"),
        (&["pause"], 115, "externally-controlled"),
        (&["resume"], 115, "paused"),
    ] {
        let finished = run.ask(arguments)?.expect_code(code).with_context(|| arguments.join(" "))?;
        assert!(finished.stderr.contains(text), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
    Ok(())
}

#[test]
fn wrong_calls_say_what_to_do() -> Result<()> {
    let component = SCRIPTS.component("hooks")?;
    let script = component.to_str().context("a path")?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.to_string();
    for (arguments, code, text) in [
        (&["status"][..], 114, "--address HOST:PORT"),
        (&["stop", "--run", "no-such-run"], 114, "there is no run no-such-run"),
        (&["stop", "--run", "../etc"], 104, "can't be a run"),
        (&["scale"], 104, "--vus"),
        (&["scale", "--vus", "many"], 104, "many"),
        (&["scale", "--vus", "-1"], 104, "-1"),
        (&["status", "--address", "127.0.0.1:1"], 114, "was it started with --address 127.0.0.1:1?"),
        (&["status", "--address", "somewhere"], 104, "HOST:PORT"),
        (&["run", script, "--address", "0.0.0.0:0"], 104, "--insecure"),
        (&["run", script, "--address", ":6565"], 104, "127.0.0.1:6565"),
        (&["run", script, "--insecure"], 104, "--address"),
        (&["run", script, "--address", &taken], 106, "free it, or give another one"),
    ] {
        let finished = Throng::command(arguments)?.finish()?;
        let finished = finished.expect_code(code).with_context(|| arguments.join(" "))?;
        assert!(finished.stderr.contains(text), "{arguments:?}: {}", finished.stderr);
    }
    Ok(())
}

#[test]
fn a_hostile_client_disturbs_no_run() -> Result<()> {
    const ITERATIONS: u64 = 2_000;
    let target = Target::start()?;
    let options = json!({ "vus": 4, "iterations": ITERATIONS, "thresholds": { "checks": ["rate==1"] } });
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.args(["--address", "127.0.0.1:0"]);
    let mut process = throng.options(&options).variable("TARGET", target.url("/")).start()?;
    let line = process.stderr_line("is controlled at", PATIENCE)?;
    let address = line.rsplit(' ').next().context("no address")?.to_owned();
    let over = AtomicBool::new(false);
    let finished = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut open = Vec::new();
            let mut noise = vec![0_u8; 4_096];
            for round in 0_u8.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                // Half of it begins as it should.
                noise.fill(round);
                let preface = if round % 2 == 0 { "" } else { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" };
                let Ok(mut stream) = TcpStream::connect(&address) else { break };
                let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
                let _ = stream.write_all(&[preface.as_bytes(), &noise].concat());
                let _ = stream.read(&mut [0; 64]);
                // Some stay, and say nothing more.
                open.push(stream);
                if open.len() > 100 {
                    open.clear();
                }
            }
        });
        let finished = process.wait(PATIENCE);
        over.store(true, Ordering::Relaxed);
        finished
    })?;
    let summary = finished.expect_code(0)?.summary()?;
    assert_eq!((summary.count("iterations"), summary.checks_passed()?), (ITERATIONS, ITERATIONS));
    Ok(())
}

#[test]
fn a_run_that_lingers_tells_how_it_ended_and_waits_before_its_summary() -> Result<()> {
    let throng = Throng::run(&SCRIPTS.component("hooks")?)?.args(["--linger", "--address", "127.0.0.1:0"]);
    let mut run = Running::new(throng.options(&json!({ "vus": 1, "iterations": 3 })))?;
    let line = run.process.stderr_line("is controlled at", PATIENCE)?;
    let address = line.rsplit(' ').next().context("no address")?;
    let status = run.until_state("ended")?;
    assert_eq!((&status["ending"]["exitCode"], &status["iterationsCompleted"]), (&json!(0), &json!(3)), "{status}");
    let watched = run.ask(&["watch", "--address", address])?.expect_code(0)?;
    assert!(watched.stdout.contains("TOTAL RESULTS"), "{}", watched.stdout);
    let refused = run.ask(&["stop"])?.expect_code(115)?;
    assert!(refused.stderr.contains("is over"), "{}", refused.stderr);
    let export = run.place.join("summary.json");
    assert!(!export.exists(), "the summary is there already");
    run.process.signal(Signal::SIGINT)?;
    let finished = run.process.wait(PATIENCE)?.expect_code(0)?;
    assert_eq!(finished.summary()?.count("iterations"), 3);
    assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn a_paused_run_is_begun_scaled_paused_and_resumed() -> Result<()> {
    let scenario = json!({ "executor": "externally-controlled", "vus": 1, "maxVUs": 5, "duration": "10m" });
    let mut run = Running::new(sleeping(&json!({ "scenarios": { "hand": scenario }, "paused": true }))?)?;
    let status = run.until_state("paused before start")?;
    assert_eq!((&status["vusMax"], &status["iterationsCompleted"]), (&json!(5), &json!(0)), "{status}");
    run.ask(&["resume"])?.expect_code(0)?;
    let has_vus = |run: &Running, count: u64| {
        until(&format!("{count} VUs"), PATIENCE, || Ok((run.status()?["vus"] == json!(count)).then_some(())))
    };
    has_vus(&run, 1)?;
    run.ask(&["scale", "--vus", "4"])?.expect_code(0)?;
    has_vus(&run, 4)?;
    // All are within an iteration, which the pause cuts.
    run.process.stderr_line_of(4, "asleep", PATIENCE)?;
    let refused = run.ask(&["scale", "--vus", "6"])?.expect_code(104)?;
    assert!(refused.stderr.contains("maxVUs"), "{}", refused.stderr);
    run.ask(&["pause"])?.expect_code(0)?;
    run.until_state("paused")?;
    has_vus(&run, 0)?;
    run.ask(&["resume"])?.expect_code(0)?;
    has_vus(&run, 4)?;
    run.process.stderr_line_of(8, "asleep", PATIENCE)?;
    run.ask(&["stop"])?.expect_code(0)?;
    let Running { process, .. } = run;
    let finished = process.wait(PATIENCE)?.expect_code(103)?;
    assert!(finished.stderr.contains("0 complete and 8 interrupted iterations"), "{}", finished.stderr);
    Ok(())
}
