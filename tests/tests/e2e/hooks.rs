//! setup and teardown, and the script's own ways to end a run.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use throng_tests::{Finished, Throng};

use crate::SCRIPTS;

/// Three VUs with four iterations each.
fn run() -> Result<Throng> {
    run_within("60s", "60s")
}

/// The same with these time limits of setup and teardown.
fn run_within(setup: &str, teardown: &str) -> Result<Throng> {
    let options = json!({
        "scenarios": { "load": { "executor": "per-vu-iterations", "vus": 3, "iterations": 4 } },
        "setupTimeout": setup, "teardownTimeout": teardown, "throng": { "guestTimeLimit": "300ms" },
    });
    Ok(Throng::run(&SCRIPTS.component("hooks")?)?.options(&options))
}

fn assert_no_load(finished: &Finished) -> Result<()> {
    let summary = finished.summary()?;
    assert_eq!((summary.count("iterations"), summary.rate_counts("checks")), (0, (0, 0)));
    assert_eq!(finished.stderr_lines("teardown begins").count(), 0, "{}", finished.stderr);
    Ok(())
}

fn assert_error(finished: &Finished, message: &str) {
    assert!(finished.stderr.contains(&format!("ERRO {message}")), "no {message:?} in {}", finished.stderr);
}

#[test]
fn what_setup_returns_reaches_every_iteration_and_teardown() -> Result<()> {
    let finished = run()?.finish()?.expect_code(0)?;
    assert_eq!(finished.summary()?.rate_counts("checks"), (12, 0));
    assert_eq!(finished.stderr_lines("setup begins").count(), 1);
    assert_eq!(finished.stderr_lines("teardown begins with tea & cake").count(), 1);
    Ok(())
}

#[test]
fn a_setup_that_fails_ends_the_run_with_107_before_any_load() -> Result<()> {
    let finished = run()?.variable("SETUP", "err").finish()?.expect_code(107)?;
    assert_error(&finished, "setup failed: no orders today");
    assert_no_load(&finished)
}

#[test]
fn a_setup_that_panics_ends_the_run_with_107_and_the_message() -> Result<()> {
    let finished = run()?.variable("SETUP", "panic").finish()?.expect_code(107)?;
    assert_error(&finished, "setup failed: nothing in stock, at ");
    assert_no_load(&finished)
}

#[test]
fn a_setup_that_sleeps_too_long_ends_the_run_with_100() -> Result<()> {
    let finished = run_within("500ms", "60s")?.variable("SETUP", "sleep").finish()?.expect_code(100)?;
    assert_error(&finished, "setup took longer than 500ms");
    assert!(finished.took < Duration::from_secs(30));
    assert_no_load(&finished)
}

#[test]
fn a_setup_that_loops_ends_the_run_with_107() -> Result<()> {
    // The limit counts ticks, which come late on a busy machine; the time-out doesn't.
    let options = json!({ "setupTimeout": "30s", "throng": { "guestTimeLimit": "300ms" } });
    let finished = run()?.options(&options).variable("SETUP", "spin").finish()?.expect_code(107)?;
    assert_error(&finished, "setup failed: computed for 300ms without waiting");
    assert_no_load(&finished)
}

#[test]
fn a_teardown_that_fails_ends_a_finished_run_with_107() -> Result<()> {
    let finished = run()?.variable("TEARDOWN", "err").finish()?.expect_code(107)?;
    assert_error(&finished, "teardown failed: no orders today");
    assert_eq!(finished.summary()?.count("iterations"), 12);
    Ok(())
}

#[test]
fn a_teardown_that_takes_too_long_ends_a_finished_run_with_101() -> Result<()> {
    let finished = run_within("60s", "500ms")?.variable("TEARDOWN", "sleep").finish()?.expect_code(101)?;
    assert_error(&finished, "teardown took longer than 500ms");
    assert_eq!(finished.summary()?.count("iterations"), 12);
    Ok(())
}

#[test]
fn an_abort_of_the_script_ends_the_run_with_108_after_teardown() -> Result<()> {
    let finished = run()?.variable("ITERATION", "abort").finish()?.expect_code(108)?;
    assert_error(&finished, "the script aborted the run: the till is empty");
    assert_eq!(finished.stderr_lines("teardown begins").count(), 1);
    let summary = finished.summary()?;
    assert_eq!((summary.count("iterations"), summary.count("iterations_failed")), (0, 0));
    Ok(())
}

#[test]
fn an_abort_in_setup_ends_the_run_with_108() -> Result<()> {
    let finished = run()?.variable("SETUP", "abort").finish()?.expect_code(108)?;
    assert_error(&finished, "the script aborted the run: the till is empty");
    assert_eq!(finished.summary()?.count("iterations"), 0);
    Ok(())
}

#[test]
fn a_run_that_the_script_marks_as_failed_goes_on_and_ends_with_110() -> Result<()> {
    let finished = run()?.variable("ITERATION", "fail").finish()?.expect_code(110)?;
    assert_error(&finished, "the script marked the run as failed: the till is off by one");
    let summary = finished.summary()?;
    assert_eq!((summary.count("iterations"), summary.count("iterations_failed")), (12, 0));
    Ok(())
}

#[test]
fn the_scripts_mark_goes_before_failed_thresholds_but_not_before_those_that_end_the_run() -> Result<()> {
    for (abort, code) in [(false, 110), (true, 99)] {
        let options = json!({
            "duration": if abort { "60s" } else { "1s" },
            "minIterationDuration": "100ms",
            "thresholds": { "iterations": [{ "threshold": "count<1", "abortOnFail": abort }] },
        });
        let throng = Throng::run(&SCRIPTS.component("hooks")?)?.options(&options).variable("ITERATION", "fail");
        let finished = throng.finish()?.expect_code(code)?;
        assert_error(&finished, "the script marked the run as failed: the till is off by one");
        assert_error(&finished, "thresholds on iterations have failed");
    }
    Ok(())
}

#[test]
fn setup_and_teardown_can_be_left_out() -> Result<()> {
    let options = json!({
        "scenarios": { "load": { "executor": "per-vu-iterations", "vus": 3, "iterations": 4, "exec": "bare" } },
    });
    let throng = Throng::run(&SCRIPTS.component("hooks")?)?.options(&options);
    let finished = throng.args(["--no-setup", "--no-teardown"]).finish()?.expect_code(0)?;
    assert_eq!(finished.stderr_lines("begins").count(), 0, "{}", finished.stderr);
    assert_eq!(finished.summary()?.rate_counts("checks"), (12, 0));
    Ok(())
}
