//! What the summary counts is what happened.

use anyhow::{Context, Result};
use serde_json::json;
use throng_tests::{Scheme, Server, ServerKind, Summary, Target, Throng};

use crate::SCRIPTS;

fn requests() -> Result<u64> {
    match std::env::var("THRONG_TEST_REQUESTS") {
        Ok(text) => text.parse().context("THRONG_TEST_REQUESTS is a number"),
        Err(_) => Ok(20_000),
    }
}

fn run(url: &str, vus: u64, requests: u64) -> Result<Summary> {
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", url);
    let throng = throng.args(["--quiet", "--vus", &vus.to_string(), "--iterations", &requests.to_string()]);
    throng.finish()?.expect_code(0)?.summary()
}

#[test]
fn requests_iterations_checks_and_nginxs_log_are_the_same_number() -> Result<()> {
    let (requests, nginx) = (requests()?, Server::start(ServerKind::Nginx)?);
    let summary = run(&nginx.url(Scheme::Http), 50, requests)?;
    let logged = nginx.logged()?;
    assert_eq!((logged.ok, logged.others), (requests, 0));
    assert_eq!(summary.count("http_reqs"), requests);
    assert_eq!(summary.count("iterations"), requests);
    assert_eq!(summary.rate_counts("checks"), (requests, 0));
    // Of this rate, what failed is what isn't zero.
    assert_eq!(summary.rate_counts("http_req_failed"), (0, requests));
    Ok(())
}

#[test]
fn what_the_target_served_is_what_the_summary_says_with_failures_too() -> Result<()> {
    let (requests, target) = (5_000, Target::start()?);
    let summary = run(&target.url("/status/503"), 16, requests)?;
    assert_eq!(target.served()?, requests);
    assert_eq!(summary.count("http_reqs"), requests);
    assert_eq!(summary.rate_counts("checks"), (0, requests));
    assert_eq!(summary.rate_counts("http_req_failed"), (requests, 0));
    Ok(())
}

#[test]
fn bytes_are_counted_as_the_target_counts_them() -> Result<()> {
    let (requests, body, target) = (200, 50_000, Target::start()?);
    let summary = run(&target.url(&format!("/bytes/{body}")), 4, requests)?;
    let received = summary.count("data_received");
    let head = (received - requests * body) / requests;
    assert!((50..1000).contains(&head), "{received} bytes came, so {head} for each head");
    let sent = summary.count("data_sent");
    assert!((50..1000).contains(&(sent / requests)), "{sent} bytes went");
    Ok(())
}

#[test]
fn a_vu_keeps_its_connection_unless_told_otherwise() -> Result<()> {
    for (flags, connections) in
        [(vec![], 4), (vec!["--no-connection-reuse"], 40), (vec!["--no-vu-connection-reuse"], 40)]
    {
        let target = Target::start()?;
        let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/delay/1"));
        let options = json!({ "scenarios": { "a": { "executor": "per-vu-iterations", "vus": 4, "iterations": 10 } } });
        let summary = throng.options(&options).args(&flags).finish()?.expect_code(0)?.summary()?;
        assert_eq!(summary.rate_counts("checks"), (40, 0));
        assert_eq!(target.connections()?, connections, "with {flags:?}");
    }
    Ok(())
}
