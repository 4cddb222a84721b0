//! The server on real sockets, with plain blocking clients.
#![expect(clippy::unwrap_used, reason = "a test that fails is to panic")]
#![allow(dead_code, reason = "the client has more than these tests use")]

mod client;

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use client::{Client, start, wait_until};
use serde_json::{Value, json};
use throng_target::{Target, TargetConfig, TargetError};

fn stats(target: &Target) -> Value {
    serde_json::from_slice(&Client::new(target).get("/stats").body).unwrap()
}

/// The routes that were asked for; all others are there too, with 0.
fn counted_routes(counts: &Value) -> Value {
    let routes = counts["requests"]["by_route"].as_object().unwrap();
    assert_eq!(routes.len(), throng_target::ROUTES.len() + 1);
    routes.iter().filter(|(_, count)| **count != 0).map(|(name, count)| (name.clone(), count.clone())).collect()
}

#[test]
fn the_plain_routes_answer_on_one_connection() {
    let target = start(1);
    let mut client = Client::new(&target);
    assert_eq!(client.get("/").body, b"ok\n");
    assert_eq!(client.ask("HEAD", "/", "").head.matches("Content-Length: 3\r\n").count(), 1);
    let description: Value = serde_json::from_slice(&client.get("/echo?a=b").body).unwrap();
    assert_eq!(
        description,
        json!({"method": "GET", "path": "/echo", "query": "a=b", "headers": {"host": "x"}, "body": ""})
    );
    assert_eq!(client.get("/status/503").status, 503);
    for code in [204, 304] {
        assert_eq!((client.get(&format!("/status/{code}")).status), code);
    }
    assert_eq!(client.get("/bytes/100000").body, vec![b'x'; 100_000]);
    assert_eq!(client.ask("HEAD", "/bytes/100000", "").status, 200);
    assert_eq!(client.get("/status/999").status, 400);
    assert_eq!(client.get("/nothing").status, 404);
    let refused = client.ask("DELETE", "/", "");
    assert_eq!((refused.status, refused.head.contains("Allow: GET, HEAD\r\n")), (405, true));
    let begin = Instant::now();
    assert_eq!(client.get("/delay/30.5").body, b"ok\n");
    let took = begin.elapsed();
    // They are milliseconds, not seconds; a busy machine adds some to them.
    assert!(took >= Duration::from_micros(30_500) && took < Duration::from_secs(15), "{took:?}");
    let counts = target.stats();
    assert_eq!(counts["requests"]["total"], 12);
    assert_eq!(counts["requests"]["by_route"]["/delay"], 1);
    assert_eq!(counts["connections"], json!({"opened": 1, "closed": 0, "open": 1}));
    target.stop().unwrap();
}

#[test]
fn bodies_are_echoed_by_length_and_in_chunks() {
    let target = start(1);
    let mut client = Client::new(&target);
    let body: String = ('a'..='z').cycle().take(300_000).collect();
    let rest = format!("Content-Type: a/b\r\nContent-Length: {}\r\n", body.len());
    client.send(format!("POST /echo HTTP/1.1\r\nHost: x\r\n{rest}\r\n{body}").as_bytes());
    let answer = client.answer(true);
    assert_eq!((answer.body == body.as_bytes(), answer.head.contains("Content-Type: a/b\r\n")), (true, true));
    client.send(b"PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.as_bytes().chunks(7001) {
        client.send(format!("{:x}\r\n", part.len()).as_bytes());
        client.send(part);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert!(client.answer(true).body == body.as_bytes());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let target = start(1);
    let mut client = Client::new(&target);
    let mut requests = String::new();
    for number in 0..500 {
        let path = match number % 5 {
            0 => "/delay/0.1".into(),
            1 => "/bytes/5000".into(),
            _ => format!("/status/{}", 200 + number % 300),
        };
        requests += &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    client.send(requests.as_bytes());
    for number in 0..500u16 {
        let expected = if number % 5 < 2 { 200 } else { 200 + number % 300 };
        assert_eq!(client.answer(true).status, expected, "{number}");
    }
}

#[test]
fn faulty_requests_get_a_reason_and_an_orderly_end() {
    let target = start(1);
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n", "b".repeat(70_000));
    for (request, status, text) in [
        ("nonsense\r\n\r\n", 400, "request line"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nabc", 413, "16777216"),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, "chunk"),
        (&long, 431, "65536"),
    ] {
        let mut client = Client::new(&target);
        client.send(request.as_bytes());
        let answer = client.answer(true);
        let body = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == status && body.contains(text), "{request:.40} {} {body}", answer.status);
        assert!(answer.head.contains("Connection: close\r\n") && client.is_closed(), "{request:.40}");
    }
    assert_eq!(stats(&target)["bad_requests"], 6);
}

#[test]
fn a_client_that_goes_on_sending_still_gets_its_refusal() {
    let target = start(1);
    let mut client = Client::new(&target);
    client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n");
    client.send(&vec![0; 20_000_000]);
    assert_eq!(client.answer(true).status, 413);
    assert!(client.is_closed());
}

#[test]
fn a_client_that_has_sent_its_last_still_gets_its_answers() {
    let target = start(1);
    let mut client = Client::new(&target);
    client.send(b"GET /delay/20 HTTP/1.1\r\nHost: x\r\n\r\nGET /bytes/500000 HTTP/1.1\r\nHost: x\r\n\r\n");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer(true).status, 200);
    assert_eq!(client.answer(true).body.len(), 500_000);
    assert!(client.is_closed());
    wait_until("the connection is still open", || target.stats()["connections"]["open"] == 0);
}

#[test]
fn a_stall_silences_every_shard_and_passes() {
    const STALL: Duration = Duration::from_millis(400);
    let target = start(2);
    let begin = Instant::now();
    let mut asking = Client::new(&target);
    asking.send(b"POST /stall/400 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until("the request has come", || target.stats()["bytes"]["in"] == asking.sent);
    std::thread::sleep(Duration::from_millis(50));
    // Enough clients for both shards, whose addresses the kernel spreads.
    let mut clients: Vec<Client> = (0..16).map(|_| Client::new(&target)).collect();
    for client in &mut clients {
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    std::thread::sleep(Duration::from_millis(150));
    for client in &clients {
        client.stream.set_nonblocking(true).unwrap();
        let answered = client.stream.peek(&mut [0]).is_ok();
        assert!(!answered || begin.elapsed() >= STALL, "an answer within the stall");
        client.stream.set_nonblocking(false).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.answer(true).status, 200);
    }
    assert!(begin.elapsed() >= STALL, "answered after {:?}", begin.elapsed());
    assert_eq!(asking.answer(true).body, b"ok\n");
    assert!(begin.elapsed() < STALL + Duration::from_secs(30));
    assert_eq!(asking.get("/").status, 200);
}

#[test]
fn the_counts_equal_what_four_clients_did() {
    const REQUESTS: u64 = 2500;
    let target = start(2);
    let clients: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let client = |number: u64| {
            let mut client = Client::new(&target);
            for request in 0..REQUESTS {
                let (path, status) = match (request + number) % 5 {
                    0 => ("/status/404", 404),
                    1 => ("/bytes/9000", 200),
                    2 => ("/delay/0", 200),
                    3 => ("/nowhere", 404),
                    _ => ("/", 200),
                };
                assert_eq!(client.get(path).status, status);
            }
            (client.sent, client.received)
        };
        let threads: Vec<_> = (0..4).map(|number| scope.spawn(move || client(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sent: u64 = clients.iter().map(|(sent, _)| sent).sum();
    let received: u64 = clients.iter().map(|(_, received)| received).sum();
    wait_until("a connection is still open", || target.stats()["connections"]["open"] == 0);
    let counts = stats(&target);
    let routes = json!({"/": 2000, "/delay": 2000, "/status": 2000, "/bytes": 2000, "other": 2000});
    assert_eq!(counted_routes(&counts), routes);
    assert_eq!(counts["requests"]["total"], 4 * REQUESTS);
    assert_eq!(counts["requests"]["by_status"], json!({"200": 6000, "404": 4000}));
    assert_eq!(counts["connections"], json!({"opened": 5, "closed": 4, "open": 1}));
    let question = "GET /stats HTTP/1.1\r\nHost: x\r\n\r\n".len() as u64;
    assert_eq!(counts["bytes"], json!({"in": sent + question, "out": received}));
    assert_eq!(counts["bad_requests"], 0);
    assert_eq!(Client::new(&target).ask("POST", "/stats/reset", "").status, 200);
    assert_eq!(stats(&target)["requests"]["total"], 1);
}

#[test]
fn stopping_ends_idle_connections_delays_and_silences_at_once() {
    let target = start(2);
    let mut idle = Client::new(&target);
    assert_eq!(idle.get("/").status, 200);
    let mut waiting = Client::new(&target);
    waiting.send(b"GET /delay/60000 HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut deaf = Client::new(&target);
    deaf.send(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut stalling = Client::new(&target);
    stalling.send(b"POST /stall/60000 HTTP/1.1\r\nHost: x\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    let address = target.address();
    let begin = Instant::now();
    target.stop().unwrap();
    // Each of them would take a minute or go on for ever.
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    assert!(idle.is_closed());
    // A reset is an end too: the delay was cut.
    let mut byte = [0];
    assert!(!matches!(waiting.stream.read(&mut byte), Ok(1)));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn more_clients_than_sockets_wait_for_their_turn() {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let target =
        Target::start(TargetConfig { address, shards: vec![None], sockets_per_shard: 8, tls: None, echo: None })
            .unwrap();
    let mut clients: Vec<Client> = (0..8).map(|_| Client::new(&target)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    let mut ninth = Client::new(&target);
    ninth.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    clients.pop();
    assert_eq!(ninth.answer(true).status, 200);
}

#[test]
fn an_address_that_cannot_be_had_names_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = |address| TargetConfig { address, shards: vec![None], sockets_per_shard: 8, tls: None, echo: None };
    let error = Target::start(config(taken.local_addr().unwrap())).unwrap_err();
    assert!(matches!(error, TargetError::AddressInUse(_)) && error.to_string().contains("listen elsewhere"));
    let running = start(1);
    assert!(matches!(Target::start(config(running.address())), Err(TargetError::AddressInUse(_))));
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    assert!(matches!(Target::start(config(foreign)), Err(TargetError::AddressNotAvailable(_))));
    let none = TargetConfig { shards: Vec::new(), ..config(foreign) };
    assert!(matches!(Target::start(none), Err(TargetError::NoShards)));
}
