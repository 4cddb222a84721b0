//! Bodies that come piece by piece, and connections that end.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::client::{Client, start};

#[test]
fn a_drip_takes_its_time_after_its_delay() {
    let target = start(1);
    let mut client = Client::new(&target);
    let begin = Instant::now();
    client.send(b"GET /drip?duration=5&numbytes=5&delay=0.1&code=202 HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.answer(false);
    let headed = begin.elapsed();
    assert_eq!((head.status, head.field("Content-Length")), (202, Some("5")));
    // Before the body's end, however late a busy machine is.
    assert!(headed >= Duration::from_millis(100) && headed < Duration::from_millis(4_000), "{headed:?}");
    assert_eq!(client.take(5), b"*****");
    // The last comes a fifth before the time is over.
    assert!(begin.elapsed() >= Duration::from_millis(4_095), "{:?}", begin.elapsed());
    let mut client = Client::new(&target);
    let begin = Instant::now();
    assert_eq!(client.get("/drip?duration=0.1&numbytes=100000").body, vec![b'*'; 100_000]);
    let took = begin.elapsed();
    // Had each byte a timer of its own, it would be minutes.
    assert!(took >= Duration::from_millis(98) && took < Duration::from_secs(8), "{took:?}");
    assert_eq!(client.get("/drip?duration=0&numbytes=3").body, b"***");
    for query in ["numbytes=0", "numbytes=16777217", "duration=-1", "delay=x", "delay=3601", "code=204", "code=99"] {
        assert_eq!(client.get(&format!("/drip?{query}&duration=0")).status, 400, "{query}");
    }
}

#[test]
fn chunks_and_lines_are_as_many_as_asked_for() {
    let target = start(1);
    let mut client = Client::new(&target);
    let answer = client.get("/chunked/3");
    assert_eq!((answer.field("Transfer-Encoding"), answer.field("Content-Length")), (Some("chunked"), None));
    assert_eq!((answer.text().as_str(), answer.trailer.as_str()), ("chunk 0\nchunk 1\nchunk 2\n", "\r\n"));
    assert_eq!(client.get("/chunked/0").body, b"");
    assert_eq!(client.get("/chunked/50000").text().lines().count(), 50_000);
    let lines = client.get("/stream/300?a=b").text();
    let values: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), 300);
    assert!(values.iter().enumerate().all(|(id, value)| value["id"] == id && value["args"]["a"] == "b"));
    assert_eq!(["/stream/x", "/chunked/1000001"].map(|path| client.get(path).status), [400; 2]);
}

#[test]
fn an_old_client_gets_the_body_up_to_the_end_of_the_connection() {
    let target = start(1);
    for (path, body) in
        [("/chunked/2", "chunk 0\nchunk 1\n"), ("/trailers", "What follows the last chunk is the trailer.\n")]
    {
        let mut client = Client::new(&target);
        client.send(format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").as_bytes());
        let mut text = String::new();
        client.stream.read_to_string(&mut text).unwrap();
        let (head, rest) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Connection: close") && !head.contains("Transfer-Encoding"), "{head}");
        assert_eq!(rest, body);
    }
}

#[test]
fn the_trailer_holds_the_sum_of_the_body() {
    let target = start(1);
    let mut client = Client::new(&target);
    let answer = client.get("/trailers");
    let sum: String = Sha256::digest(&answer.body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(answer.trailer, format!("X-Checksum: {sum}\r\n\r\n"));
    assert_eq!(answer.field("Trailer"), Some("X-Checksum"));
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn connections_close_or_break_as_asked() {
    let target = start(1);
    let mut client = Client::new(&target);
    let answer = client.get("/close");
    assert_eq!((answer.status, answer.field("Connection"), answer.body.as_slice()), (200, Some("close"), &b"ok\n"[..]));
    assert!(client.is_closed());
    let mut client = Client::new(&target);
    client.send(b"GET /reset HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut bytes = Vec::new();
    let error = client.stream.read_to_end(&mut bytes).unwrap_err();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(text.contains("Content-Length: 1000\r\n") && text.split_once("\r\n\r\n").unwrap().1.len() == 100, "{text}");
    crate::wait_until("the connection is still open", || target.stats()["connections"]["open"] == 0);
}
