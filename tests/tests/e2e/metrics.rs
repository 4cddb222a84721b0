//! The metrics that k6 doesn't have, and what is told of a run whose figures are to be doubted.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use throng_tests::{Finished, Target, Throng};

use crate::SCRIPTS;
use crate::requests::passed;

fn run(url: &str, options: &Value) -> Result<Finished> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.arg("--quiet").variable("TARGET", url);
    throng.options(options).finish()
}

#[test]
fn bytes_count_while_a_response_still_arrives() -> Result<()> {
    let target = Target::start()?;
    let thresholds = json!({ "data_received": [{ "threshold": "count<2000", "abortOnFail": true }] });
    let options = json!({ "iterations": 1, "thresholds": thresholds });
    let finished = run(&target.url("/drip?numbytes=100000&duration=50"), &options)?.expect_code(99)?;
    assert!(finished.took < Duration::from_secs(40), "{:?}", finished.took);
    assert_eq!(finished.summary()?.count("iterations"), 0);
    Ok(())
}

#[test]
fn the_ratio_of_dropped_iterations_is_of_all_that_were_to_start() -> Result<()> {
    let target = Target::start()?;
    let thresholds = json!({ "dropped_iterations_ratio": ["rate<0.01"], "dropped_iterations_ratio{scenario:it}": [] });
    for executor in ["per-vu-iterations", "shared-iterations"] {
        let it = json!({ "executor": executor, "vus": 1, "iterations": 10, "maxDuration": "1s" });
        let options = json!({ "scenarios": { "it": it }, "thresholds": thresholds });
        let finished = run(&target.url("/delay/300"), &options)?.expect_code(99)?;
        let summary = finished.summary()?;
        let (dropped, begun) = summary.rate_counts("dropped_iterations_ratio");
        assert_eq!((dropped + begun, dropped), (10, summary.count("dropped_iterations")), "{executor}");
        assert_eq!(begun, summary.count("iterations"), "{executor}");
        assert_eq!(summary.rate_counts("dropped_iterations_ratio{scenario:it}"), (dropped, begun), "{executor}");
        assert!(finished.stdout.contains("dropped_iterations_ratio"), "{}", finished.stdout);
    }
    Ok(())
}

#[test]
fn connections_are_counted_and_those_that_failed_among_them() -> Result<()> {
    let target = Target::start()?;
    let finished = run(&target.url("/delay/20"), &json!({ "vus": 3, "duration": "2s" }))?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!(summary.rate_counts("connection_failed"), (0, 3));
    assert_eq!(summary.value("connections_open", "max")?, 3.0);
    // They aren't k6's, and the compact summary leaves them out.
    assert!(!finished.stdout.contains("connection"), "{}", finished.stdout);

    let thresholds = json!({ "connection_failed": ["rate==1"] });
    let options = json!({ "iterations": 4, "thresholds": thresholds });
    let finished = run("http://127.0.0.1:1/", &options)?.expect_code(0)?;
    assert_eq!(finished.summary()?.rate_counts("connection_failed"), (4, 0));
    assert!(finished.stdout.contains("connection_failed"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn the_generators_own_metrics_can_be_judged() -> Result<()> {
    let target = Target::start()?;
    let thresholds = json!({
        "generator_cpu": ["max<=1.1", { "threshold": "avg>0", "requireSamples": true }],
        "generator_loop_lag{shard:0}": [{ "threshold": "p(99)>0", "requireSamples": true }],
    });
    let finished = run(&target.url("/"), &json!({ "vus": 2, "duration": "3s", "thresholds": thresholds }))?;
    let finished = finished.expect_code(0)?;
    assert!(finished.stdout.contains("GENERATOR"), "{}", finished.stdout);
    let summary = finished.summary()?;
    let generator = &summary.json()["throng"]["generator"];
    let shards = generator["shards"].as_array().context("no shards")?;
    assert!(shards.iter().all(|shard| shard["seconds"].as_u64() >= Some(1)), "{generator}");
    // Whoever is busy says so, on a machine that isn't ours alone.
    let is_saturated = generator["saturated"] == true;
    let is_busy = shards.iter().any(|shard| shard["cpu"].as_f64() > Some(0.9));
    assert!(is_saturated || !is_busy, "{generator}");
    assert_eq!(finished.stdout.contains("the generator was the bottleneck"), is_saturated, "{}", finished.stdout);
    assert_eq!(generator["bottleneck"].is_string(), is_saturated, "{generator}");
    Ok(())
}

#[test]
fn a_threshold_over_a_window_ends_a_run_that_went_well_before() -> Result<()> {
    let target = Target::start()?;
    let scenario = |path: &str, start: &str| {
        json!({ "executor": "constant-vus", "vus": 1, "duration": "5m", "startTime": start, "gracefulStop": "0s",
            "env": { "TARGET": target.url(path) } })
    };
    // Ten to one, the good ones are ahead over the whole run.
    let scenarios = json!({ "good": scenario("/delay/1", "0s"), "bad": scenario("/status/500", "4s") });
    let threshold = json!({ "threshold": "rate>0.95", "window": "2s", "abortOnFail": true });
    let options = json!({ "scenarios": scenarios, "thresholds": { "checks": [threshold] } });
    let finished = run(&target.url("/"), &options)?.expect_code(99)?;
    assert!(finished.took < Duration::from_secs(60), "{:?}", finished.took);
    assert!(finished.stdout.contains("✗ 'rate>0.95 over the last 2s' rate="), "{}", finished.stdout);
    Ok(())
}

#[test]
fn a_threshold_that_requires_samples_fails_without() -> Result<()> {
    let target = Target::start()?;
    let required = json!({ "threshold": "p(95)<500", "requireSamples": true });
    let thresholds = json!({ "http_req_duration{name:nobody}": [required, "p(95)<500"] });
    let finished = run(&target.url("/"), &json!({ "thresholds": thresholds }))?.expect_code(99)?;
    assert!(finished.stdout.contains("✗ 'p(95)<500' no samples"), "{}", finished.stdout);
    assert!(finished.stdout.contains("✓ 'p(95)<500' p(95)=0s"), "{}", finished.stdout);
    Ok(())
}

#[test]
fn a_tag_with_too_many_values_is_named() -> Result<()> {
    let target = Target::start()?;
    let urls: Vec<_> = (0..1_000).map(|n| format!("{}?n={n}=0", target.url("/"))).collect();
    let options = json!({ "thresholds": { "http_req_duration{url:x}": [] } });
    let throng = crate::requests::throng(&target.url(""), "codes", 1, options)?.variable("URLS", urls.join(" "));
    let (summary, finished) = passed(throng.finish()?)?;
    assert_eq!(summary.count("http_reqs"), 1_000);
    let warning = "its tag `url` had 9";
    assert!(finished.stderr.contains(warning), "{}", finished.stderr);
    assert!(finished.stdout.contains(warning), "{}", finished.stdout);
    let remarks = summary.json()["throng"]["remarks"].to_string();
    assert!(remarks.contains(warning), "{remarks}");
    Ok(())
}

#[test]
fn addresses_of_servers_are_a_tag_when_they_are_asked_for() -> Result<()> {
    let target = Target::start()?;
    let thresholds = json!({ "http_reqs{ip:127.0.0.1}": ["count==2"] });
    let options = json!({ "iterations": 2, "systemTags": ["ip", "status"], "thresholds": thresholds });
    run(&target.url("/"), &options)?.expect_code(0)?;
    let finished = run(&target.url("/"), &json!({ "iterations": 2, "thresholds": thresholds }))?.expect_code(99)?;
    assert!(finished.stderr.contains("never sees a sample: `ip` is off"), "{}", finished.stderr);
    Ok(())
}
