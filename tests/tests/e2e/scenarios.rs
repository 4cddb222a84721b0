//! Load models: who runs which iteration, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Finished, Summary, Throng};

use crate::SCRIPTS;

/// Runs scenarios whose iterations sleep and say which they are.
pub(crate) fn run(sleep: Duration, scenarios: Value) -> Result<(Finished, Summary)> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("SLEEP_MS", sleep.as_millis().to_string());
    let finished = throng.options(&json!({ "scenarios": scenarios })).finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    Ok((finished, summary))
}

/// What one iteration said.
#[derive(Debug)]
pub(crate) struct Nap {
    pub(crate) scenario: String,
    pub(crate) vu: u64,
    of_vu: u64,
    pub(crate) of_run: u64,
    pub(crate) at: Duration,
}

pub(crate) fn naps(finished: &Finished) -> Vec<Nap> {
    let nap = |line: &str| {
        let mut words = line.split(' ').skip_while(|word| *word != "nap").skip(1);
        let scenario = words.next()?.to_owned();
        let mut number = || words.next()?.split_once('=')?.1.parse::<u64>().ok();
        let (vu, of_vu, of_run) = (number()?, number()?, number()?);
        Some(Nap { scenario, vu, of_vu, of_run, at: Duration::from_millis(number()?) })
    };
    finished.stderr_lines("INFO nap ").filter_map(nap).collect()
}

pub(crate) fn distinct<T: Ord>(naps: &[Nap], what: impl Fn(&Nap) -> T) -> usize {
    naps.iter().map(what).collect::<BTreeSet<_>>().len()
}

pub(crate) fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn constant_vus_iterate_for_the_duration() -> Result<()> {
    let scenario = json!({ "executor": "constant-vus", "vus": 3, "duration": "3s", "exec": "nap" });
    let (finished, summary) = run(milliseconds(50), json!({ "steady": scenario }))?;
    let naps = naps(&finished);
    let iterations = summary.count("iterations");
    // 20 in a second for each VU and not more; on a busy machine fewer.
    assert!((18..=180).contains(&iterations), "{iterations} iterations");
    assert_eq!(naps.len() as u64, iterations);
    assert_eq!(distinct(&naps, |nap| nap.vu), 3);
    assert_eq!(distinct(&naps, |nap| nap.of_run), naps.len(), "iterations of a run have numbers of their own");
    assert!(naps.iter().all(|nap| nap.at < milliseconds(3000)), "{naps:?}");
    let seconds = summary.value("iterations", "count")? / summary.value("iterations", "rate")?;
    assert!(seconds >= 3.0, "{seconds} s");
    assert_eq!(summary.count("dropped_iterations"), 0);
    Ok(())
}

#[test]
fn per_vu_iterations_gives_each_vu_its_own() -> Result<()> {
    let scenario = json!({ "executor": "per-vu-iterations", "vus": 5, "iterations": 4, "exec": "nap" });
    let (finished, summary) = run(milliseconds(5), json!({ "each": scenario }))?;
    let naps = naps(&finished);
    assert_eq!((naps.len(), summary.count("iterations")), (20, 20));
    assert_eq!(distinct(&naps, |nap| (nap.vu, nap.of_vu)), 20);
    assert!(naps.iter().all(|nap| (1..=5).contains(&nap.vu) && nap.of_vu < 4), "{naps:?}");
    assert_eq!(distinct(&naps, |nap| nap.of_run), 20);
    Ok(())
}

#[test]
fn shared_iterations_are_taken_once_each() -> Result<()> {
    let scenario = json!({ "executor": "shared-iterations", "vus": 4, "iterations": 90, "exec": "nap" });
    let (finished, summary) = run(milliseconds(2), json!({ "all": scenario }))?;
    let naps = naps(&finished);
    assert_eq!((naps.len(), summary.count("iterations")), (90, 90));
    assert_eq!(naps.iter().map(|nap| nap.of_run).collect::<BTreeSet<_>>(), (0..90).collect());
    Ok(())
}

#[test]
fn a_scenario_begins_at_its_start_time_beside_others() -> Result<()> {
    let early = json!({ "executor": "shared-iterations", "vus": 2, "iterations": 10, "exec": "nap" });
    let mut late = early.clone();
    late["startTime"] = "3s".into();
    let (finished, summary) = run(milliseconds(5), json!({ "early": early, "late": late }))?;
    assert_eq!(summary.count("iterations"), 20);
    let (late, early): (Vec<_>, Vec<_>) = naps(&finished).into_iter().partition(|nap| nap.scenario == "late");
    assert_eq!((early.len(), late.len()), (10, 10));
    assert!(late.iter().all(|nap| nap.at >= milliseconds(3000)), "{late:?}");
    assert!(early.iter().any(|nap| nap.at < milliseconds(3000)), "{early:?}");
    // Scenarios that may overlap have VUs of their own.
    assert_eq!(summary.value("vus_max", "max")?, 4.0);
    Ok(())
}

#[test]
fn an_iteration_longer_than_the_duration_is_finished_within_graceful_stop() -> Result<()> {
    let scenario = json!({ "executor": "constant-vus", "vus": 2, "duration": "3s", "exec": "nap" });
    let (finished, summary) = run(milliseconds(4000), json!({ "long": scenario }))?;
    assert_eq!((naps(&finished).len(), summary.count("iterations")), (2, 2));
    assert!(finished.stderr.contains("2 complete and 0 interrupted iterations"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn an_iteration_longer_than_graceful_stop_is_cut_and_counted_as_interrupted() -> Result<()> {
    for graceful_stop in ["0s", "300ms"] {
        let scenario = json!({
            "executor": "constant-vus", "vus": 2, "duration": "3s", "gracefulStop": graceful_stop, "exec": "nap",
        });
        let (finished, summary) = run(milliseconds(60_000), json!({ "long": scenario }))?;
        assert_eq!((naps(&finished).len(), summary.count("iterations")), (2, 0));
        assert_eq!(summary.count("iterations_failed"), 0);
        assert!(finished.stderr.contains("0 complete and 2 interrupted iterations"), "{}", finished.stderr);
        assert!(finished.took < milliseconds(30_000));
    }
    Ok(())
}

#[test]
fn shared_iterations_that_find_no_time_are_counted_as_dropped() -> Result<()> {
    let scenario = json!({
        "executor": "shared-iterations", "vus": 2, "iterations": 100, "maxDuration": "1s", "exec": "nap",
    });
    let (finished, summary) = run(milliseconds(300), json!({ "slow": scenario }))?;
    let (iterations, dropped) = (summary.count("iterations"), summary.count("dropped_iterations"));
    assert_eq!(iterations, naps(&finished).len() as u64);
    assert!((2..=8).contains(&iterations), "{iterations} iterations");
    assert_eq!(iterations + dropped, 100);
    Ok(())
}

#[test]
fn per_vu_iterations_that_find_no_time_are_counted_as_dropped() -> Result<()> {
    let scenario = json!({
        "executor": "per-vu-iterations", "vus": 3, "iterations": 10, "maxDuration": "1s", "exec": "nap",
    });
    let (_, summary) = run(milliseconds(300), json!({ "slow": scenario }))?;
    assert_eq!(summary.count("iterations") + summary.count("dropped_iterations"), 30);
    assert!(summary.count("dropped_iterations") >= 18, "{}", summary.json());
    Ok(())
}

#[test]
fn the_least_time_of_an_iteration_is_slept_and_not_measured() -> Result<()> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("SLEEP_MS", "1").options(&json!({
        "scenarios": { "padded": { "executor": "per-vu-iterations", "iterations": 3, "exec": "nap" } },
        "minIterationDuration": "2s",
    }));
    let finished = throng.finish()?.expect_code(0)?;
    let (naps, summary) = (naps(&finished), finished.summary()?);
    // An iteration says when it is a little after its beginning.
    assert!(naps.windows(2).all(|two| two[1].at - two[0].at >= milliseconds(1800)), "{naps:?}");
    assert!(summary.value("iteration_duration", "med")? < 2000.0);
    Ok(())
}
