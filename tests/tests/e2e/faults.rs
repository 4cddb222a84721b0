//! A script's faults: each is told in words, counted, and nobody else's business.

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Finished, Throng};

use crate::SCRIPTS;

const BAD_VUS: u64 = 2;
const BAD_ITERATIONS_EACH: u64 = 3;
const GOOD: u64 = 4 * 50;

/// The faulty function beside others' work. The threshold makes the summary show the others apart.
fn options(function: &str) -> Value {
    json!({
        "throng": { "guestTimeLimit": "300ms" },
        "thresholds": { "iterations{scenario:good}": [format!("count=={GOOD}")] },
        "scenarios": {
            "bad": {
                "executor": "per-vu-iterations", "vus": BAD_VUS, "iterations": BAD_ITERATIONS_EACH, "exec": function,
            },
            "good": { "executor": "per-vu-iterations", "vus": 4, "iterations": GOOD / 4, "exec": "well" },
        },
    })
}

/// Runs the faulty function and holds what is true of all faults: every iteration of it counts and counts as failed,
/// its VUs go on, the others' work is done and right, and the run is no failure by itself.
fn run(function: &str) -> Result<Finished> {
    let throng = Throng::run(&SCRIPTS.component("faults")?)?.arg("--quiet").options(&options(function));
    let finished = throng.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    let bad = BAD_VUS * BAD_ITERATIONS_EACH;
    assert_eq!(summary.count("iterations_failed"), bad);
    assert_eq!(summary.count("iterations"), bad + GOOD);
    assert_eq!(summary.count("iterations{scenario:good}"), GOOD);
    assert_eq!(summary.rate_counts("checks"), (GOOD, 0));
    Ok(finished)
}

/// Each failed iteration has its message, with where it comes from.
fn assert_told(finished: &Finished, message: &str) {
    let told = finished.stderr_lines(message).count() as u64;
    assert_eq!(told, BAD_VUS * BAD_ITERATIONS_EACH, "{message:?} in {}", finished.stderr);
    for vu in 1..=BAD_VUS {
        let source = format!("scenario=bad vu={vu}");
        assert_eq!(finished.stderr_lines(&source).count() as u64, BAD_ITERATIONS_EACH, "{}", finished.stderr);
    }
}

#[test]
fn a_panic_is_told_with_its_message_and_place() -> Result<()> {
    let finished = run("panics")?;
    assert_told(&finished, "ERRO the basket is empty, at ");
    assert!(finished.stderr.contains("tests/scripts/faults.rs:21"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn checks_before_a_panic_count_in_the_group_they_were_made_in() -> Result<()> {
    let iterations = 5;
    let options = json!({
        "thresholds": { "checks{group:::inner}": ["rate==1"] },
        "scenarios": { "bad": { "executor": "shared-iterations", "iterations": iterations, "exec": "checks_and_panics" } },
    });
    let throng = Throng::run(&SCRIPTS.component("faults")?)?.arg("--quiet").options(&options);
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    assert_eq!(summary.rate_counts("checks{group:::inner}"), (40 * iterations, 0));
    assert_eq!(summary.rate_counts("checks"), (70 * iterations, 10 * iterations));
    Ok(())
}

#[test]
fn checks_of_an_iteration_that_is_cut_in_a_wait_count() -> Result<()> {
    let options = json!({ "scenarios": { "cut": {
        "executor": "constant-vus", "vus": 3, "duration": "4s", "gracefulStop": "0s", "exec": "checks_and_waits",
    } } });
    let throng = Throng::run(&SCRIPTS.component("faults")?)?.arg("--quiet").options(&options);
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    assert_eq!(summary.rate_counts("checks"), (3, 0));
    Ok(())
}

#[test]
fn an_index_out_of_bounds_is_told_as_rust_says_it() -> Result<()> {
    assert_told(&run("indexes")?, "ERRO index out of bounds: the len is 3 but the index is 7");
    Ok(())
}

#[test]
fn a_division_by_zero_is_told_as_rust_says_it() -> Result<()> {
    assert_told(&run("divides")?, "ERRO attempt to divide by zero");
    Ok(())
}

#[test]
fn a_trap_is_told_with_the_function_it_happened_in() -> Result<()> {
    let finished = run("traps")?;
    assert_told(&finished, "`unreachable` instruction executed");
    assert_eq!(finished.stderr_lines("  in ").filter(|line| line.contains("traps")).count(), 6);
    Ok(())
}

#[test]
fn a_read_outside_of_the_sandbox_is_a_trap() -> Result<()> {
    assert_told(&run("strays")?, "out of bounds memory access");
    Ok(())
}

#[test]
fn memory_past_the_limit_is_told_with_the_limit_and_its_option() -> Result<()> {
    assert_told(&run("hoards")?, "ERRO out of memory: the memory limit is 64 MiB a VU (option throng.memoryLimit)");
    Ok(())
}

#[test]
fn an_endless_loop_is_ended_at_the_time_limit() -> Result<()> {
    assert_told(&run("spins")?, "ERRO computed for 300ms without waiting");
    Ok(())
}

#[test]
fn endless_recursion_is_told_as_a_stack_overflow() -> Result<()> {
    let finished = run("recurses")?;
    assert_told(&finished, "ERRO stack overflow");
    assert!(finished.stderr.contains("::deeper"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn an_error_that_a_function_returns_is_told_and_counted() -> Result<()> {
    assert_told(&run("errs")?, "ERRO the shop is closed");
    Ok(())
}

fn speak(function: &str) -> Result<Finished> {
    let throng = Throng::run(&SCRIPTS.component("faults")?)?.arg("--quiet").options(&json!({
        "scenarios": {
            "loud": { "executor": "per-vu-iterations", "exec": function },
            "good": { "executor": "per-vu-iterations", "vus": 4, "iterations": GOOD / 4, "exec": "well" },
        },
    }));
    let finished = throng.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!(summary.count("iterations"), GOOD + 1);
    assert_eq!(summary.count("iterations_failed"), 0);
    assert_eq!(summary.rate_counts("checks"), (GOOD, 0));
    Ok(finished)
}

#[test]
fn of_a_gigabyte_of_messages_some_are_shown_and_the_others_counted() -> Result<()> {
    let finished = speak("chatters")?;
    let shown = finished.stderr_lines("INFO xxx").count() as u64;
    let left_out: u64 = finished
        .stderr_lines(" messages of the script were left out: more than 1,000 a second")
        .filter_map(|line| line.trim_start_matches("WARN ").split(' ').next()?.parse::<u64>().ok())
        .sum();
    assert_eq!(shown + left_out, 65_536);
    let bytes = finished.stderr.len() as u64;
    // 1,000 a second, of 16 KiB each, for as long as the run took.
    let seconds = finished.took.as_secs() + 2;
    assert!(bytes < seconds * 1_000 * 17_000, "{bytes} bytes were printed in {seconds} s");
    Ok(())
}

#[test]
fn a_message_of_a_megabyte_is_cut() -> Result<()> {
    let finished = speak("shouts")?;
    let line = finished.stderr_lines("INFO shout ").next().unwrap_or_default();
    assert!((16_000..17_000).contains(&line.len()), "{} bytes of it are shown", line.len());
    assert!(line.contains('…'), "nothing says that it was cut");
    Ok(())
}
