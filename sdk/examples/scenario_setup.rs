//! Setups of scenarios, and VUs that are made ready: each scenario has data of its own, and each VU logs in once.
//!
//!     throng run scenario_setup.rs -e TARGET=http://127.0.0.1:8080

use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use throng::prelude::*;

/// What the whole run shares.
#[derive(Deserialize, Serialize)]
struct Shop {
    url: String,
}

/// What one scenario works on.
#[derive(Deserialize, Serialize)]
struct Stock {
    pages: Vec<String>,
}

thread_local! {
    /// A VU's own.
    static TOKEN: RefCell<String> = const { RefCell::new(String::new()) };
}

#[options]
fn options() -> Options {
    Options::new()
        .scenario("few", Scenario::per_vu_iterations(2, 10).exec("browse").setup("stock").env("PAGES", "2"))
        .scenario("many", Scenario::constant_arrival_rate(20, "2s", 5).exec("browse").setup("stock").env("PAGES", "50"))
        .threshold("checks", "rate==1")
}

/// Runs once.
#[setup]
fn setup() -> Shop {
    Shop { url: env("TARGET").to_owned() }
}

/// Runs once for each scenario that names it, with the scenario's variables.
#[setup(scenario)]
fn stock(shop: &Shop) -> Result<Stock, String> {
    let count: u32 = env("PAGES").parse().map_err(|_| "PAGES isn't a number")?;
    Ok(Stock { pages: (1..=count).map(|number| format!("{}/page/{number}", shop.url)).collect() })
}

/// Runs once in each VU, before the load begins.
#[vu_init]
fn log_in(shop: &Shop) -> Result<(), String> {
    let token = format!("token-{}", execution::vu().id_in_test);
    let res = http::Request::get(format!("{}/bearer", shop.url)).bearer_auth(&token).send();
    if !res.ok() {
        return Err(format!("VU {} can't log in: {}", execution::vu().id_in_test, res.status()));
    }
    TOKEN.set(token);
    Ok(())
}

#[scenario]
fn browse(stock: &Stock) {
    let token = TOKEN.with_borrow(String::clone);
    let res = http::Request::get(random::choose(&stock.pages)).bearer_auth(&token).name("page").send();
    check!(res, "the page is there" => |r| r.ok(), "the VU has logged in" => |_| !token.is_empty());
}
