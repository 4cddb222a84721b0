//! A load test. Build and run it:
//!
//!     throng run @PATH@ -e TARGET=http://127.0.0.1:8080
//!
//! `throng target --listen 127.0.0.1:8080` is a server to try it on.

use throng::prelude::*;

/// How the test is run, and when it has passed. Flags of `throng run`, such as `--vus` and `--duration`, win over it.
#[options]
fn options() -> Options {
    Options::new()
        .vus(10)
        .duration("10s")
        .threshold("http_req_failed", "rate<0.01")
        .threshold("http_req_duration", "p(95)<500")
}

/// One iteration of one virtual user.
#[scenario]
fn default() {
    let res = http::get(env("TARGET"));
    check!(res, "status is 200" => |r| r.status() == 200);
    sleep(1);
}
