//! What the server tells of a request.

use serde_json::json;

use crate::client::{Client, start};
use crate::strings;

#[test]
fn anything_is_told_as_httpbin_does() {
    let target = start(1);
    let mut client = Client::new(&target);
    let body = r#"{"a": [1]}"#;
    let fields = format!("x-one: 1\r\nX-ONE: 2\r\nContent-Length: {}\r\n", body.len());
    client.send(format!("PATCH /anything/b?a=1&b=%20&a=2 HTTP/1.1\r\nHost: h:1\r\n{fields}\r\n{body}").as_bytes());
    let expected = json!({
        "args": {"a": ["1", "2"], "b": " "},
        "data": body,
        "files": {},
        "form": {},
        "headers": {"Host": "h:1", "X-One": "1, 2", "Content-Length": "10"},
        "json": {"a": [1]},
        "method": "PATCH",
        "origin": "127.0.0.1",
        "url": "http://h:1/anything/b?a=1&b=%20&a=2",
    });
    assert_eq!(client.answer(true).json(), expected);
}

#[test]
fn forms_and_files_are_told_apart() {
    let target = start(1);
    let mut client = Client::new(&target);
    let mut post = |kind: &str, body: &[u8]| {
        let fields = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        client.send(format!("POST /anything HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes());
        client.send(body);
        client.answer(true).json()
    };
    let told = post("application/x-www-form-urlencoded", b"a=1&a=2&b=c+d");
    assert_eq!(
        (strings(&told["form"]["a"]), &told["form"]["b"], &told["data"]),
        (vec!["1", "2"], &json!("c d"), &json!(""))
    );
    let body = b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n\
        --B\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n\xff\r\n--B--\r\n";
    let told = post("multipart/form-data; boundary=B", body);
    assert_eq!((&told["form"], &told["data"]), (&json!({"a": "1"}), &json!("")));
    assert_eq!(told["files"], json!({"f": "data:application/octet-stream;base64,/w=="}));
    assert_eq!(post("a/b", b"\xff")["data"], "data:application/octet-stream;base64,/w==");
}

#[test]
fn the_small_ones_tell_their_part() {
    let target = start(1);
    let mut client = Client::new(&target);
    assert_eq!(client.ask("GET", "/headers", "a-b: c\r\n").json(), json!({"headers": {"Host": "x", "A-B": "c"}}));
    assert_eq!(client.get("/ip").json(), json!({"origin": "127.0.0.1"}));
    let first = client.get("/json");
    assert_eq!(
        (first.field("Content-Type"), first.json()["shop"]["items"][1]["name"].as_str()),
        (Some("application/json"), Some("nut"))
    );
    assert_eq!(client.get("/json").body, first.body);
}
