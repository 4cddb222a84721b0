//! Rows and parts of files, told by messages.

use serde::Deserialize;
use throng::prelude::*;

#[derive(Deserialize)]
struct User {
    name: String,
    age: Option<u32>,
}

static USERS: data::Csv<User> = data::csv!("users.csv");
static PAIRS: data::Csv<(String, String)> = data::csv!("users.csv");
static LISTS: data::Json<Vec<u64>> = data::json!("../common/lists.json");
static TEXT: data::File = data::file!("users.csv");

#[options]
fn options() -> Value {
    if env_or("ROWS_IN_OPTIONS", "") == "1" {
        return json!({ "vus": USERS.len() });
    }
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

/// Says which rows the VU and the iteration have.
#[scenario]
fn default() {
    let of_run = execution::scenario().expect("a scenario runs").iteration_in_test;
    let of_vu = USERS.for_vu();
    let (again, unique) = (USERS.for_iteration(), USERS.unique_for_iteration());
    let unique = unique.map_or("none".to_owned(), |user| user.name);
    let age = of_vu.age.map_or("none".to_owned(), |age| age.to_string());
    log::info!(
        "rows vu={} {} {age} iteration={of_run} {} {unique}",
        execution::vu().id_in_test,
        of_vu.name,
        again.name
    );
}

/// Reads all there is in every way.
#[scenario]
fn all() {
    let random = USERS.random().name;
    check!("a random row is one of them" => (0..USERS.len()).any(|index| USERS.get(index).name == random));
    let pair = PAIRS.get(1);
    let sums: Vec<u64> = (0..LISTS.len()).map(|index| LISTS.get(index).iter().sum()).collect();
    let text = TEXT.bytes();
    check!("parts are parts of the whole" => TEXT.read(5..8) == text[5..8] && TEXT.size() == text.len() as u64);
    log::info!("all {}|{} {sums:?} {}", pair.0, pair.1, String::from_utf8_lossy(&text[..9]));
}

/// Reads the row of this number.
#[scenario]
fn one() {
    log::info!("one {}", USERS.get(env("ROW").parse().expect("ROW is a number")).name);
}
