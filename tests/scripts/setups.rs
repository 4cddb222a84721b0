//! Setups of scenarios, beside that of the run.

use serde::{Deserialize, Serialize};
use throng::prelude::*;

/// Of the run.
#[derive(Deserialize, Serialize)]
struct Shop {
    name: String,
}

/// Of a scenario.
#[derive(Deserialize, Serialize)]
struct Orders {
    scenario: String,
    items: Vec<u64>,
}

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

#[setup]
fn setup() -> Shop {
    log::info!("setup of the run");
    Shop { name: "tea & cake".to_owned() }
}

/// Does what ORDERS says, a variable of the scenario for example.
#[setup(scenario)]
fn orders(shop: &Shop) -> Result<Orders, String> {
    let scenario = execution::scenario().expect("it is a scenario's setup");
    log::info!("setup of {} as VU {} for {}", scenario.name, execution::vu().id_in_test, shop.name);
    let target = env_or("TARGET", "");
    if !target.is_empty() {
        let res = group("stock", || http::get(target));
        check!(res, "the stock is known" => |r| r.status() == 200);
    }
    match env_or("ORDERS", "") {
        "err" => return Err("no orders today".to_owned()),
        "panic" => panic!("nothing in stock"),
        "sleep" => sleep(60),
        _ => {}
    }
    Ok(Orders { scenario: scenario.name, items: (0..1000).collect() })
}

#[setup(scenario, name = "nothing at all")]
fn nothing() {
    log::info!("setup with nothing");
}

/// Is given the scenario's own data.
#[scenario]
fn buy(orders: &Orders) -> Result<(), String> {
    let scenario = execution::scenario().expect("a scenario runs");
    let shop = execution::run_setup_data::<Shop>()?;
    check!(
        "the data is the scenario's own and whole" =>
            orders.scenario == scenario.name && orders.items.iter().sum::<u64>() == 499_500,
        "the run's data is there too" => shop.name == "tea & cake",
    );
    Ok(())
}

/// Is given the run's data.
#[scenario]
fn look(shop: &Shop) {
    check!("the data is the run's" => shop.name == "tea & cake");
}

#[teardown]
fn teardown(shop: &Shop) {
    log::info!("teardown of {}", shop.name);
}
