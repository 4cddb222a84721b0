use proptest::prelude::*;
use throng_transport::Nanos;

use super::*;

fn desk() -> Desk {
    Desk {
        board: Arc::new(Board::new(1)),
        secret: Arc::new(Secret::random()),
        nonces: Arc::default(),
        shard: 0,
        date: DateCache::new(Nanos(0)),
        issued: Cell::new(0),
    }
}

/// Feeds `bytes` in pieces and does what is asked without waiting: what was answered, and what was asked for.
fn talk(desk: &Desk, bytes: &[u8], step: usize) -> (String, Vec<Next>) {
    let (mut session, mut held, mut out, mut asked) = (Session::default(), Vec::new(), Vec::new(), Vec::new());
    'pieces: for piece in bytes.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            let (consumed, next) = session.feed(&held, desk, &mut out);
            held.drain(..consumed);
            match next {
                Next::Receive => break,
                Next::Close | Next::Reset => {
                    asked.push(next);
                    break 'pieces;
                }
                _ => asked.push(next),
            }
        }
    }
    (String::from_utf8(out).unwrap(), asked)
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes()
}

/// The status lines and bodies, without the fields.
fn bodies(answers: &str) -> Vec<(u16, String)> {
    let mut rest = answers;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_once("\r\n\r\n").unwrap();
        let length = head
            .split_once("Content-Length: ")
            .map_or(0, |(_, text)| text.split("\r\n").next().unwrap().parse().unwrap());
        found.push((head[9..12].parse().unwrap(), after[..length].to_string()));
        rest = &after[length..];
    }
    found
}

#[test]
fn pipelined_requests_are_answered_in_order_however_the_bytes_are_cut() {
    let mut bytes = get("/");
    bytes.extend(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    bytes.extend(b"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    bytes.extend(get("/delay/5"));
    bytes.extend(get("/nowhere"));
    bytes.extend(get("/status/503"));
    for step in 1..bytes.len() {
        let (answers, asked) = talk(&desk(), &bytes, step);
        let seen = bodies(&answers);
        let statuses: Vec<u16> = seen.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [200, 200, 200, 200, 404, 503]);
        assert_eq!([&seen[0].1, &seen[1].1, &seen[2].1, &seen[3].1], ["ok\n", "hello", "abc", "ok\n"]);
        assert_eq!(asked, [Next::Wait(Duration::from_millis(5))]);
    }
}

#[test]
fn answers_without_a_body_say_so_in_the_way_of_their_status() {
    let (answers, _) = talk(&desk(), &get("/status/204"), 100);
    assert!(answers.starts_with("HTTP/1.1 204 No Content\r\n") && answers.ends_with("\r\n\r\n"), "{answers}");
    assert!(!answers.contains("Content-Length") && !answers.contains("Content-Type"), "{answers}");
    let (answers, _) = talk(&desk(), &get("/status/304"), 100);
    assert!(!answers.contains("Content-Length") && answers.ends_with("\r\n\r\n"), "{answers}");
    let (answers, _) = talk(&desk(), &get("/status/205"), 100);
    assert!(answers.contains("Content-Length: 0\r\n") && answers.ends_with("\r\n\r\n"), "{answers}");
    let (answers, asked) = talk(&desk(), b"HEAD /bytes/9000 HTTP/1.1\r\nHost: h\r\n\r\n", 100);
    assert!(answers.contains("Content-Length: 9000\r\n") && answers.ends_with("\r\n\r\n"), "{answers}");
    assert_eq!(asked, []);
}

#[test]
fn persistence_is_said_where_it_differs_from_the_versions_custom() {
    let (answers, asked) = talk(&desk(), b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET / HTTP", 100);
    assert!(answers.contains("Connection: close\r\n"));
    assert_eq!((bodies(&answers).len(), asked), (1, vec![Next::Close]));
    let (answers, asked) = talk(&desk(), b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 100);
    assert!(answers.contains("Connection: keep-alive\r\n"));
    assert_eq!(asked, []);
    let (answers, _) = talk(&desk(), &get("/"), 100);
    assert!(!answers.contains("Connection"));
}

#[test]
fn a_client_that_waits_for_permission_gets_it_unless_the_body_is_too_long() {
    let head = |length: u64| {
        format!("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    let (mut session, desk, mut out) = (Session::default(), desk(), Vec::new());
    assert_eq!(session.feed(head(2).as_bytes(), &desk, &mut out), (head(2).len(), Next::Receive));
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(session.feed(b"ab", &desk, &mut out), (2, Next::Receive));
    assert!(out.ends_with(b"\r\n\r\nab"));
    let (answers, asked) = talk(&desk, head(20_000_000).as_bytes(), 1000);
    assert!(answers.starts_with("HTTP/1.1 413 "), "{answers}");
    assert_eq!(asked, [Next::Close]);
}

#[test]
fn an_echo_describes_the_request() {
    let request = b"DELETE /echo?a=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi";
    let (answers, _) = talk(&desk(), request, 1000);
    let value: serde_json::Value = serde_json::from_str(&bodies(&answers)[0].1).unwrap();
    let headers = serde_json::json!({ "host": "h", "x-a": "1, 2", "content-length": "2" });
    let expected = serde_json::json!({
        "method": "DELETE", "path": "/echo", "query": "a=1", "headers": headers, "body": "hi",
    });
    assert_eq!(value, expected);
}

#[test]
fn a_returned_body_keeps_its_type_and_may_be_empty() {
    let (answers, _) =
        talk(&desk(), b"PATCH /echo HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 1\r\n\r\n1", 1000);
    assert!(answers.contains("\r\nContent-Type: a/b\r\n") && answers.ends_with("\r\n\r\n1"), "{answers}");
    let (answers, _) = talk(&desk(), b"POST /echo HTTP/1.1\r\nHost: h\r\n\r\n", 1000);
    assert!(answers.contains("Content-Length: 0\r\n"), "{answers}");
}

#[test]
fn counts_hold_what_was_answered_before_the_request_for_them() {
    let desk = desk();
    let mut bytes = [get("/"), get("/status/404"), get("/no"), b"PUT / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()].concat();
    let (before, _) = talk(&desk, &bytes, 1000);
    assert!(before.contains("\r\nAllow: GET, HEAD\r\n"));
    bytes = get("/stats");
    let (answers, _) = talk(&desk, &bytes, 1000);
    let value: serde_json::Value = serde_json::from_str(&bodies(&answers)[0].1).unwrap();
    assert_eq!(value["requests"]["total"], 4);
    assert_eq!(value["requests"]["by_status"], serde_json::json!({ "200": 1, "404": 2, "405": 1 }));
    assert_eq!(value["requests"]["by_route"]["/"], 2);
    assert_eq!(value["bytes"]["out"], before.len());
    talk(&desk, b"nonsense\r\n\r\n", 1000);
    assert_eq!(desk.board.to_json()["bad_requests"], 1);
}

#[test]
fn long_bodies_are_left_to_the_task() {
    let (answers, asked) = talk(&desk(), &[get("/bytes/5000"), get("/bytes/3")].concat(), 1000);
    assert!(answers.contains("Content-Length: 5000\r\n") && answers.ends_with("\r\n\r\nxxx"), "{answers}");
    assert_eq!(asked, [Next::Stream(5000)]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_loop(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..300) {
        let mut bytes = bytes;
        // Half of the cases begin well, so that the rest is taken for fields and bodies.
        if bytes.first().is_some_and(|first| first % 2 == 0) {
            bytes.splice(0..0, b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".iter().copied());
        }
        talk(&desk(), &bytes, step);
    }
}

proptest! {
    #[test]
    fn no_request_to_any_route_makes_it_panic_or_loop(
        route in 0..crate::ROUTES.len(),
        parameter in "[0-9a-z%/]{0,4}",
        query in "[ -~]{0,30}",
        field in prop::sample::select(vec![
            "Cookie", "Authorization: Digest", "Accept-Encoding", "Content-Encoding", "Content-Type",
            "Content-Type: multipart/form-data; boundary=", "Accept",
        ]),
        value in "[ -~]{0,40}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (pattern, methods, _) = crate::ROUTES[route];
        let path = format!("{}{parameter}", pattern.split(['{', '?']).next().unwrap_or(pattern));
        let method = methods.split(", ").next().filter(|method| !method.is_empty()).unwrap_or("POST");
        let separator = if field.contains(':') { " " } else { ": " };
        let query = query.replace(' ', "+");
        let mut bytes = format!(
            "{method} {path}?{query} HTTP/1.1\r\nHost: h\r\n{field}{separator}{value}\r\nContent-Length: {}\r\n\r\n",
            body.len(),
        )
        .into_bytes();
        bytes.extend(&body);
        let (mut session, desk, mut out) = (Session::default(), desk(), Vec::new());
        let mut consumed = 0;
        for _ in 0..20_000 {
            let (count, next) = session.feed(&bytes[consumed..], &desk, &mut out);
            consumed += count;
            out.truncate(100);
            if matches!(next, Next::Receive | Next::Close | Next::Reset) {
                break;
            }
        }
        prop_assert!(out.starts_with(b"HTTP/1.1 "));
        // What doesn't read the body leaves it.
        prop_assert!(consumed == bytes.len() || pattern.starts_with("/expect/"));
    }
}
