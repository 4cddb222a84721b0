//! Metrics of the script's own, one of each type, with tags and thresholds.
//!
//!     throng run custom_metrics.rs -e TARGET=http://127.0.0.1:8080

use throng::prelude::*;

metrics! {
    /// Bytes of all bodies.
    static RECEIVED: Counter = "received_body_bytes";
    /// The size of the last body.
    static LAST_SIZE: Gauge = "last_body_size";
    /// Whether the answer came within 20 ms.
    static SWIFT: Rate = "swift_answers";
    /// From request to parsed answer.
    static WHOLE: Trend = time "whole_exchange";
}

#[options]
fn options() -> Options {
    Options::new()
        .vus(5)
        .duration("5s")
        .threshold("received_body_bytes", "count>0")
        .threshold("swift_answers", "rate>0.9")
        .threshold("whole_exchange{size:large}", "p(95)<100")
}

#[scenario]
fn default() {
    let (bytes, tags) =
        if random::chance(0.2) { (65_536, tags! { "size" => "large" }) } else { (512, tags! { "size" => "small" }) };
    let start = time::now();
    let res = http::get(format!("{}/bytes/{bytes}", env("TARGET")));
    check!(res, "all bytes came" => |r| r.body().len() == bytes);

    RECEIVED.add_tagged(res.body_size(), tags);
    LAST_SIZE.set(res.body_size());
    SWIFT.add(res.duration() < Duration::from_millis(20));
    WHOLE.add_tagged(start.elapsed(), tags);
    sleep(0.01);
}
