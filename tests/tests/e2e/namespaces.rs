//! Source addresses, in network namespaces of the test's own: a machine with throng, one with a target, a cable between.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Cable, Summary, Throng};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(60);
/// How long each request takes, so that all connections are there at once.
const DELAY_MS: u32 = 8000;

/// A run with so many VUs, each with one request that takes a while.
fn run(cable: &Cable, target: &str, vus: u32, arguments: &[&str]) -> Result<Throng> {
    let script = Throng::run_arguments(&SCRIPTS.component("plain")?);
    let throng = Throng::limited(cable.at_client(), script)?.arg("--quiet").args(arguments);
    let throng = throng.variable("TARGET", format!("http://{target}/delay/{DELAY_MS}"));
    let thresholds = json!({ "sources_in_use{destination:10.0.1.1:8080}": ["value>=0"] });
    // Were they shared, VUs that get no connection would take the iterations of a shard that is slow to begin.
    let each = json!({ "executor": "per-vu-iterations", "vus": vus, "iterations": 1 });
    Ok(throng.options(&json!({ "scenarios": { "each": each }, "thresholds": thresholds })))
}

/// Where the run's connections came from, by destination.
fn sources(summary: &Summary) -> Vec<Value> {
    summary.json()["throng"]["sources"].as_array().cloned().unwrap_or_default()
}

#[test]
fn many_addresses_hold_more_connections_than_one_has_ports_and_the_server_sees_equal_shares() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let _target = cable.target("10.0.1.1:8080")?;
    // One address has 16 ports here, and all of them together have 4,064.
    let run = run(&cable, "10.0.1.1:8080", 1000, &["--bind-ips", "10.0.0.0/24", "--bind-ports", "30000-30015"])?;
    let run = run.start()?;
    let seen = cable.seen_all(1000)?;
    assert_eq!(seen.len(), 254);
    let (least, most) = (seen.values().min().copied(), seen.values().max().copied());
    // Each shard takes the addresses in turn: it gives one at most one connection more than another.
    assert!(most.unwrap() - least.unwrap() <= 2, "{seen:?}");
    let finished = run.wait(PATIENCE)?.expect_code(0)?;
    let summary = finished.summary()?;
    assert_eq!(summary.checks_passed()?, 1000);
    let [used] = &sources(&summary)[..] else { panic!("{}", summary.json()["throng"]) };
    assert_eq!((&used["destination"], &used["addresses"]), (&json!("10.0.1.1:8080"), &json!(254)));
    assert_eq!((&used["room"], &used["taken"], &used["inUseMax"]), (&json!(4064), &json!(1000), &json!(1000)));
    assert_eq!((&used["exhausted"], &used["unusable"]), (&json!(0), &json!(0)));
    let of = |which: &str| used[which]["inUseMax"].as_u64().map(|count| count as u32);
    assert_eq!((of("leastUsed"), of("mostUsed")), (least, most), "as the server saw it");
    assert_eq!(summary.value("sources_in_use{destination:10.0.1.1:8080}", "max")?, 1000.0);
    Ok(())
}

#[test]
fn connections_from_a_network_that_is_drawn_from_have_addresses_of_their_own() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let target = "[2001:db8:0:1::1]:8080";
    let _target = cable.target(target)?;
    let arguments = ["--bind-ips", "2001:db8:0:2::/64", "--freebind", "--bind-ports", "30000-30001"];
    let run = run(&cable, target, 500, &arguments)?.start()?;
    let seen = cable.seen_all(500)?;
    assert!(seen.len() == 500 && seen.values().all(|count| *count == 1), "{seen:?}");
    assert_eq!(run.wait(PATIENCE)?.expect_code(0)?.summary()?.checks_passed()?, 500);
    Ok(())
}

#[test]
fn a_pool_that_is_used_up_is_an_error_of_its_own_with_the_arithmetic() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let _target = cable.target("10.0.1.1:8080")?;
    let run = run(&cable, "10.0.1.1:8080", 100, &["--bind-ips", "10.0.0.1-10.0.0.2", "--bind-ports", "30000-30015"])?;
    let finished = run.finish()?.expect_code(0)?;
    let summary = finished.summary()?;
    // 2 addresses x 16 ports.
    assert_eq!(summary.rate_counts("checks"), (32, 68), "{}", finished.stderr);
    let [used] = &sources(&summary)[..] else { panic!("{}", summary.json()["throng"]) };
    assert_eq!((&used["room"], &used["inUseMax"], &used["exhausted"]), (&json!(32), &json!(32), &json!(68)));
    assert_eq!(used["leastUsed"]["inUseMax"], 16);
    Ok(())
}

#[test]
fn addresses_that_no_interface_has_end_the_run_before_it_begins() -> Result<()> {
    let Some(cable) = Cable::lay()? else { return Ok(()) };
    let run = run(&cable, "10.0.1.1:8080", 1, &["--bind-ips", "10.0.0.9,192.0.2.1-192.0.2.3"])?;
    let finished = run.finish()?.expect_code(112)?;
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let command = format!("sudo ip address add {address}/32 dev near");
        assert_eq!(finished.stderr_lines(&command).count(), 1, "{}", finished.stderr);
    }
    assert!(!finished.stderr.contains("10.0.0.9"));
    Ok(())
}
