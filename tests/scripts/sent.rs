//! A file of more bytes than a VU may have, sent from where it is.

use throng::prelude::*;

static LARGE: data::File = data::file!("large.bin");

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

/// As a body, in part, in a form, and prepared.
#[scenario]
fn default() {
    let url = format!("{}/upload", env("TARGET"));
    let told = |res: &http::Response, of: &str| res.json_pointer(of).unwrap_or_default();
    let whole = http::post(&url, &LARGE);
    let sha = told(&whole, "/sha256");
    check!("all of it arrives" => told(&whole, "/bytes") == json!(LARGE.size()) && sha == json!(env("SHA256")));
    let size = LARGE.size();
    let tail = http::put(&url, LARGE.range(size - 100_000..size));
    check!("a part of it arrives" => told(&tail, "/bytes") == 100_000 && told(&tail, "/sha256") == json!(env("SHA256_TAIL")));
    let form = http::Multipart::new().field("note", "x").file("file", "large.bin", "application/x-test", &LARGE);
    let request = http::Request::post(&url).body(form).prepare();
    for res in [request.send(), request.start().finish()] {
        check!("it arrives in a form" =>
            told(&res, "/parts/0/bytes") == 1 && told(&res, "/parts/1/bytes") == json!(size)
            && told(&res, "/parts/1/sha256") == sha);
    }
}
