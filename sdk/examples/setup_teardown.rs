//! Work before and after the load: setup makes data that all VUs share, teardown looks at what came of it, and the
//! summary is the script's own.
//!
//!     throng run setup_teardown.rs -e TARGET=http://127.0.0.1:8080

use serde::{Deserialize, Serialize};
use throng::prelude::*;

#[derive(Deserialize, Serialize)]
struct Data {
    /// Addresses that VUs choose from.
    pages: Vec<String>,
    /// Requests that the target had answered before.
    served_before: u64,
}

#[options]
fn options() -> Value {
    json!({ "vus": 4, "iterations": 200, "thresholds": { "checks": ["rate==1"] } })
}

#[setup]
fn setup() -> Result<Data, String> {
    let target = env("TARGET");
    let pages = (1..=3).map(|delay_ms| format!("{target}/delay/{delay_ms}")).collect();
    Ok(Data { pages, served_before: served()? })
}

#[scenario]
fn default(data: &Data) {
    let res = http::get(random::choose(&data.pages));
    check!(res, "page is there" => |r| r.ok());
}

#[teardown]
fn teardown(data: &Data) -> Result<(), String> {
    let served = served()?.saturating_sub(data.served_before);
    log::info!("the target has served {served} requests since setup");
    Ok(())
}

#[summary]
fn summarize(data: Value) -> Summary {
    let count = |metric: &str| data["metrics"][metric]["values"]["count"].as_f64().unwrap_or(0.0);
    let text = format!("{} requests in {} iterations\n", count("http_reqs"), count("iterations"));
    Summary::new().stdout(text)
}

/// How many requests the target has served, as it counts them at `/stats`.
fn served() -> Result<u64, String> {
    let res = http::get(format!("{}/stats", env("TARGET")));
    if let Some(error) = res.error() {
        return Err(format!("the target doesn't answer: {error}"));
    }
    let stats: Value = res.json().map_err(|error| format!("/stats: {error}"))?;
    stats["requests"]["total"].as_u64().ok_or_else(|| format!("/stats has no total of requests: {stats}"))
}
