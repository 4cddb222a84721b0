//! A run whose every part is counted by the target: setup asks for 201, teardown for 202, iterations for 200.

use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

#[setup]
fn setup() {
    http::get(format!("{}/status/201", env("TARGET")));
}

#[teardown]
fn teardown() {
    http::get(format!("{}/status/202", env("TARGET")));
}

/// One request and one check. Why a request fails is told.
#[scenario]
fn default() {
    let res = http::get(env("TARGET"));
    check!(res, "status is 200" => |r| r.status() == 200);
    if let Some(error) = res.error() {
        log::warn!("{}: {}", error.code(), error.message());
    }
}
