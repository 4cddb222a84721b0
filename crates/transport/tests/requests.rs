//! How requests go out: bodies in parts, bodies that wait, bodies that nobody reads.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::cell::RefCell;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use throng_transport::http1::{
    Body, BodyPart, Exchange, ExchangeOptions, Limits, Origin, Payload, Pool, Request, RequestHead, ResponseBody,
    exchange,
};
use throng_transport::source::PortShare;
use throng_transport::{Shard, ShardConfig, ShardThread, SharedBytes};

const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a future on a shard of its own and returns what it returns; a panic in it fails the test.
fn on_shard<T: Send + 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Shard) -> F + Send + 'static) -> T {
    let ports = PortShare::of_all(0, 1, std::process::id());
    let config = ShardConfig { name: "test".into(), cpu: None, sockets_max: 100, ports, sources: Arc::default() };
    let (sender, receiver) = mpsc::channel();
    let thread = ShardThread::start(config, move |shard| async move { sender.send(main(shard).await).unwrap() });
    let result = receiver.recv_timeout(DEADLINE).expect("the shard's main task ended without a result");
    thread.unwrap().join().unwrap();
    result
}

/// A server of one connection at a time, whose number `serve` is told. It sends on what `serve` returns.
fn server<T: Send + 'static>(
    serve: impl Fn(&mut TcpStream, usize) -> T + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<T>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let seen = serve(&mut stream, number);
            // Those that look at several connections end when the test does.
            let _ = sender.send(seen);
        }
    });
    (address, receiver)
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Whether nothing arrives for a while.
fn is_silent(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let silent = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    silent
}

/// Requests that share a pool's connections share the origin.
fn origin(address: SocketAddr) -> Rc<Origin> {
    Rc::new(Origin::new("127.0.0.1", address.port()))
}

fn put(origin: &Rc<Origin>, headers: &[(String, String)], body: &Body) -> Request {
    let head = RequestHead { method: "PUT", target: "/", host: "h", user_agent: "", headers, close: false };
    Request::encode_parts(Rc::clone(origin), &head, body).unwrap()
}

fn expecting() -> [(String, String); 1] {
    [("Expect".to_owned(), "100-continue".to_owned())]
}

async fn send(shard: &Shard, pool: &RefCell<Pool>, request: &Request, payload: &Payload) -> (u16, Exchange) {
    let options = ExchangeOptions {
        timeout: Duration::from_secs(10),
        body: ResponseBody::Keep,
        limits: Limits::default(),
        meter: None,
    };
    let exchanged = exchange(shard, pool, request, payload, options).await;
    (exchanged.result.unwrap().status(), exchanged.numbers)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn parts_arrive_as_one_body_prepared_or_not() {
    const SHARED_BYTES: usize = 6 << 20;
    let (address, received) = server(|stream, _| {
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let head = read_head(stream);
            let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            stream.write_all(OK).unwrap();
            bodies.push(body);
        }
        bodies
    });
    let file: Arc<Vec<u8>> = Arc::new((0..SHARED_BYTES + 20).map(|number| (number % 251) as u8).collect());
    let mut expected = b"begin".to_vec();
    for _ in 0..2 {
        expected.extend_from_slice(&file[10..10 + SHARED_BYTES]);
        expected.extend_from_slice(b"between");
    }
    let whole = expected.len() as u64;
    let reused = on_shard(move |shard| async move {
        let to = origin(address);
        let shared = || BodyPart::Shared(SharedBytes::new(file.clone(), 10..10 + SHARED_BYTES).unwrap());
        let owned = |text: &str| BodyPart::Owned(text.into());
        let body = Body::new(vec![owned("begin"), shared(), owned("between"), shared(), owned("between")]);
        let pool = RefCell::new(Pool::default());
        let prepared = put(&to, &[], &body);
        let (status, first) = send(&shard, &pool, &prepared, &Payload::default()).await;
        assert_eq!(status, 200);
        assert!(first.bytes_sent > whole && first.bytes_sent < whole + 200);
        let payload = Payload { header_lines: b"Cookie: a=b\r\n".to_vec(), body: Some(body) };
        let (status, second) = send(&shard, &pool, &prepared, &payload).await;
        assert_eq!((status, second.bytes_sent), (200, first.bytes_sent + 13));
        second.reused
    });
    assert!(reused);
    let bodies = received.recv_timeout(DEADLINE).unwrap();
    assert!(bodies.iter().all(|body| *body == expected));
}

/// How long a server thinks before it says a thing.
const THOUGHT: Duration = Duration::from_millis(120);

#[test]
fn a_body_waits_for_100_continue() {
    // A body waits for a second at most, which a busy machine may take: one try that isn't disturbed shows the rest.
    let mut tries = Vec::new();
    loop {
        let (silent, still_silent, sending) = waits_for_100_continue();
        tries.push((silent, still_silent, sending));
        if silent && still_silent && sending >= 2 * THOUGHT && sending < Duration::from_millis(900) {
            break;
        }
        assert!(tries.len() < 10, "{tries:?}");
    }
}

/// Whether nothing came while the server thought, before and after another interim response, and how long sending took.
fn waits_for_100_continue() -> (bool, bool, Duration) {
    let (address, received) = server(|stream, _| {
        let head = read_head(stream);
        let silent = is_silent(stream, THOUGHT);
        // Another interim response is no permission.
        stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").unwrap();
        let still_silent = is_silent(stream, THOUGHT);
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let mut body = [0; 4];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(OK).unwrap();
        (head, silent, still_silent, body)
    });
    let (status, numbers) = on_shard(move |shard| async move {
        let to = origin(address);
        let request = put(&to, &expecting(), &Body::from(b"body".to_vec()));
        send(&shard, &RefCell::default(), &request, &Payload::default()).await
    });
    let (head, silent, still_silent, body) = received.recv_timeout(DEADLINE).unwrap();
    assert!(head.contains("\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"), "{head}");
    assert_eq!((status, &body), (200, b"body"));
    assert_eq!(numbers.bytes_sent, head.len() as u64 + 4);
    // The wait is part of sending, as all that passes until the last byte is out.
    (silent, still_silent, Duration::from_nanos(numbers.timings.sending_ns))
}

#[test]
fn a_body_that_is_refused_is_not_sent_and_its_connection_not_used_again() {
    let (address, received) = server(|stream, number| {
        read_head(stream);
        let answer = if number == 0 { b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n" } else { OK };
        stream.write_all(answer).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let (refused, good) = on_shard(move |shard| async move {
        let to = origin(address);
        let pool = RefCell::new(Pool::default());
        let request = put(&to, &expecting(), &Body::from(b"body".to_vec()));
        let refused = send(&shard, &pool, &request, &Payload::default()).await;
        let get = put(&to, &[], &Body::default());
        (refused, send(&shard, &pool, &get, &Payload::default()).await)
    });
    assert_eq!((refused.0, good.0, good.1.reused), (417, 200, false));
    assert_eq!(received.recv_timeout(DEADLINE).unwrap(), b"");
}

#[test]
fn a_refusal_that_never_ends_ends_with_the_time_limit() {
    let (address, _received) = server(|stream, _| {
        read_head(stream);
        stream.write_all(b"HTTP/1.1 417 No\r\nContent-Length: 9\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new())
    });
    let (error, took) = on_shard(move |shard| async move {
        let to = origin(address);
        let request = put(&to, &expecting(), &Body::from(b"body".to_vec()));
        let timeout = Duration::from_millis(1300);
        let options = ExchangeOptions { timeout, body: ResponseBody::Keep, limits: Limits::default(), meter: None };
        let exchanged = exchange(&shard, &RefCell::default(), &request, &Payload::default(), options).await;
        (exchanged.result.unwrap_err().code(), Duration::from_nanos(exchanged.numbers.elapsed_ns))
    });
    assert_eq!(error, 1050);
    assert!(took >= Duration::from_millis(1300) && took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_body_waits_a_second_at_most() {
    let (address, received) = server(|stream, _| {
        read_head(stream);
        let mut body = [0; 4];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(OK).unwrap();
        body
    });
    let (status, numbers) = on_shard(move |shard| async move {
        let to = origin(address);
        let request = put(&to, &expecting(), &Body::from(b"body".to_vec()));
        send(&shard, &RefCell::default(), &request, &Payload::default()).await
    });
    let body = received.recv_timeout(DEADLINE).unwrap();
    assert_eq!((status, &body), (200, b"body"));
    // By the client's clock, as the server may come to the head late. Nothing but the wait takes time here.
    let took = Duration::from_nanos(numbers.elapsed_ns);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_connection_whose_request_is_not_out_yet_is_not_used_again() {
    let unread = Arc::new(Mutex::new(Vec::new()));
    let (address, _received) = server(move |stream, _| {
        read_head(stream);
        stream.write_all(OK).unwrap();
        // Open, and its body never read.
        unread.lock().unwrap().push(stream.try_clone().unwrap());
    });
    let (early, good) = on_shard(move |shard| async move {
        let to = origin(address);
        let pool = RefCell::new(Pool::default());
        let large = put(&to, &[], &Body::from(vec![b'x'; 32 << 20]));
        let early = send(&shard, &pool, &large, &Payload::default()).await;
        let small = put(&to, &[], &Body::default());
        (early, send(&shard, &pool, &small, &Payload::default()).await)
    });
    assert_eq!((early.0, good.0, good.1.reused), (200, 200, false));
}
