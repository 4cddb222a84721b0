//! Against servers that others wrote: what throng counts is what stands in their logs.
//!
//! `THRONG_TEST_REQUESTS=100000` makes each run as long as it is to hold for.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use throng_tests::{Logged, Scheme, Server, ServerKind, Summary, Throng};

use crate::SCRIPTS;

/// What is run against each server.
const SCHEMES: [Scheme; 2] = [Scheme::Http, Scheme::Https];
const VUS: u64 = 50;
/// The slowest server answers several times as many.
const REQUESTS_PER_SECOND_MIN: u64 = 300;

fn requests() -> Result<u64> {
    match std::env::var("THRONG_TEST_REQUESTS") {
        Ok(text) => text.parse().context("THRONG_TEST_REQUESTS is a number"),
        Err(_) => Ok(2_000),
    }
}

fn run(url: &str, requests: u64, reuse: bool) -> Result<Summary> {
    let options = json!({
        "vus": VUS,
        "iterations": requests,
        "noConnectionReuse": !reuse,
        "insecureSkipTLSVerify": true,
    });
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", url).options(&options);
    let deadline = Duration::from_secs(60 + requests / REQUESTS_PER_SECOND_MIN);
    throng.arg("--quiet").start()?.wait(deadline)?.expect_code(0)?.summary()
}

/// Runs `requests` requests in each way against a server that was just started.
fn counts_equal(kind: ServerKind) -> Result<()> {
    let requests = requests()?;
    for scheme in SCHEMES {
        for reuse in [true, false] {
            let case = format!("{kind:?}, {scheme:?}, reuse: {reuse}");
            let server = Server::start(kind)?;
            let summary = run(&server.url(scheme), requests, reuse).with_context(|| case.clone())?;
            let logged = server.logged()?;
            let connections = if reuse { logged.connections.min(VUS) } else { requests };
            assert_eq!(logged, Logged { ok: requests, others: 0, connections }, "{case}");
            assert_eq!(summary.count("http_reqs"), requests, "{case}");
            assert_eq!(summary.count("iterations"), requests, "{case}");
            assert_eq!(summary.rate_counts("checks"), (requests, 0), "{case}");
            // Of this rate, what failed is what isn't zero.
            assert_eq!(summary.rate_counts("http_req_failed"), (0, requests), "{case}");
            report(&case, &summary, logged);
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "shown by `--nocapture`")]
fn report(case: &str, summary: &Summary, logged: Logged) {
    let requests = summary.count("http_reqs");
    println!("{case}: {requests} requests, in the log {} on {} connections", logged.ok, logged.connections);
}

#[test]
fn nginx_logs_as_many_requests_as_are_counted() -> Result<()> {
    counts_equal(ServerKind::Nginx)
}

#[test]
fn apache_logs_as_many_requests_as_are_counted() -> Result<()> {
    counts_equal(ServerKind::Apache)
}

#[test]
fn haproxy_logs_as_many_requests_as_are_counted() -> Result<()> {
    counts_equal(ServerKind::HaProxy)
}

#[test]
fn node_logs_as_many_requests_as_are_counted() -> Result<()> {
    counts_equal(ServerKind::Node)
}

#[test]
fn python_logs_as_many_requests_as_are_counted() -> Result<()> {
    counts_equal(ServerKind::Python)
}
