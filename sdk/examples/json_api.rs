//! A JSON API: what it answers is checked, and thresholds say when that is good enough.
//!
//!     throng run json_api.rs -e TARGET=http://127.0.0.1:8080

use serde::{Deserialize, Serialize};
use throng::prelude::*;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Order {
    id: u64,
    items: Vec<String>,
}

/// What `/echo` says about a GET.
#[derive(Deserialize)]
struct Echo {
    method: String,
    path: String,
}

#[options]
fn options() -> Options {
    Options::new()
        .scenario("orders", Scenario::constant_vus(10, "5s").exec("order"))
        .scenario("readers", Scenario::shared_iterations(5, 500).exec("read").max_duration("30s"))
        .threshold("checks", "rate>0.99")
        .threshold("http_req_failed", "rate<0.01")
        .threshold("http_req_duration{name:order}", "p(95)<200")
}

/// Places an order and compares what comes back.
#[scenario]
fn order() {
    let order = Order { id: execution::vu().id_in_test, items: vec!["tea".to_owned(), "cake".to_owned()] };
    group("order", || {
        let res = http::Request::post(format!("{}/echo", env("TARGET"))).json(&order).name("order").send();
        check!(res,
            "order accepted" => |r| r.status() == 200,
            "order comes back whole" => |r| r.json::<Order>().is_ok_and(|echoed| echoed == order),
        );
    });
    sleep(0.05);
}

/// Reads a page. An error ends the iteration, is logged and counted.
#[scenario]
fn read() -> Result<(), String> {
    let page = random::range(1..100);
    let res = http::Request::get(format!("{}/echo?page={page}", env("TARGET"))).name("/echo?page=N").send();
    if let Some(error) = res.error() {
        return Err(format!("page {page}: {error}"));
    }
    let echo = res.json::<Echo>().map_err(|error| format!("page {page}: {error}"))?;
    check!(
        "GET arrives as GET" => echo.method == "GET",
        "the path arrives" => echo.path.starts_with("/echo"),
    );
    Ok(())
}
