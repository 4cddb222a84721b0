//! The ring, its sockets and the HTTP client on real loopback connections.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod datagrams;
mod sets;

use std::cell::RefCell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use throng_transport::http1::{
    Exchange, ExchangeError, ExchangeOptions, Limits, Origin, Payload, Pool, Request, RequestHead, ResponseBody,
    exchange,
};
use throng_transport::source::PortShare;
use throng_transport::{DialError, Listener, SendBytes, Shard, ShardConfig, ShardThread};

/// Sockets of a ring in these tests: with more, a shard has several rings.
const TABLE: u32 = 512;

fn config(sockets_max: u32) -> ShardConfig {
    static LIMIT: std::sync::Once = std::sync::Once::new();
    // A ring's file table is as large as the limit of open files allows.
    LIMIT.call_once(|| {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, u64::from(TABLE), hard).unwrap();
    });
    ShardConfig {
        name: "test".into(),
        cpu: None,
        sockets_max,
        ports: PortShare::of_all(0, 1, std::process::id()),
        sources: Arc::default(),
    }
}

/// Runs a future on a shard of its own and returns what it returns; a panic in it fails the test.
fn on_shard<T: Send + 'static, F: Future<Output = T> + 'static>(
    config: ShardConfig,
    main: impl FnOnce(Shard) -> F + Send + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = ShardThread::start(config, move |shard| async move {
        sender.send(main(shard).await).unwrap();
    })
    .unwrap();
    let result = receiver.recv_timeout(Duration::from_secs(60)).expect("the shard's main task ended without a result");
    thread.join().unwrap();
    result
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A server of blocking sockets: answers each connection by `serve`.
fn server(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            serve(stream.unwrap(), number);
        }
    });
    address
}

fn read_head(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return false,
        }
    }
    true
}

fn request(address: SocketAddr) -> Request {
    let origin = Rc::new(Origin::new("127.0.0.1", address.port()));
    let head = RequestHead { method: "GET", target: "/", host: "x", user_agent: "t", headers: &[], close: false };
    Request::encode(origin, &head, None).unwrap()
}

const OPTIONS: ExchangeOptions<'static> =
    ExchangeOptions { timeout: Duration::from_secs(10), body: ResponseBody::Keep, limits: LIMITS, meter: None };
const LIMITS: Limits =
    Limits { head_bytes: 65_536, interim_responses: 16, body_bytes: 64 << 20, chunk_line_bytes: 4096 };

async fn get(
    shard: &Shard,
    pool: &RefCell<Pool>,
    request: &Request,
    options: ExchangeOptions<'_>,
) -> Result<(Vec<u8>, Exchange), (ExchangeError, Exchange)> {
    let exchanged = exchange(shard, pool, request, &Payload::default(), options).await;
    match exchanged.result {
        Ok(buffer) => Ok((buffer.body().to_vec(), exchanged.numbers)),
        Err(error) => Err((error, exchanged.numbers)),
    }
}

#[test]
fn a_reset_is_told_to_the_peer_after_what_was_flushed() {
    let (client, seen, slots) = on_shard(config(8), |shard| async move {
        let listener = Listener::bind(&shard, loopback()).unwrap();
        let mut stream = TcpStream::connect(listener.address()).unwrap();
        let connection = listener.accept().await.unwrap();
        let client = (connection.client(), stream.local_addr().ok());
        connection.send(SendBytes::Owned(b"half".to_vec()));
        connection.flush().await.unwrap();
        connection.reset();
        drop(connection);
        while shard.counts().sockets > 0 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).unwrap();
        let error = stream.read(&mut bytes).unwrap_err().kind();
        (client, (bytes, error), shard.counts().sockets)
    });
    assert!(client.0.is_some() && client.0 == client.1, "{client:?}");
    assert_eq!(seen, (*b"half", std::io::ErrorKind::ConnectionReset));
    assert_eq!(slots, 0);
}

#[test]
fn many_connections_echo_and_every_slot_and_port_comes_back() {
    let (open, ports) = on_shard(config(4000), |shard| async move {
        let listener = Rc::new(Listener::bind(&shard, loopback()).unwrap());
        let address = listener.address();
        let server = shard.clone();
        for _ in 0..8 {
            let listener = Rc::clone(&listener);
            let shard = server.clone();
            server.spawn(async move {
                for _ in 0..250 {
                    let connection = listener.accept().await.unwrap();
                    shard.spawn(async move {
                        while let Some(chunk) = connection.receive().await.unwrap() {
                            connection.send(SendBytes::Owned(chunk.read(<[u8]>::to_vec)));
                        }
                    });
                }
            });
        }
        let echoed = Rc::new(RefCell::new(0));
        for number in 0..2000u32 {
            let (client, echoed) = (shard.clone(), Rc::clone(&echoed));
            shard.spawn(async move {
                let connection = client.connect(address).await.unwrap();
                for round in 0..3u32 {
                    let message = [number.to_le_bytes(), round.to_le_bytes()].concat();
                    connection.send(SendBytes::Owned(message.clone()));
                    let mut got = Vec::new();
                    while got.len() < message.len() {
                        let chunk = connection.receive().await.unwrap().expect("the echo ended early");
                        chunk.read(|bytes| got.extend_from_slice(bytes));
                    }
                    assert_eq!(got, message);
                }
                *echoed.borrow_mut() += 1;
            });
        }
        while *echoed.borrow() < 2000 {
            assert_eq!(shard.take_panics(), Vec::<String>::new());
            shard.sleep(Duration::from_millis(5)).await;
        }
        drop(listener);
        while shard.counts().sockets > 0 {
            shard.sleep(Duration::from_millis(5)).await;
        }
        (shard.counts().sockets, shard.counts().sockets_max)
    });
    assert_eq!((open, ports), (0, 4000));
}

#[test]
fn a_large_transfer_outgrows_the_buffers_and_arrives_whole() {
    const BYTES: usize = 48 << 20;
    let address = server(|mut stream, _| {
        read_head(&mut stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n").unwrap();
        let block: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        for _ in 0..BYTES >> 20 {
            stream.write_all(&block).unwrap();
        }
    });
    let body = on_shard(config(16), move |shard| async move {
        get(&shard, &RefCell::default(), &request(address), OPTIONS).await.map_err(|(error, _)| error).unwrap().0
    });
    assert_eq!(body.len(), BYTES);
    assert!(body.iter().zip((0..=255u8).cycle()).all(|(got, sent)| *got == sent));
}

#[test]
fn a_reader_that_lags_is_paused_and_goes_on() {
    const BYTES: usize = 8 << 20;
    let address = server(|mut stream, _| {
        stream.write_all(&vec![7; BYTES]).unwrap();
    });
    let total = on_shard(config(16), move |shard| async move {
        let connection = shard.connect(address).await.unwrap();
        shard.sleep(Duration::from_millis(300)).await;
        let mut total = 0;
        while let Some(chunk) = connection.receive().await.unwrap() {
            total += chunk.len();
            drop(chunk);
            if total % 100 == 0 {
                shard.sleep(Duration::from_millis(1)).await;
            }
        }
        total
    });
    assert_eq!(total, BYTES);
}

#[test]
fn connections_are_reused_until_the_server_says_close() {
    let address = server(|mut stream, number| {
        while read_head(&mut stream) {
            let close = if number == 0 { "" } else { "Connection: close\r\n" };
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n{close}\r\n{number}").unwrap();
            if number == 0 {
                // Closing without a word is what the retry is for.
                let mut byte = [0];
                let _ = stream.read(&mut byte);
                return;
            }
        }
    });
    let bodies = on_shard(config(16), move |shard| async move {
        let pool = RefCell::<Pool>::default();
        let request = request(address);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (body, numbers) = get(&shard, &pool, &request, OPTIONS).await.map_err(|(error, _)| error).unwrap();
            seen.push((String::from_utf8(body).unwrap(), numbers.reused));
        }
        seen
    });
    // The second request was sent on the first connection, which closed, and again on a new one.
    assert_eq!(bodies, [("0".into(), false), ("1".into(), false), ("2".into(), false)]);
}

#[test]
fn a_silent_server_ends_in_a_timeout_and_the_port_comes_back() {
    let address = server(|mut stream, _| {
        read_head(&mut stream);
        std::mem::forget(stream);
    });
    let (code, open, waited) = on_shard(config(16), move |shard| async move {
        // Long enough for a busy machine to connect and to send the request.
        let options = ExchangeOptions { timeout: Duration::from_millis(2_500), ..OPTIONS };
        let (error, numbers) = get(&shard, &RefCell::default(), &request(address), options).await.unwrap_err();
        while shard.counts().sockets > 0 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        // On a busy machine connecting takes some of it.
        (error.code(), shard.counts().sockets, numbers.timings.blocked_ns + numbers.timings.duration_ns())
    });
    assert_eq!((code, open), (1050, 0));
    assert!(waited > 2_490_000_000, "the time that nothing came counts: {waited} ns");
}

#[test]
fn a_closed_port_is_refused_with_its_own_code() {
    let closed = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let (code, text) = on_shard(config(16), move |shard| async move {
        let (error, _) = get(&shard, &RefCell::default(), &request(closed), OPTIONS).await.unwrap_err();
        (error.code(), error.to_string())
    });
    assert_eq!((code, text.as_str()), (1212, "connection refused"));
}

#[test]
fn used_up_slots_and_ports_are_errors_of_their_own() {
    let address = server(|stream, _| std::mem::forget(stream));
    let full = on_shard(config(4), move |shard| async move {
        let mut held = Vec::new();
        loop {
            match shard.connect(address).await {
                Ok(connection) => held.push(connection),
                Err(error) => break (held.len(), matches!(error, DialError::TableFull { limit: 4, refused: None })),
            }
        }
    });
    assert_eq!(full, (4, true));
    let ports = PortShare { lowest: 61_000, highest: 61_009, index: 0, of: 1, first: 0 };
    let used_up = on_shard(ShardConfig { ports, ..config(100) }, move |shard| async move {
        let mut held = Vec::new();
        loop {
            match shard.connect(address).await {
                Ok(connection) => held.push(connection),
                Err(error) => break (held.len() <= 10, error.to_string()),
            }
        }
    });
    assert!(used_up.0);
    assert!(used_up.1.contains("no source port is left") && used_up.1.contains("10 ports"), "{}", used_up.1);
}

#[test]
fn a_panic_ends_its_task_alone() {
    let messages = on_shard(config(4), |shard| async move {
        shard.spawn(async { panic!("only me") });
        shard.sleep(Duration::from_millis(5)).await;
        shard.take_panics()
    });
    assert_eq!(messages, ["only me"]);
}

#[test]
fn another_thread_reaches_a_shard_that_waits_for_ever() {
    let (sender, receiver) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = ShardThread::start(config(4), move |shard| async move {
        while stopped.try_recv().is_err() {
            shard.sleep(Duration::from_millis(20)).await;
        }
    })
    .unwrap();
    for number in 0..1000 {
        let sender = sender.clone();
        thread.remote().run(move |_| sender.send(number).unwrap());
    }
    let got: Vec<u32> = receiver.iter().take(1000).collect();
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
    stop.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn an_idle_shard_makes_no_turns() {
    let turns = on_shard(config(4), |shard| async move {
        let before = shard.counts().turns;
        shard.sleep(Duration::from_millis(300)).await;
        shard.counts().turns - before
    });
    assert!(turns < 20, "{turns} turns in 300 ms of nothing");
}

#[test]
fn sleeping_takes_as_long_as_it_should() {
    let slept = on_shard(config(4), |shard| async move {
        let before = Instant::now();
        shard.sleep(Duration::from_millis(30)).await;
        before.elapsed()
    });
    assert!(slept >= Duration::from_millis(30));
}
