//! A form with files: the target says what arrived.
//!
//!     throng run upload.rs -e TARGET=http://127.0.0.1:8080

use throng::prelude::*;

#[options]
fn options() -> Options {
    Options::new()
        .vus(2)
        .iterations(20)
        .threshold("checks", "rate==1")
        .threshold("http_req_failed", "rate==0")
        .threshold("data_sent", "count>2000000")
}

#[scenario]
fn default() {
    // Made here; a test would have a picture.
    let picture = vec![0x5a; 100_000];
    let form = http::Multipart::new()
        .field("note", "two files")
        .file("picture", "tea.png", "image/png", &picture)
        .file("list", "list.csv", "text/csv", "tea,1\ncake,2\n".as_bytes());
    let res = http::post(format!("{}/upload", env("TARGET")), form);
    let part = |index: usize, of: &str| res.json_pointer(&format!("/parts/{index}/{of}"));
    check!(res, "it is taken" => |r| r.status() == 200);
    check!(
        "three parts arrive" => res.json_pointer("/parts").and_then(|parts| Some(parts.as_array()?.len())) == Some(3),
        "the field has its size" => part(0, "bytes") == Some(json!(9)),
        "the picture has its size and name" =>
            part(1, "bytes") == Some(json!(picture.len())) && part(1, "filename") == Some(json!("tea.png")),
        "the list has its size and type" =>
            part(2, "bytes") == Some(json!(13)) && part(2, "content_type") == Some(json!("text/csv")),
    );
}
