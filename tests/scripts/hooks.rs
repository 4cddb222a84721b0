//! setup and teardown that do what the variables SETUP and TEARDOWN say.

use serde::{Deserialize, Serialize};
use throng::prelude::*;

#[derive(Deserialize, Serialize)]
struct Data {
    token: String,
    numbers: Vec<u64>,
}

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

#[setup]
fn setup() -> Result<Data, String> {
    log::info!("setup begins");
    act(&env_or("SETUP", ""))?;
    Ok(Data { token: "tea & cake".to_owned(), numbers: (0..1000).collect() })
}

#[teardown]
fn teardown(data: &Data) -> Result<(), String> {
    log::info!("teardown begins with {}", data.token);
    act(&env_or("TEARDOWN", ""))
}

/// Checks the data, then does what ITERATION says.
#[scenario]
fn default(data: &Data) -> Result<(), String> {
    check!(
        "setup's data came whole" => data.token == "tea & cake" && data.numbers.iter().sum::<u64>() == 499_500,
    );
    act(&env_or("ITERATION", ""))
}

/// Runs where there may be no setup.
#[scenario]
fn bare() {
    check!("it runs" => true);
}

fn act(what: &str) -> Result<(), String> {
    match what {
        "" => Ok(()),
        "err" => Err("no orders today".to_owned()),
        "panic" => panic!("nothing in stock"),
        "abort" => execution::abort("the till is empty"),
        "fail" => {
            execution::fail("the till is off by one");
            Ok(())
        }
        "sleep" => {
            log::info!("asleep");
            sleep(60);
            Ok(())
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "nap" => {
            sleep(0.01);
            Ok(())
        }
        other => Err(format!("unknown: {other}")),
    }
}
