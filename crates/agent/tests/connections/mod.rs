//! Event-driven scripts against throng's own target: both ends count, and count the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use throng_agent::{Ending, RunError, RunHandle, RunResult};
use throng_target::{Target, TargetConfig};

use crate::guest::{Silent, config, event_component};

const GUEST: &str = include_str!("guest.wat");

fn target() -> Target {
    let address: SocketAddr = ([127, 0, 0, 1], 0).into();
    Target::start(TargetConfig { address, shards: vec![None], sockets_per_shard: 2000, tls: None, echo: None }).unwrap()
}

/// Runs the one scenario against the target.
fn run(target: SocketAddr, scenario: Value) -> Result<RunResult, RunError> {
    let options = json!({ "hosts": { "target": target.to_string() }, "scenarios": { "only": scenario } });
    let config = throng_agent::RunConfig { component: event_component(GUEST).into(), ..config(options) };
    throng_agent::run(config, &RunHandle::default(), &mut Silent)
}

/// A count of the summary's.
fn count(result: &RunResult, metric: &str) -> u64 {
    let summary = throng_stats::json::handle_summary(&result.report);
    summary["metrics"][metric]["values"]["count"].as_f64().unwrap_or(0.0) as u64
}

/// The target's counts, once all connections are gone there too.
fn settled(target: &Target) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let stats = target.stats()["websockets"].take();
        if stats["open"] == 0 {
            return stats;
        }
        assert!(Instant::now() < deadline, "{stats}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn held_connections_echo_are_closed_properly_and_both_ends_count_the_same() {
    let target = target();
    let scenario = json!({ "executor": "constant-vus", "vus": 50, "duration": "2s", "exec": "holding" });
    let result = run(target.address(), scenario).unwrap();
    assert_eq!(result.ending, Ending::Finished);
    let stats = settled(&target);
    assert_eq!(
        [count(&result, "ws_sessions"), count(&result, "iterations"), count(&result, "iterations_failed")],
        [50, 50, 0]
    );
    assert_eq!(
        (&stats["opened"], &stats["closed_properly"], &stats["violations"]),
        (&json!(50), &json!(50), &json!(0))
    );
    let (sent, received) = (count(&result, "ws_msgs_sent"), count(&result, "ws_msgs_received"));
    assert!(sent >= 100 && sent == received, "{sent} {received}");
    assert_eq!(stats["messages"], json!({ "in": sent, "out": received }));
}

#[test]
fn a_trap_costs_its_instances_connections_and_they_are_opened_again() {
    let target = target();
    let scenario = json!({ "executor": "constant-vus", "vus": 20, "duration": "4s", "exec": "trapping" });
    let result = run(target.address(), scenario).unwrap();
    assert_eq!(result.ending, Ending::Finished);
    let (lost, reopened) = (count(&result, "ws_lost"), count(&result, "ws_reopened"));
    assert!(lost > 0 && reopened > 0 && reopened <= lost, "{lost} {reopened}");
    assert_eq!(count(&result, "iterations_failed"), lost);
    let stats = settled(&target);
    assert_eq!(stats["opened"].as_u64(), Some(count(&result, "ws_sessions")));
}

#[test]
fn a_connection_that_the_script_closes_is_an_iteration_and_the_next_one_begins() {
    let target = target();
    let scenario = json!({ "executor": "per-vu-iterations", "vus": 4, "iterations": 25, "exec": "closing" });
    let result = run(target.address(), scenario).unwrap();
    assert_eq!([count(&result, "iterations"), count(&result, "iterations_failed")], [100, 0]);
    let stats = settled(&target);
    assert_eq!((&stats["opened"], &stats["closed_properly"]), (&json!(100), &json!(100)));
}

#[test]
fn ramping_vus_opens_and_closes_connections_by_its_stages() {
    let target = target();
    // At the top it waits for those that a busy machine begins late.
    let stages = json!([
        { "duration": "1s", "target": 40 }, { "duration": "3s", "target": 40 }, { "duration": "1s", "target": 0 },
    ]);
    let scenario = json!({ "executor": "ramping-vus", "stages": stages, "exec": "holding" });
    let result = run(target.address(), scenario).unwrap();
    let sessions = count(&result, "ws_sessions");
    assert!((40..=80).contains(&sessions), "{sessions}");
    let stats = settled(&target);
    assert_eq!(stats["opened"].as_u64(), Some(sessions));
    assert_eq!(stats["closed_properly"].as_u64(), Some(sessions));
}

#[test]
fn a_server_that_isnt_there_is_not_stormed() {
    let target = target();
    let address = target.address();
    target.stop().unwrap();
    let scenario = json!({ "executor": "constant-vus", "vus": 20, "duration": "2s", "exec": "holding" });
    let result = run(address, scenario).unwrap();
    let sessions = count(&result, "ws_sessions");
    // At once, after half a second to a second, and after one to two more.
    assert!((20..=80).contains(&sessions), "{sessions}");
    assert_eq!(count(&result, "iterations_failed"), sessions);
}

#[test]
fn arrival_rates_are_refused_with_a_remedy() {
    let scenario = json!({
        "executor": "constant-arrival-rate", "rate": 5, "duration": "1s", "preAllocatedVUs": 2, "exec": "holding",
    });
    let error = run(([127, 0, 0, 1], 1).into(), scenario).unwrap_err().to_string();
    assert!(error.contains("scenarios.only.executor") && error.contains("ramping-vus"), "{error}");
}
