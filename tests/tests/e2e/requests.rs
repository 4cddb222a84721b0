//! What requests do, by the summary and by the target's word.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use throng_tests::{Finished, Summary, Target, Throng};

use crate::SCRIPTS;

/// A run of one function of the script `requests`, with further options.
pub(crate) fn throng(url: &str, function: &str, iterations: u64, mut options: Value) -> Result<Throng> {
    options["scenarios"] = json!({ "it": {
        "executor": "per-vu-iterations", "vus": 1, "iterations": iterations, "exec": function, "maxDuration": "60s",
    } });
    Ok(Throng::run(&SCRIPTS.component("requests")?)?.arg("--quiet").variable("TARGET", url).options(&options))
}

pub(crate) fn passed(finished: Finished) -> Result<(Summary, Finished)> {
    let finished = finished.expect_code(0)?;
    let summary = finished.summary()?;
    summary.checks_passed().with_context(|| finished.stderr.clone())?;
    Ok((summary, finished))
}

/// Runs one iteration in which all checks hold.
fn run(target: &Target, function: &str, options: Value) -> Result<Summary> {
    Ok(passed(throng(&target.url(""), function, 1, options)?.finish()?)?.0)
}

/// The same, and every request that the target has seen was counted.
fn run_counted(function: &str, options: Value, requests: u64) -> Result<Summary> {
    let target = Target::start()?;
    let summary = run(&target, function, options)?;
    assert_eq!((summary.count("http_reqs"), target.served()?), (requests, requests));
    Ok(summary)
}

#[test]
fn redirects_are_followed_and_each_hop_is_counted() -> Result<()> {
    let summary = run_counted("redirects", json!({}), 4 + 3 + 2 + 2 + 2)?;
    assert_eq!(summary.rate_counts("http_req_failed").0, 0);
    Ok(())
}

#[test]
fn redirects_end_at_the_limit_with_a_warning() -> Result<()> {
    let target = Target::start()?;
    for (options, most, warned) in [(json!({ "maxRedirects": 2 }), 2, true), (json!({}), 10, true)] {
        let throng = throng(&target.url(""), "endless", 1, options)?.variable("MAX", most.to_string());
        let (summary, finished) = passed(throng.finish()?)?;
        assert_eq!(summary.count("http_reqs"), most + 1);
        let warning = format!("stopped after {most} redirects");
        assert_eq!(finished.stderr.contains(&warning), warned, "{}", finished.stderr);
    }
    // Who sets a request's own limit knows of it.
    let finished = throng(&target.url(""), "redirects", 1, json!({}))?.finish()?;
    assert!(!finished.stderr.contains("stopped after"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn cookies_are_kept_for_an_iteration_or_longer() -> Result<()> {
    let target = Target::start()?;
    for (kept, options) in [("no", json!({})), ("yes", json!({ "noCookiesReset": true }))] {
        passed(throng(&target.url(""), "cookies", 3, options)?.variable("KEPT", kept).finish()?)?;
    }
    Ok(())
}

#[test]
fn jars_of_the_scripts_are_apart() -> Result<()> {
    run_counted("jars", json!({}), 4).map(drop)
}

#[test]
fn long_bodies_are_read_while_they_arrive() -> Result<()> {
    let target = Target::start()?;
    run(&target, "downloads", json!({ "throng": { "memoryLimit": "8MiB" } })).map(drop)
}

#[test]
fn queries_are_encoded() -> Result<()> {
    run_counted("queries", json!({}), 1).map(drop)
}

#[test]
fn expected_statuses_are_no_failures() -> Result<()> {
    let options = json!({ "thresholds": { "http_reqs{expected_response:false}": ["count==4"] } });
    let summary = run_counted("statuses", options, 8)?;
    assert_eq!(summary.rate_counts("http_req_failed"), (4, 4));
    Ok(())
}

#[test]
fn who_asks_is_told_and_challenges_are_no_failures() -> Result<()> {
    let summary = run_counted("authentication", json!({}), 3 + 4 * 2 + 2)?;
    assert_eq!(summary.rate_counts("http_req_failed").0, 0);
    Ok(())
}

#[test]
fn bodies_are_compressed_and_decompressed() -> Result<()> {
    run_counted("compression", json!({}), 4 + 5).map(drop)
}

#[test]
fn bodies_are_dropped_where_the_option_says_so() -> Result<()> {
    run_counted("discarded", json!({ "discardResponseBodies": true }), 2).map(drop)
}

#[test]
fn a_body_waits_for_100_continue() -> Result<()> {
    let target = Target::start()?;
    run(&target, "waiting_bodies", json!({}))?;
    let received = target.received_bytes()?;
    // One of two bodies of 100,000 bytes.
    assert!((100_000..110_000).contains(&received), "{received} bytes");
    Ok(())
}

#[test]
fn forms_with_files_arrive() -> Result<()> {
    run_counted("uploads", json!({}), 1).map(drop)
}

#[test]
fn a_batch_has_as_many_connections_as_the_options_allow() -> Result<()> {
    for (options, connections) in [
        (json!({ "batchPerHost": 10 }), 10),
        (json!({}), 6),
        (json!({ "batchPerHost": 2 }), 2),
        (json!({ "batchPerHost": 0, "batch": 3 }), 3),
        (json!({ "batchPerHost": 0, "batch": 0 }), 10),
    ] {
        let target = Target::start()?;
        let summary = run(&target, "batches", options.clone())?;
        assert_eq!((summary.count("http_reqs"), target.connections()?), (10, connections), "{options}");
    }
    Ok(())
}

#[test]
fn exchanges_end_in_the_order_of_their_answers() -> Result<()> {
    run_counted("any_of", json!({}), 3).map(drop)
}

#[test]
fn exchanges_that_nobody_waits_for_are_cut_with_their_iteration() -> Result<()> {
    let target = Target::start()?;
    let finished = throng(&target.url(""), "left_behind", 2, json!({}))?.finish()?;
    assert!(finished.took < Duration::from_secs(50), "{:?}", finished.took);
    let (summary, _) = passed(finished)?;
    assert_eq!((summary.count("iterations"), summary.count("iterations_failed")), (2, 0));
    assert_eq!(summary.value("checks", "passes")?, 2.0);
    Ok(())
}

#[test]
fn a_failed_request_ends_its_iteration_where_it_is_thrown() -> Result<()> {
    let throng = throng("http://127.0.0.1:1", "thrown", 3, json!({ "throw": true }))?;
    let finished = throng.variable("NOWHERE", "http://127.0.0.1:1/").finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!((summary.count("iterations"), summary.count("iterations_failed")), (3, 3));
    assert_eq!(summary.rate_counts("checks"), (0, 0));
    assert_eq!(summary.rate_counts("http_req_failed"), (3, 0));
    assert!(finished.stderr.contains("http://127.0.0.1:1/ failed: "), "{}", finished.stderr);
    Ok(())
}

#[test]
fn no_more_requests_are_sent_than_rps_says() -> Result<()> {
    let target = Target::start()?;
    let scenario =
        json!({ "executor": "constant-vus", "vus": 4, "duration": "6s", "exec": "plain", "gracefulStop": "0s" });
    let options = json!({ "rps": 20, "scenarios": { "it": scenario } });
    let throng = Throng::run(&SCRIPTS.component("requests")?)?.variable("TARGET", target.url("")).options(&options);
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    let (sent, served) = (summary.count("http_reqs"), target.served()?);
    // Each shard has its share of the limit, and one request at the beginning.
    let shards = std::thread::available_parallelism()?.get() as u64;
    assert!((60..=6 * 20 + shards).contains(&served) && sent <= served, "{sent} of {served} requests");
    Ok(())
}

#[test]
fn the_user_agent_is_the_options_or_throngs() -> Result<()> {
    let target = Target::start()?;
    for (options, expected) in [(json!({ "userAgent": "tea/1" }), "agent=\"tea/1\""), (json!({}), "agent=\"throng/")] {
        let finished = throng(&target.url(""), "user_agent", 1, options)?.finish()?.expect_code(0)?;
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
    Ok(())
}

#[test]
fn what_goes_over_the_wire_is_shown_on_demand() -> Result<()> {
    let target = Target::start()?;
    let shown = |debug: &str| -> Result<String> {
        let throng = throng(&target.url(""), "uploads", 1, json!({ "httpDebug": debug }))?;
        Ok(throng.finish()?.expect_code(0)?.stderr)
    };
    let (heads, whole, none) = (shown("headers")?, shown("full")?, shown("")?);
    for part in ["Request:\nPOST /upload HTTP/1.1\n", "Content-Length: 3", "Response:\nHTTP/1.1 200\n", "vu=1"] {
        assert!(heads.contains(part) && whole.contains(part) && !none.contains(part), "{part:?} in {heads}");
    }
    for part in ["name=\"f\"; filename=\"f.bin\"", "bytes more of the body aren't shown)", "\"sha256\":"] {
        assert!(!heads.contains(part) && whole.contains(part), "{part:?} in {whole}");
    }
    Ok(())
}
