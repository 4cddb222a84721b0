//! One request and one check an iteration.
//!
//!     throng target --listen 127.0.0.1:8080 &
//!     throng run quickstart.rs -e TARGET=http://127.0.0.1:8080 --vus 10 --duration 5s

use throng::prelude::*;

#[scenario]
fn default() {
    let res = http::get(env("TARGET"));
    check!(res, "status is 200" => |r| r.status() == 200);
}
