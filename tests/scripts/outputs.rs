//! What `tests/samples/k6-outputs/script.js` does, for throng; and a check with any name.

use throng::prelude::*;

metrics! {
    static ORDERS: Counter = "orders";
    static STOCK: Gauge = "stock";
    static GOOD: Rate = "good";
    static WEIGHT: Trend = "weight";
    static TAKEN: Trend = time "taken";
}

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

#[setup]
fn setup() -> Value {
    let target = env_or("TARGET", "");
    if !target.is_empty() {
        let _ = http::get(format!("{target}/json"));
    }
    json!({ "token": "tea & cake" })
}

#[scenario]
fn default() {
    let target = env("TARGET");
    group("shop", || {
        let page = http::Request::get(format!("{target}/")).tag("size", "large, \"very\"").send();
        let large = tags! { "size" => "large" };
        check_tagged("status is 200", large, page.status() == 200);
        check_tagged("it is cake", large, false);
        group("till", || {
            let _ = http::Request::post(format!("{target}/status/404")).body("x").name("till").send();
        });
    });
    let _ = http::get(env("NOBODY"));
    ORDERS.add_tagged(2, tags! { "kind" => "tea & cake", "size" => "a=b" });
    STOCK.set(7.25);
    GOOD.add(true);
    GOOD.add(false);
    for weight in [0.1, 1e21, 1e-7, 123_456_789.125] {
        WEIGHT.add(weight);
    }
    TAKEN.add(Duration::from_millis(12));
    sleep(1.2);
}

/// A check that is called as CHECK says, and fails.
#[scenario]
fn named() {
    check(&env("CHECK"), false);
}
