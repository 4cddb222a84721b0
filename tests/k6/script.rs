//! What `script.js` does, for throng. It has no options of its own: they come from a case's file. Variables, which a
//! scenario's `env` may set too, say what an iteration does.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use throng::prelude::*;

metrics! {
    static BEGAN: Trend = "began";
    static MADE: Counter = "made";
    static LATEST: Gauge = "latest";
    static GOOD: Rate = "good";
    static LASTED: Trend = "lasted";
    static NEVER_COUNTED: Counter = "never_counted";
    static NEVER_RATED: Rate = "never_rated";
    static NEVER_LASTED: Trend = "never_lasted";
}

#[derive(Deserialize, Serialize)]
struct Data {
    token: String,
}

fn pause() {
    let ms: u64 = env_or("SLEEP_MS", "0").parse().expect("SLEEP_MS is a number");
    sleep(Duration::from_millis(ms));
}

fn act(what: &str) {
    match what {
        "throw" => panic!("nothing in stock"),
        "abort" => execution::abort("the till is empty"),
        "nap and abort" => {
            sleep(0.15);
            execution::abort("the till is empty");
        }
        "fail" => execution::fail("the till is off by one"),
        "sleep" => sleep(60),
        "nap" => sleep(0.3),
        _ => {}
    }
}

/// When the scenario began, and which of its iterations this is.
fn began() -> u64 {
    let scenario = execution::scenario().expect("a scenario runs");
    let since = scenario.start_time.duration_since(UNIX_EPOCH).expect("it is after 1970");
    BEGAN.add(since.as_millis() as f64);
    scenario.iteration_in_test
}

#[setup]
fn setup() -> Data {
    act(&env_or("SETUP", ""));
    Data { token: "tea & cake".to_owned() }
}

#[teardown]
fn teardown(data: &Data) {
    MADE.add(if data.token == "tea & cake" { 1000 } else { 1 });
    act(&env_or("TEARDOWN", ""));
}

/// The first VU's iteration ACT_AT does what ACT says.
#[scenario]
fn default() {
    began();
    MADE.add(1);
    let vu = execution::vu();
    if vu.id_in_test == 1 && env_or("ACT_AT", "0").parse() == Ok(vu.iteration_in_scenario) {
        act(&env_or("ACT", ""));
    }
    pause();
}

/// Every third iteration throws, after its wait.
#[scenario]
fn throwing() {
    let number = began();
    pause();
    MADE.add(1);
    if number % 3 == 0 {
        act("throw");
    }
}

/// Requests, checks, groups and metrics with tags; the kind alternates.
#[scenario]
fn shopping(data: &Data) {
    let number = began();
    let (kind, of_kind) =
        if number % 2 == 0 { ("tea", tags! { "kind" => "tea" }) } else { ("cake", tags! { "kind" => "cake" }) };
    let target = env("TARGET");
    check!("setup has run" => data.token == "tea & cake");
    group("shop", || {
        let page = http::Request::get(format!("{target}/bytes/1000")).name("page").tag("kind", kind).send();
        check_tagged("the page is there", of_kind, page.status() == 200);
        check_tagged("it is tea", of_kind, kind == "tea");
        group("till", || {
            let refused = http::Request::get(format!("{target}/status/404")).name("refused").send();
            check!(refused, "the till is closed" => |r| r.status() == 404);
        });
    });
    MADE.add_tagged(2, of_kind);
    LATEST.set(number as f64);
    GOOD.add_tagged(number % 4 != 0, of_kind);
    LASTED.add_tagged(number as f64, of_kind);
    pause();
}

/// One request; what `rps` limits.
#[scenario]
fn requesting() {
    began();
    let _ = http::get(format!("{}/", env("TARGET")));
    MADE.add(1);
}

#[summary]
fn summarize(data: Value) -> Summary {
    Summary::new().file(env("SUMMARY"), data.to_string())
}
