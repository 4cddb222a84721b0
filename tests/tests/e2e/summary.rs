//! What a run leaves behind: the text, the JSON, and the script's own.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use throng_tests::{Target, Throng};

use crate::SCRIPTS;

fn run(target: &Target) -> Result<Throng> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/"));
    Ok(throng.options(&json!({ "vus": 2, "iterations": 20, "thresholds": { "http_req_duration": ["p(95)<60000"] } })))
}

#[test]
fn the_exported_summary_has_the_shape_of_k6s() -> Result<()> {
    let target = Target::start()?;
    let summary = run(&target)?.finish()?.expect_code(0)?.summary()?;
    let json = summary.json();
    let keys = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
    let duration = &json["metrics"]["http_req_duration"];
    let statistics = ["avg", "min", "med", "max", "p(90)", "p(95)", "thresholds"].map(String::from);
    assert_eq!(keys(duration).context("no values")?, statistics);
    // k6's trap: true stands for one that has failed.
    assert_eq!(duration["thresholds"], json!({ "p(95)<60000": false }));
    assert_eq!(json["metrics"]["iterations"]["count"], json!(20));
    assert!(json["metrics"]["iterations"]["rate"].as_f64().is_some_and(|rate| rate > 0.0), "{json}");
    assert_eq!(json["metrics"]["checks"], json!({ "passes": 20, "fails": 0, "value": 1 }), "{json}");
    let check = &json["root_group"]["checks"]["status is 200"];
    assert_eq!((&check["name"], &check["passes"], &check["fails"]), (&json!("status is 200"), &json!(20), &json!(0)));
    assert_eq!(check["path"], "::status is 200");
    assert!(json["throng"]["version"].as_str().is_some_and(|version| version.contains('.')), "{json}");
    let shards = json["throng"]["generator"]["shards"].as_array().context("no shards")?;
    assert!(!shards.is_empty() && shards.iter().all(|shard| shard["cpu"].is_number()), "{shards:?}");
    // One VU may have taken all iterations before the other came to it.
    let peak = json["throng"]["generator"]["socketsPeak"].as_u64();
    assert!(peak.is_some_and(|peak| (1..=2).contains(&peak)), "{json}");
    Ok(())
}

#[test]
fn standard_output_holds_the_summary_alone_and_quiet_silences_the_rest() -> Result<()> {
    let target = Target::start()?;
    let loud = run(&target)?.finish()?.expect_code(0)?;
    assert!(loud.stderr.contains("execution: local") && loud.stderr.contains("20/20 iters"), "{}", loud.stderr);
    let quiet = run(&target)?.arg("--quiet").finish()?.expect_code(0)?;
    assert_eq!(quiet.stderr, "");
    for stdout in [&loud.stdout, &quiet.stdout] {
        for part in ["█ THRESHOLDS", "█ TOTAL RESULTS", "checks_total", "✓ status is 200", "http_reqs", "iterations"]
        {
            assert!(stdout.contains(part), "no {part:?} in {stdout}");
        }
        assert!(!stdout.contains("running (") && !stdout.contains('\x1b'), "{stdout}");
    }
    Ok(())
}

#[test]
fn a_summary_can_be_left_out() -> Result<()> {
    let target = Target::start()?;
    let finished = run(&target)?.args(["--quiet", "--summary-mode", "disabled"]).finish()?.expect_code(0)?;
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.summary()?.count("iterations"), 20);
    Ok(())
}

#[test]
fn statistics_and_unit_are_those_asked_for() -> Result<()> {
    let target = Target::start()?;
    let throng = run(&target)?.args(["--summary-trend-stats", "max,p(99.9),count", "--summary-time-unit", "us"]);
    let finished = throng.finish()?.expect_code(0)?;
    let line = finished.stdout.lines().find(|line| line.contains("http_req_duration..")).unwrap_or_default();
    assert!(line.contains("max=") && line.contains("p(99.9)=") && line.contains("count=20"), "{line}");
    assert!(line.contains("µs") && !line.contains("avg="), "{line}");
    assert_eq!(finished.summary()?.value("http_req_duration", "count")?, 20.0);
    Ok(())
}

#[test]
fn a_script_makes_its_own_summary_for_both_streams_and_a_file() -> Result<()> {
    let finished = Throng::run(&SCRIPTS.component("summary")?)?.arg("--quiet").finish()?.expect_code(0)?;
    assert_eq!(finished.stdout, "10 iterations\n");
    assert_eq!(finished.stderr, "to the error stream\n");
    let own: Value = serde_json::from_str(&finished.file("own.json")?)?;
    assert_eq!(own["metrics"]["iterations"]["values"]["count"], json!(10));
    Ok(())
}

#[test]
fn a_summary_of_the_script_that_fails_leaves_the_usual_one() -> Result<()> {
    for (how, why) in [("err", "no paper left"), ("panic", "the printer is on fire")] {
        let throng = Throng::run(&SCRIPTS.component("summary")?)?.variable("SUMMARY", how);
        let finished = throng.finish()?.expect_code(0)?;
        let said = format!("summarize failed, so the usual summary is shown: {}", if how == "err" { why } else { "" });
        assert!(finished.stderr.contains(&said) && finished.stderr.contains(why), "{}", finished.stderr);
        assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
        assert_eq!(finished.summary()?.count("iterations"), 10);
    }
    Ok(())
}

/// Whether it waits or computes.
#[test]
fn a_summary_of_the_script_that_takes_too_long_is_cut_at_its_time_limit() -> Result<()> {
    for how in ["sleep", "spin"] {
        let throng = Throng::run(&SCRIPTS.component("summary")?)?.variable("SUMMARY", how).with(|command| {
            command.env("K6_HANDLE_SUMMARY_TIMEOUT", "300ms");
        });
        let finished = throng.finish()?.expect_code(0)?;
        // The script would take a minute or go on for ever.
        assert!(finished.took < Duration::from_secs(45), "{:?}", finished.took);
        let said = "it took longer than 300ms, which handleSummaryTimeout sets";
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
        assert!(finished.stdout.contains("TOTAL RESULTS"), "{}", finished.stdout);
    }
    Ok(())
}

#[test]
fn a_file_of_the_scripts_summary_that_can_not_be_written_keeps_no_other_from_being() -> Result<()> {
    let throng = Throng::run(&SCRIPTS.component("summary")?)?.arg("--quiet").variable("SUMMARY", "files");
    let finished = throng.finish()?.expect_code(113)?;
    assert_eq!(finished.stdout, "three files\n");
    assert_eq!((finished.file("first.txt")?, finished.file("third.txt")?), ("one".to_owned(), "three".to_owned()));
    assert!(!finished.path("missing")?.exists(), "as in k6 no directory is made");
    let said = "the summary can't be written to missing/second.txt: No such file or directory";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    assert_eq!(finished.summary()?.count("iterations"), 10);
    Ok(())
}
