//! Instances that are made ready for their iterations, which may fail by what the variable INIT says.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use throng::prelude::*;

#[derive(Deserialize, Serialize)]
struct Shop {
    name: String,
}

thread_local! {
    /// Attempts in this instance.
    static ATTEMPTS: Cell<u32> = const { Cell::new(0) };
    static IS_READY: Cell<bool> = const { Cell::new(false) };
}

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

#[setup]
fn setup() -> Shop {
    Shop { name: "tea & cake".to_owned() }
}

#[vu_init]
fn ready(shop: &Shop) -> Result<(), String> {
    ATTEMPTS.set(ATTEMPTS.get() + 1);
    let (vu, place) = (execution::vu(), execution::scenario().map_or("no scenario".to_owned(), |now| now.name));
    log::info!("init of {} in {place} for {}", vu.id_in_test, shop.name);
    let target = env_or("TARGET", "");
    if !target.is_empty() {
        let res = http::get(target);
        check!(res, "the shop is open" => |r| r.status() == 200);
    }
    sleep(Duration::from_millis(env_or("INIT_MS", "0").parse().expect("INIT_MS is a number")));
    match env_or("INIT", "") {
        // Ahead of the load, and before the first iteration.
        "err twice" if ATTEMPTS.get() <= 2 => return Err("the shop is closed".to_owned()),
        // The instance is another one each time: ahead, and before the first two iterations.
        "panic thrice" if vu.iteration_in_instance < 1 => panic!("the door is jammed"),
        "err" => return Err("the shop is closed".to_owned()),
        "abort" => execution::abort("the shop has burnt down"),
        "hang" => sleep(60),
        _ => {}
    }
    IS_READY.set(true);
    Ok(())
}

/// Sees whether the instance is ready; iterations whose number FAULT_EVERY divides panic.
#[scenario]
fn default() {
    check!("the instance is ready" => IS_READY.get());
    let every: u64 = env_or("FAULT_EVERY", "0").parse().expect("FAULT_EVERY is a number");
    let iteration = execution::scenario().expect("a scenario runs").iteration_in_test;
    if every > 0 && (iteration + 1) % every == 0 {
        panic!("a cup is broken");
    }
}
