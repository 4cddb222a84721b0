//! One request an iteration.

use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env("OPTIONS")).expect("OPTIONS is JSON")
}

#[scenario]
fn default() {
    http::get(env("TARGET"));
}
