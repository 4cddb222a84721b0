//! Goes through requests to a hostile server, with a good one after each.

use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

/// Each line of REQUESTS is the method, what becomes of the body (keep or discard), the time limit in milliseconds, the
/// pause behind it, the bytes of body to send, the URL, the URL of the good request. What came of them is told.
#[scenario]
fn through() {
    for (number, line) in env("REQUESTS").lines().enumerate() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [method, body, timeout_ms, pause_ms, sent_bytes, url, good_url] = fields[..] else {
            panic!("not seven fields: {line}")
        };
        let milliseconds = |text: &str| Duration::from_millis(text.parse().expect("milliseconds"));
        let mut request = http::Request::new(method, url).timeout(milliseconds(timeout_ms));
        request = if body == "keep" { request.keep_body() } else { request.discard_body() };
        match sent_bytes.parse().expect("a number of bytes") {
            0 => {}
            bytes => request = request.body("x".repeat(bytes)),
        }
        let res = request.send();
        let (code, message) = res.error().map_or((0, ""), |error| (error.code(), error.message()));
        let took = res.duration().as_millis();
        let (status, size) = (res.status(), res.body_size());
        sleep(milliseconds(pause_ms));
        let good = http::get(good_url);
        let right = good.status() == 200 && good_url.ends_with(&*good.text());
        let why = good.error().map_or(String::new(), |error| error.to_string());
        log::info!("case {number}|{status}|{code}|{size}|{took}|{right}|{why}|{message}");
    }
}
