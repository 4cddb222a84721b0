//! Machines that lack something, and targets that don't answer.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use throng_tests::{Target, Throng, without_io_uring};

use crate::SCRIPTS;

#[test]
fn a_closed_port_is_an_outcome_of_each_request_and_no_failure_of_the_run() -> Result<()> {
    // No test binds that address; a port of 127.0.0.1 that was free just now may be another test's by then.
    let closed = "127.31.7.1:9";
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.arg("--quiet");
    let throng = throng.variable("TARGET", format!("http://{closed}/")).variable("EXPECTED_ERROR", "1212");
    let throng = throng.options(&json!({
        "scenarios": { "a": { "executor": "shared-iterations", "vus": 3, "iterations": 30, "exec": "unreachable" } },
        "thresholds": { "http_reqs{error_code:1212}": ["count==30"], "http_req_failed": ["rate==1"] },
    }));
    let finished = throng.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!(summary.rate_counts("checks"), (30, 0));
    assert_eq!(summary.count("http_reqs"), 30);
    assert_eq!(summary.count("http_reqs{error_code:1212}"), 30);
    assert_eq!(summary.count("iterations_failed"), 0);
    assert_eq!(finished.stderr_lines("connection refused").count(), 30);
    Ok(())
}

#[test]
fn more_vus_than_sockets_make_a_smaller_run_that_says_so() -> Result<()> {
    let target = Target::start()?;
    let arguments = Throng::run_arguments(&SCRIPTS.component("plain")?);
    let throng = Throng::limited(["--nofile=64:64"], arguments)?.arg("--quiet");
    // So long a delay that all VUs want a socket at once, however many cores there are.
    let throng = throng.variable("TARGET", target.url("/delay/1000")).options(&json!({
        "vus": 5000, "iterations": 5000, "thresholds": { "http_reqs{error_code:1215}": ["count>0"] },
    }));
    let finished = throng.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    let warning = finished.stderr_lines("this run has 5000 VUs and at most ").next().unwrap_or_default();
    assert!(warning.contains("raise the limit of open files (`ulimit -n`)"), "{}", finished.stderr);
    assert_eq!(summary.count("iterations"), 5000);
    let (passed, failed) = summary.rate_counts("checks");
    assert_eq!(passed + failed, 5000);
    assert_eq!(passed, target.served()?);
    assert!(passed > 0 && failed > 0, "{passed} requests had a socket, {failed} none");
    assert_eq!(summary.count("http_reqs{error_code:1215}"), failed);
    Ok(())
}

#[test]
fn too_little_lockable_memory_ends_the_run_with_the_remedy() -> Result<()> {
    let arguments = Throng::run_arguments(&SCRIPTS.component("plain")?);
    let finished = Throng::limited(["--memlock=65536:65536"], arguments)?.finish()?.expect_code(112)?;
    assert!(finished.stderr.contains("the limit of locked memory is 65536 bytes"), "{}", finished.stderr);
    assert!(finished.stderr.contains("ulimit -l"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn without_io_uring_the_run_ends_with_the_remedy() -> Result<()> {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let throng = Throng::run(&SCRIPTS.component("plain")?)?;
        let finished = throng.with(|command| without_io_uring(command, errno as u16)).finish()?.expect_code(112)?;
        assert!(finished.stderr.contains("ERRO io_uring isn't available"), "{}", finished.stderr);
        assert!(finished.stderr.contains("kernel.io_uring_disabled"), "{}", finished.stderr);
        assert_eq!(finished.stdout, "");
        assert!(finished.took < Duration::from_secs(20));
    }
    Ok(())
}
