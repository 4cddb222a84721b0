//! Ctrl-C, once and twice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use throng_tests::{Cluster, Process, Throng, get};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(30);

/// A run of ten minutes whose iterations sleep for one.
fn start(teardown: &str) -> Result<Process> {
    let options = json!({ "vus": 2, "duration": "10m" });
    let throng = Throng::run(&SCRIPTS.component("hooks")?)?.options(&options);
    let mut process = throng.variable("ITERATION", "sleep").variable("TEARDOWN", teardown).start()?;
    // Both VUs, which need not begin at once.
    process.stderr_line_of(2, "asleep", PATIENCE)?;
    Ok(process)
}

#[test]
fn one_signal_cuts_iterations_runs_teardown_and_prints_the_summary() -> Result<()> {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let process = start("")?;
        process.signal(signal)?;
        let finished = process.wait(PATIENCE)?.expect_code(105)?;
        assert_eq!(finished.stderr_lines("teardown begins").count(), 1, "{}", finished.stderr);
        assert!(finished.stderr.contains("ERRO the run was interrupted"), "{}", finished.stderr);
        assert!(finished.stderr.contains("0 complete and 2 interrupted iterations"), "{}", finished.stderr);
        assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
        assert_eq!(finished.summary()?.rate_counts("checks"), (2, 0));
    }
    Ok(())
}

#[test]
fn a_second_signal_ends_the_process_at_once() -> Result<()> {
    let mut process = start("sleep")?;
    process.signal(Signal::SIGINT)?;
    process.stderr_line("teardown begins", PATIENCE)?;
    process.signal(Signal::SIGINT)?;
    let finished = process.wait(PATIENCE)?.expect_code(105)?;
    // teardown would have slept for a minute.
    assert!(finished.took < Duration::from_secs(25), "{:?}", finished.took);
    assert_eq!(finished.stdout, "", "there was no time for a summary");
    Ok(())
}

#[test]
fn a_signal_during_setup_ends_the_run_without_load() -> Result<()> {
    let throng = Throng::run(&SCRIPTS.component("hooks")?)?.options(&json!({ "vus": 2, "duration": "10m" }));
    let mut process = throng.variable("SETUP", "sleep").start()?;
    process.stderr_line("asleep", PATIENCE)?;
    process.signal(Signal::SIGINT)?;
    let finished = process.wait(PATIENCE)?.expect_code(105)?;
    assert_eq!(finished.summary()?.count("iterations"), 0);
    Ok(())
}

/// A run that is at its teardown, which sleeps for a minute.
fn at_teardown(throng: Throng) -> Result<Process> {
    let options = json!({ "scenarios": { "a": { "executor": "per-vu-iterations", "vus": 2, "iterations": 3 } } });
    let mut process = throng.options(&options).variable("TEARDOWN", "sleep").start()?;
    process.stderr_line("teardown begins", PATIENCE)?;
    Ok(process)
}

#[test]
fn a_signal_during_teardown_cuts_it_alone_and_in_a_cluster() -> Result<()> {
    let (script, cluster) = (SCRIPTS.component("hooks")?, Cluster::start(1)?);
    for throng in [Throng::run(&script)?, cluster.run(&script)?] {
        let process = at_teardown(throng)?;
        process.signal(Signal::SIGINT)?;
        let finished = process.wait(PATIENCE)?.expect_code(105)?;
        assert!(finished.took < Duration::from_secs(25), "{:?}", finished.took);
        assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
        assert_eq!(finished.summary()?.count("iterations"), 6);
    }
    Ok(())
}

#[test]
fn a_signal_during_the_load_leaves_teardown_its_time() -> Result<()> {
    let options = json!({ "vus": 2, "duration": "10m", "teardownTimeout": "3s" });
    let throng = Throng::run(&SCRIPTS.component("hooks")?)?.options(&options);
    let mut process = throng.variable("ITERATION", "sleep").variable("TEARDOWN", "sleep").start()?;
    process.stderr_line("asleep", PATIENCE)?;
    let began = Instant::now();
    process.signal(Signal::SIGINT)?;
    process.stderr_line("teardown begins", PATIENCE)?;
    let finished = process.wait(PATIENCE)?.expect_code(105)?;
    // It sleeps until its limit, and isn't cut by what has ended the load.
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn a_process_that_is_stopped_for_longer_than_a_lease_goes_on() -> Result<()> {
    let scenario = json!({ "executor": "constant-vus", "vus": 2, "duration": "6s", "gracefulStop": "0s" });
    let options = json!({ "scenarios": { "a": scenario } });
    let throng = Throng::run(&SCRIPTS.component("hooks")?)?.options(&options);
    let mut process = throng.variable("ITERATION", "sleep").start()?;
    process.stderr_line("asleep", PATIENCE)?;
    process.signal(Signal::SIGSTOP)?;
    std::thread::sleep(Duration::from_millis(4_000));
    process.signal(Signal::SIGCONT)?;
    let finished = process.wait(PATIENCE)?.expect_code(0)?;
    assert_eq!(finished.stderr_lines("teardown begins").count(), 1, "{}", finished.stderr);
    Ok(())
}

#[test]
fn the_target_ends_with_its_counts() -> Result<()> {
    let mut process = Throng::command(["target", "--listen", "127.0.0.1:0"])?.start()?;
    let line = process.stdout_line("listening on http://", PATIENCE)?;
    get(line.trim_start_matches("listening on http://").parse()?, "/bytes/10")?;
    process.signal(Signal::SIGTERM)?;
    let finished = process.wait(PATIENCE)?.expect_code(0)?;
    let (_, counts) = finished.stdout.split_once('\n').context("nothing after the first line")?;
    let counts: Value = serde_json::from_str(counts)?;
    assert_eq!(counts["requests"]["by_route"]["/bytes"], json!(1));
    Ok(())
}
