//! Uploads, and expectations.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::client::{Client, start};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_body_larger_than_what_is_held_is_summed_up() {
    let target = start(1);
    let mut client = Client::new(&target);
    let body: Vec<u8> = (0..40_000_000u32).map(|at| (at % 251) as u8).collect();
    let head =
        format!("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(head.as_bytes());
    client.send(&body);
    let expected = json!({"content_type": "a/b", "bytes": body.len(), "sha256": sha256(&body)});
    assert_eq!(client.answer(true).json(), expected);
    client.send(b"PUT /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.chunks(1 << 20) {
        client.send(format!("{:x}\r\n", part.len()).as_bytes());
        client.send(part);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    let told = client.answer(true).json();
    assert_eq!(told, json!({"content_type": null, "bytes": body.len(), "sha256": sha256(&body)}));
}

#[test]
fn the_parts_of_a_form_are_told() {
    let target = start(1);
    let mut client = Client::new(&target);
    let file: Vec<u8> = (0..200_000u32).map(|at| (at % 256) as u8).collect();
    let mut body = b"--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n".to_vec();
    body.extend(b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".bin\"\r\n");
    body.extend(b"Content-Type: application/octet-stream\r\n\r\n");
    body.extend(&file);
    body.extend(b"\r\n--XX--\r\n");
    let send = |client: &mut Client, body: &[u8]| {
        let rest = format!("Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: {}\r\n", body.len());
        client.send(format!("POST /upload HTTP/1.1\r\nHost: x\r\n{rest}\r\n").as_bytes());
        client.send(body);
        client.answer(true)
    };
    let told = send(&mut client, &body).json();
    assert_eq!((&told["bytes"], &told["sha256"]), (&json!(body.len()), &json!(sha256(&body))));
    let parts = json!([
        {"name": "note", "filename": null, "content_type": null, "bytes": 5, "sha256": sha256(b"hello")},
        {"name": "file", "filename": "a \"b\".bin", "content_type": "application/octet-stream", "bytes": file.len(),
            "sha256": sha256(&file)},
    ]);
    assert_eq!(told["parts"], parts);
    for broken in [&body[..body.len() - 6], b"--XX\r\n\r\nnameless\r\n--XX--", b""] {
        assert_eq!(send(&mut client, broken).status, 400);
    }
    let many = b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(1001);
    assert!(send(&mut client, &[&many[..], b"--XX--"].concat()).text().contains("1000 parts"));
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn permission_to_send_is_given_before_the_body_and_the_answer_after() {
    let target = start(1);
    let mut client = Client::new(&target);
    client.send(b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let interim = client.answer(false);
    assert_eq!((interim.status, interim.head.lines().count()), (100, 2));
    client.send(b"abc");
    assert_eq!(client.answer(true).json()["bytes"], 3);
}

#[test]
fn an_expectation_may_be_answered_without_the_body() {
    let target = start(1);
    let mut client = Client::new(&target);
    client.send(b"POST /expect/403 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 300\r\n\r\n");
    let answer = client.answer(true);
    assert_eq!((answer.status, answer.field("Connection")), (403, Some("close")));
    assert!(client.is_closed());
    let mut client = Client::new(&target);
    assert_eq!(client.get("/expect/204").status, 204);
    assert_eq!(client.get("/expect/100").status, 400);
    // A client that sends all the same gets its answer too.
    let body = "x".repeat(100_000);
    client.send(format!("POST /expect/200 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{body}").as_bytes());
    assert_eq!(client.answer(true).status, 200);
    assert!(client.is_closed());
}
