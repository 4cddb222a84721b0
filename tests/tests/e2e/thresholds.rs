//! Thresholds and the exit code.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Target, Throng};

use crate::SCRIPTS;

fn run(path: &str, options: &Value) -> Result<(Target, Throng)> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url(path)).options(options);
    Ok((target, throng))
}

#[test]
fn thresholds_that_hold_make_a_success_and_are_marked() -> Result<()> {
    let thresholds = json!({ "http_reqs": ["count==10"], "http_req_failed": ["rate<0.01"], "checks": ["rate==1"] });
    let (_target, throng) = run("/", &json!({ "iterations": 10, "thresholds": thresholds }))?;
    let finished = throng.finish()?.expect_code(0)?;
    assert!(finished.stdout.contains("✓ 'count==10'"), "{}", finished.stdout);
    let summary = finished.summary()?;
    assert_eq!(summary.json()["metrics"]["http_reqs"]["thresholds"]["count==10"], json!(false));
    Ok(())
}

#[test]
fn one_threshold_that_fails_makes_99_and_names_the_metric() -> Result<()> {
    let thresholds = json!({ "http_reqs": ["count==10"], "checks": ["rate>0.5"] });
    let (_target, throng) = run("/status/500", &json!({ "iterations": 10, "thresholds": thresholds }))?;
    let finished = throng.finish()?.expect_code(99)?;
    assert!(finished.stderr.contains("ERRO thresholds on checks have failed"), "{}", finished.stderr);
    assert!(finished.stdout.contains("✗ 'rate>0.5'"), "{}", finished.stdout);
    let summary = finished.summary()?;
    let metrics = &summary.json()["metrics"];
    assert_eq!(metrics["checks"]["thresholds"]["rate>0.5"], json!(true));
    assert_eq!(metrics["http_reqs"]["thresholds"]["count==10"], json!(false));
    Ok(())
}

#[test]
fn thresholds_that_are_switched_off_judge_nothing() -> Result<()> {
    let (_target, throng) = run("/status/500", &json!({ "thresholds": { "checks": ["rate>0.5"] } }))?;
    throng.arg("--no-thresholds").finish()?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_threshold_may_end_the_run_long_before_its_time() -> Result<()> {
    let thresholds = json!({ "checks": [{ "threshold": "rate>0.5", "abortOnFail": true }] });
    let (_target, throng) = run("/status/500", &json!({ "vus": 2, "duration": "10m", "thresholds": thresholds }))?;
    let finished = throng.arg("--quiet").finish()?.expect_code(99)?;
    assert!(finished.took < Duration::from_secs(30), "{:?}", finished.took);
    assert!(finished.stderr.contains("thresholds on checks have failed, which ended the run"), "{}", finished.stderr);
    assert!(finished.summary()?.count("iterations") > 0);
    Ok(())
}

#[test]
fn a_threshold_on_a_tag_judges_that_part_alone() -> Result<()> {
    let (_target, throng) = run(
        "/",
        &json!({
            "scenarios": {
                "few": { "executor": "shared-iterations", "iterations": 3 },
                "many": { "executor": "shared-iterations", "iterations": 7, "tags": { "size": "large" } },
            },
            "thresholds": { "http_reqs{scenario:few}": ["count==3"], "http_reqs{size:large}": ["count==7"] },
        }),
    )?;
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    assert_eq!(summary.count("http_reqs{size:large}"), 7);
    Ok(())
}
