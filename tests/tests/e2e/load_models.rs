//! Load models that start and stop VUs, or iterations by a schedule; and parts of a run that fit together.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Finished, Summary, Target, Throng};

use crate::SCRIPTS;
use crate::scenarios::{Nap, distinct, milliseconds, naps, run};

/// Runs one scenario with more options.
fn run_with(sleep: Duration, scenario: &Value, more: &Value) -> Result<(Finished, Summary)> {
    let mut options = json!({
        "scenarios": { "only": scenario }, "summaryTrendStats": ["min", "med", "p(99)", "max", "count"],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        options[key] = value.clone();
    }
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("SLEEP_MS", sleep.as_millis().to_string());
    let finished = throng.options(&options).finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    Ok((finished, summary))
}

/// Every tick was started or dropped, each has a sample of the corrected duration, and the numbers are those of ticks.
fn all_accounted_for(naps: &[Nap], summary: &Summary, planned: u64) -> Result<()> {
    let started = naps.len() as u64;
    assert_eq!(started + summary.count("dropped_iterations"), planned, "{}", summary.json());
    assert_eq!(distinct(naps, |nap| nap.of_run), naps.len(), "iterations of a run have numbers of their own");
    assert!(naps.iter().all(|nap| nap.of_run < planned), "{naps:?}");
    assert_eq!(summary.value("iteration_duration_corrected", "count")? as u64, planned);
    assert_eq!(summary.value("iteration_start_lag", "count")? as u64, started);
    Ok(())
}

#[test]
fn a_constant_rate_starts_or_drops_every_iteration() -> Result<()> {
    let scenario = json!({
        "executor": "constant-arrival-rate", "rate": 100, "duration": "2s", "preAllocatedVUs": 200, "exec": "nap",
    });
    let (finished, summary) = run_with(milliseconds(10), &scenario, &json!({}))?;
    let naps = naps(&finished);
    all_accounted_for(&naps, &summary, 200)?;
    assert_eq!(summary.count("iterations"), naps.len() as u64);
    assert!(summary.count("iterations") >= 100, "{}", summary.json());
    // Every tick has a VU, however late a machine is; those that are due when the time is over aren't begun.
    assert!(summary.value("vus_max", "max")? >= 200.0);
    Ok(())
}

#[test]
fn a_ramping_rate_starts_or_drops_every_iteration() -> Result<()> {
    let scenario = json!({
        "executor": "ramping-arrival-rate", "startRate": 0, "preAllocatedVUs": 20, "exec": "nap",
        "stages": [{ "duration": "1s", "target": 100 }, { "duration": "1s", "target": 0 }, { "duration": "1s", "target": 0 }],
    });
    let (finished, summary) = run_with(milliseconds(5), &scenario, &json!({}))?;
    all_accounted_for(&naps(&finished), &summary, 100)
}

#[test]
fn ticks_without_an_idle_vu_are_dropped_and_wait_in_the_corrected_duration() -> Result<()> {
    let scenario = json!({
        "executor": "constant-arrival-rate", "rate": 100, "duration": "1s", "preAllocatedVUs": 2, "exec": "nap",
    });
    let (finished, summary) = run_with(milliseconds(400), &scenario, &json!({}))?;
    all_accounted_for(&naps(&finished), &summary, 100)?;
    assert!(summary.count("dropped_iterations") >= 80, "{}", summary.json());
    // A dropped tick ends with the next iteration that could be started: up to 400 ms later, and that takes 400 ms.
    assert!(summary.value("iteration_duration_corrected", "med")? > 420.0, "{}", summary.json());
    assert!(summary.value("iteration_duration", "min")? >= 400.0);
    Ok(())
}

#[test]
fn vus_that_are_missed_are_made_up_to_the_limit_which_is_told_once() -> Result<()> {
    let scenario = json!({
        "executor": "constant-arrival-rate", "rate": 50, "duration": "3s", "preAllocatedVUs": 2, "maxVUs": 6, "exec": "nap",
    });
    let (finished, summary) = run_with(milliseconds(5_000), &scenario, &json!({}))?;
    all_accounted_for(&naps(&finished), &summary, 150)?;
    assert_eq!(naps(&finished).len(), 6);
    assert_eq!(summary.value("vus_max", "max")?, 6.0);
    assert_eq!(finished.stderr.matches("maxVUs, 6, allows no more").count(), 1, "{}", finished.stderr);
    Ok(())
}

#[test]
fn iterations_of_a_rate_that_outlast_the_graceful_stop_are_cut() -> Result<()> {
    let scenario = json!({
        "executor": "constant-arrival-rate", "rate": 10, "duration": "1s", "preAllocatedVUs": 10, "gracefulStop": "2s",
        "exec": "nap",
    });
    let (finished, summary) = run_with(milliseconds(60_000), &scenario, &json!({}))?;
    all_accounted_for(&naps(&finished), &summary, 10)?;
    assert_eq!(summary.count("iterations"), 0);
    let cut = format!("0 complete and {} interrupted iterations", naps(&finished).len());
    assert!(finished.stderr.contains(&cut), "{}", finished.stderr);
    Ok(())
}

#[test]
fn vus_that_a_ramp_takes_away_end_within_graceful_ramp_down() -> Result<()> {
    let ramp = |graceful: &str| {
        json!({
            "executor": "ramping-vus", "startVUs": 0, "gracefulRampDown": graceful, "exec": "nap",
            "stages": [
                { "duration": 0, "target": 4 }, { "duration": "3s", "target": 4 }, { "duration": 0, "target": 0 },
                { "duration": "1s", "target": 0 },
            ],
        })
    };
    let (finished, summary) = run_with(milliseconds(60_000), &ramp("0s"), &json!({}))?;
    assert_eq!((naps(&finished).len(), summary.count("iterations")), (4, 0));
    assert!(finished.stderr.contains("0 complete and 4 interrupted iterations"), "{}", finished.stderr);
    assert!(finished.took < milliseconds(30_000));

    // The same iterations find time to end here.
    let (finished, summary) = run_with(milliseconds(4_000), &ramp("30s"), &json!({}))?;
    assert_eq!((naps(&finished).len(), summary.count("iterations")), (4, 4));
    assert_eq!(summary.value("vus_max", "max")?, 4.0);
    Ok(())
}

#[test]
fn a_vu_that_winds_down_is_used_again_by_a_ramp() -> Result<()> {
    let scenario = json!({
        "executor": "ramping-vus", "startVUs": 3, "exec": "nap", "stages": [
            { "duration": "300ms", "target": 3 }, { "duration": 0, "target": 0 }, { "duration": "100ms", "target": 0 },
            { "duration": 0, "target": 3 }, { "duration": "4s", "target": 3 },
        ],
    });
    let (finished, summary) = run_with(milliseconds(150), &scenario, &json!({}))?;
    let naps = naps(&finished);
    assert_eq!(distinct(&naps, |nap| nap.vu), 3);
    assert_eq!(summary.value("vus_max", "max")?, 3.0);
    assert_eq!(distinct(&naps, |nap| nap.of_run), naps.len());
    assert!(naps.iter().any(|nap| nap.at > milliseconds(500)), "the VUs went on: {naps:?}");
    assert!(finished.stderr.contains(" and 0 interrupted iterations"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn externally_controlled_runs_its_vus_for_the_duration() -> Result<()> {
    let scenario =
        json!({ "executor": "externally-controlled", "vus": 2, "maxVUs": 5, "duration": "3s", "exec": "nap" });
    let (finished, summary) = run_with(milliseconds(50), &scenario, &json!({}))?;
    assert_eq!(distinct(&naps(&finished), |nap| nap.vu), 2);
    assert_eq!(summary.value("vus_max", "max")?, 5.0);
    Ok(())
}

#[test]
fn scenarios_one_after_another_share_vus_whatever_their_models() -> Result<()> {
    let after = |start: &str, mut scenario: Value| {
        scenario["startTime"] = start.into();
        scenario["gracefulStop"] = "0s".into();
        scenario["exec"] = "nap".into();
        scenario
    };
    let (finished, summary) = run(
        milliseconds(20),
        json!({
            "a": after("0s", json!({ "executor": "constant-vus", "vus": 4, "duration": "3s" })),
            "b": after("3s", json!({
                "executor": "constant-arrival-rate", "rate": 20, "duration": "3s", "preAllocatedVUs": 4,
            })),
            "c": after("6s", json!({
                "executor": "ramping-vus", "startVUs": 4, "stages": [{ "duration": "3s", "target": 4 }],
            })),
        }),
    )?;
    assert_eq!(summary.value("vus_max", "max")?, 4.0, "{}", finished.stderr);
    let naps = naps(&finished);
    for scenario in ["a", "b", "c"] {
        assert!(naps.iter().any(|nap| nap.scenario == scenario), "{scenario} ran");
    }
    assert_eq!(distinct(&naps, |nap| nap.vu), 4);
    Ok(())
}

#[test]
fn the_parts_of_a_run_do_each_iteration_once() -> Result<()> {
    let models = [
        (60, json!({ "executor": "shared-iterations", "vus": 5, "iterations": 60, "exec": "nap" })),
        (35, json!({ "executor": "per-vu-iterations", "vus": 7, "iterations": 5, "exec": "nap" })),
        (
            60,
            json!({
                "executor": "constant-arrival-rate", "rate": 60, "duration": "1s", "preAllocatedVUs": 9, "exec": "nap",
            }),
        ),
    ];
    for (planned, model) in models {
        let mut numbers = BTreeSet::new();
        let (mut vus, mut dropped) = (BTreeSet::new(), 0);
        for segment in ["0:1/3", "1/3:1"] {
            let part = json!({ "executionSegment": segment, "executionSegmentSequence": "0,1/3,1" });
            let (finished, summary) = run_with(milliseconds(1), &model, &part)?;
            for nap in naps(&finished) {
                assert!(numbers.insert(nap.of_run), "{} ran twice in {model}", nap.of_run);
                vus.insert((segment, nap.vu));
            }
            dropped += summary.count("dropped_iterations");
        }
        assert_eq!(numbers.len() as u64 + dropped, planned, "{model}");
        // VUs that run as many iterations each leave gaps, since they aren't spread evenly.
        assert!(model["executor"] == "per-vu-iterations" || numbers.iter().all(|number| *number < planned));
        let numbers_of_vus: BTreeSet<_> = vus.iter().map(|(_, vu)| *vu).collect();
        assert_eq!(numbers_of_vus.len(), vus.len(), "VUs have numbers of their own in {model}");
    }
    Ok(())
}

#[test]
fn every_load_model_sends_what_it_counts() -> Result<()> {
    let stages = json!([{ "duration": "1s", "target": 5 }]);
    let target = Target::start()?;
    let models = [
        json!({ "executor": "ramping-vus", "stages": stages }),
        json!({ "executor": "constant-arrival-rate", "rate": 300, "duration": "1s", "preAllocatedVUs": 5, "maxVUs": 10 }),
        json!({ "executor": "ramping-arrival-rate", "startRate": 300, "stages": stages, "preAllocatedVUs": 5 }),
        json!({ "executor": "externally-controlled", "vus": 3, "duration": "1s", "maxVUs": 3 }),
    ];
    let mut requests = 0;
    for model in models {
        let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/delay/2"));
        let finished = throng.options(&json!({ "scenarios": { "only": model } })).finish()?.expect_code(0)?;
        let summary = finished.summary()?;
        let passed = summary.checks_passed()?;
        assert_eq!((summary.count("http_reqs"), summary.count("iterations")), (passed, passed), "{model}");
        requests += passed;
    }
    assert!(target.served()? >= requests);
    Ok(())
}

#[test]
fn a_stall_shows_in_the_corrected_duration_with_few_vus_too() -> Result<()> {
    let target = Target::start()?;
    let scenario = json!({ "executor": "constant-arrival-rate", "rate": 500, "duration": "4s", "preAllocatedVUs": 4 });
    let options = json!({ "scenarios": { "only": scenario }, "summaryTrendStats": ["p(90)", "max", "count"] });
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/"));
    let process = throng.options(&options).arg("--quiet").start()?;
    target.await_served(300)?;
    target.stall(Duration::from_secs(1))?;
    let summary = process.wait(Duration::from_secs(60))?.expect_code(0)?.summary()?;
    // A quarter of the ticks came during the stall; evenly, so a tenth of all waited 0.6 s or longer.
    let corrected = summary.value("iteration_duration_corrected", "p(90)")?;
    // More where the machine itself stands still for a moment.
    assert!((500.0..3500.0).contains(&corrected), "p(90) is {corrected} ms");
    assert!(summary.value("iteration_duration", "p(90)")? < 500.0);
    assert_eq!(summary.value("iteration_duration_corrected", "count")?, 2000.0);
    Ok(())
}
