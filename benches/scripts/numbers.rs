//! An iteration that does nothing but add its number up, so that lost and doubled ones show.

use throng::prelude::*;

metrics! {
    /// The sum of all numbers.
    static NUMBERS: Counter = "numbers";
}

#[options]
fn options() -> Value {
    serde_json::from_str(&env("OPTIONS")).expect("OPTIONS is JSON")
}

#[scenario]
fn default() {
    let scenario = execution::scenario().expect("a scenario runs");
    NUMBERS.add(scenario.iteration_in_test as f64);
}
