//! Functions for scenarios that the variable OPTIONS describes.

use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

/// One request and one check.
#[scenario]
fn default() {
    let res = http::get(env("TARGET"));
    check!(res, "status is 200" => |r| r.status() == 200);
}

/// A request whose error is told, and that has to have the code EXPECTED_ERROR.
#[scenario]
fn unreachable() {
    let res = http::get(env("TARGET"));
    let expected = env("EXPECTED_ERROR");
    check!(res, "the error is the expected one" => |r| r.error().is_some_and(|e| e.code().to_string() == expected));
    if let Some(error) = res.error() {
        log::warn!("{}", error.message());
    }
}

/// Sleeps for SLEEP_MS, and says which iteration it was and when it began.
#[scenario]
fn nap() {
    let (vu, scenario) = (execution::vu(), execution::scenario().expect("a scenario runs"));
    let began = execution::instance().current_test_run_duration;
    log::info!(
        "nap {} vu={} of_vu={} of_run={} at_ms={}",
        scenario.name,
        vu.id_in_test,
        vu.iteration_in_scenario,
        scenario.iteration_in_test,
        began.as_millis()
    );
    sleep(Duration::from_millis(env("SLEEP_MS").parse().expect("SLEEP_MS is a number")));
}

/// Says what it was given.
#[scenario]
fn tell() {
    log::info!("told WHO={}", env_or("WHO", "nobody"));
}
