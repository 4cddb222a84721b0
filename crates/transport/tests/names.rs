//! Names, their addresses and the rules about them, on real loopback connections and with a resolver of the test's.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use throng_transport::http1::{
    Exchange, ExchangeError, ExchangeOptions, Limits, Origin, Payload, Pool, Request, RequestHead, ResponseBody,
    exchange,
};
use throng_transport::source::PortShare;
use throng_transport::{
    LookUpFailure, NameOptions, NameRules, NameSelect, Names, NoRules, Resolver, Shard, ShardConfig, ShardThread,
};

/// Runs a future on a shard of its own and returns what it returns; a panic in it fails the test.
fn on_shard<T: Send + 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Shard) -> F + Send + 'static) -> T {
    let ports = PortShare::of_all(0, 1, std::process::id());
    let config = ShardConfig { name: "test".into(), cpu: None, sockets_max: 64, ports, sources: Arc::default() };
    let (sender, receiver) = mpsc::channel();
    let thread = ShardThread::start(config, move |shard| async move {
        sender.send(main(shard).await).unwrap();
    })
    .unwrap();
    let result = receiver.recv_timeout(Duration::from_secs(60)).expect("the shard's main task ended without a result");
    thread.join().unwrap();
    result
}

/// Answers each request on `listener` with the address that it listens on.
fn serve(listener: TcpListener) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let body = address.ip().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &body);
        }
    });
    address
}

fn answer(mut stream: TcpStream, body: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

/// Servers on one port of several addresses 127.0.0.x.
fn servers<const N: usize>(last: [u8; N]) -> u16 {
    let first = TcpListener::bind((IpAddr::from([127, 0, 0, last[0]]), 0)).unwrap();
    let port = first.local_addr().unwrap().port();
    serve(first);
    for last in &last[1..] {
        serve(TcpListener::bind((IpAddr::from([127, 0, 0, *last]), port)).unwrap());
    }
    port
}

/// Knows `many.test`; counts the look-ups and takes its time.
#[derive(Debug, Default)]
struct Book {
    addresses: Vec<IpAddr>,
    takes: Duration,
    /// Whether look-ups wait until they may answer.
    shut: Mutex<bool>,
    opened: Condvar,
    look_ups: AtomicU64,
    under_way: AtomicU64,
    /// Look-ups under way at once, at most.
    most: AtomicU64,
    answered: Mutex<HashMap<String, Instant>>,
}

impl Book {
    fn of<const N: usize>(last: [u8; N]) -> Self {
        Self { addresses: last.iter().map(|last| IpAddr::from([127, 0, 0, *last])).collect(), ..Self::default() }
    }

    /// One whose look-ups wait until it is opened.
    fn shut(self) -> Self {
        Self { shut: Mutex::new(true), ..self }
    }

    fn open(&self) {
        *self.shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn count(&self) -> u64 {
        self.look_ups.load(Ordering::Relaxed)
    }
}

impl Resolver for Book {
    fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, LookUpFailure> {
        self.look_ups.fetch_add(1, Ordering::Relaxed);
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(under_way, Ordering::Relaxed);
        std::thread::sleep(self.takes);
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
        self.answered.lock().unwrap().insert(host.into(), Instant::now());
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        match host {
            "many.test" => Ok(self.addresses.clone()),
            "slow.test" => Err(LookUpFailure::Other("temporary failure".into())),
            "broken.test" => panic!("a resolver that fails"),
            _ => Err(LookUpFailure::NotFound),
        }
    }
}

fn first() -> NameOptions {
    NameOptions { select: NameSelect::First, ..NameOptions::default() }
}

fn names(options: NameOptions, book: &Arc<Book>) -> Names {
    Names::with_resolver(options, Rc::new(NoRules), Arc::<Book>::clone(book))
}

async fn get(shard: &Shard, host: &str, port: u16, timeout: Duration) -> (Result<String, ExchangeError>, Exchange) {
    let origin = Rc::new(Origin::new(host, port));
    let head = RequestHead { method: "GET", target: "/", host, user_agent: "", headers: &[], close: true };
    let request = Request::encode(origin, &head, None).unwrap();
    let options = ExchangeOptions { timeout, body: ResponseBody::Keep, limits: Limits::default(), meter: None };
    let exchanged = exchange(shard, &RefCell::<Pool>::default(), &request, &Payload::default(), options).await;
    let body = exchanged.result.map(|buffer| String::from_utf8_lossy(buffer.body()).into_owned());
    (body, exchanged.numbers)
}

const PATIENCE: Duration = Duration::from_secs(10);

async fn body(shard: &Shard, host: &str, port: u16) -> String {
    get(shard, host, port, PATIENCE).await.0.unwrap()
}

async fn failure(shard: &Shard, host: &str, port: u16) -> (u16, String) {
    let error = get(shard, host, port, PATIENCE).await.0.unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn the_next_address_is_tried_and_the_one_that_failed_comes_last_for_a_while() {
    let port = servers([13]);
    let book = Arc::new(Book::of([12, 13]));
    let bodies = on_shard(move |shard| async move {
        shard.set_names(names(first(), &book));
        let before = body(&shard, "many.test", port).await;
        serve(TcpListener::bind(("127.0.0.12", port)).unwrap());
        let after = body(&shard, "many.test", port).await;
        // With nothing remembered the first is first.
        shard.set_names(names(first(), &book));
        [before, after, body(&shard, "many.test", port).await]
    });
    assert_eq!(bodies, ["127.0.0.13", "127.0.0.13", "127.0.0.12"]);
}

#[test]
fn when_every_address_refuses_that_is_the_error() {
    let closed = TcpListener::bind("127.0.0.14:0").unwrap().local_addr().unwrap().port();
    let book = Arc::new(Book::of([14, 15, 16]));
    let failures = on_shard(move |shard| async move {
        shard.set_names(names(NameOptions::default(), &book));
        [failure(&shard, "many.test", closed).await, failure(&shard, "many.test", closed).await]
    });
    assert_eq!(failures, [(1212, "connection refused".into()), (1212, "connection refused".into())]);
}

#[test]
fn an_address_that_does_not_answer_has_a_share_of_the_time() {
    // A listener whose queue is full lets nobody in.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 17], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let full = socket.local_addr().unwrap().as_socket().unwrap();
    let patience = Duration::from_millis(200);
    let held: Vec<_> = (0..8).map_while(|_| TcpStream::connect_timeout(&full, patience).ok()).collect();
    assert!(held.len() < 8);
    serve(TcpListener::bind(("127.0.0.18", full.port())).unwrap());
    let book = Arc::new(Book::of([17, 18]));
    let (body, numbers) = on_shard(move |shard| async move {
        shard.set_names(names(first(), &book));
        // Half of it is less than an address has at least, and so the other one has almost as much left.
        let (body, numbers) = get(&shard, "many.test", full.port(), Duration::from_millis(3_900)).await;
        (body.unwrap(), numbers)
    });
    assert_eq!(body, "127.0.0.18");
    let connecting = Duration::from_nanos(numbers.timings.connecting_ns);
    assert!((1900..3900).contains(&connecting.as_millis()), "the failed attempt counts as connecting: {connecting:?}");
}

#[test]
fn round_robin_uses_all_addresses_evenly() {
    let port = servers([19, 20, 21]);
    let book = Arc::new(Book::of([19, 20, 21]));
    let bodies = on_shard(move |shard| async move {
        shard.set_names(names(NameOptions { select: NameSelect::RoundRobin, ..first() }, &book));
        let mut bodies = Vec::new();
        for _ in 0..6 {
            bodies.push(body(&shard, "many.test", port).await);
        }
        bodies
    });
    let round = ["127.0.0.19", "127.0.0.20", "127.0.0.21"];
    assert_eq!(bodies, [round, round].concat());
}

#[test]
fn an_answer_is_used_until_its_time_is_over_and_only_look_ups_take_time() {
    let port = servers([22]);
    let takes = Duration::from_millis(20);
    let looked_up = |ttl: Duration, pause: Duration| {
        let book = Arc::new(Book { takes, ..Book::of([22]) });
        on_shard(move |shard| async move {
            shard.set_names(names(NameOptions { ttl, ..first() }, &book));
            let mut took = Vec::new();
            for _ in 0..2 {
                for _ in 0..2 {
                    let (body, numbers) = get(&shard, "many.test", port, PATIENCE).await;
                    assert_eq!(body.unwrap(), "127.0.0.22");
                    let looking_up = Duration::from_nanos(numbers.timings.looking_up_ns);
                    assert!(looking_up.is_zero() || looking_up >= takes, "{looking_up:?}");
                    took.push(!looking_up.is_zero());
                }
                shard.sleep(pause).await;
            }
            assert_eq!(shard.counts().look_ups, book.count());
            assert_eq!(took.iter().filter(|took| **took).count() as u64, book.count());
            took
        })
    };
    // Two requests of a busy machine may be a second or two apart.
    let (ttl, pause) = (Duration::from_secs(4), Duration::from_millis(100));
    assert_eq!(looked_up(ttl, ttl + pause), [true, false, true, false]);
    assert_eq!(looked_up(Duration::MAX, pause), [true, false, false, false]);
    assert_eq!(looked_up(Duration::ZERO, pause), [true, true, true, true]);
}

#[test]
fn failed_look_ups_have_codes_and_are_tried_again_after_a_second() {
    let (failures, counts) = on_shard(move |shard| async move {
        // Begun anew where a busy machine takes the second for it.
        let (book, failures) = loop {
            let (book, began) = (Arc::new(Book::of([23])), Instant::now());
            shard.set_names(names(first(), &book));
            let mut failures = Vec::new();
            for host in ["unknown.test", "slow.test", "broken.test", "unknown.test"] {
                failures.push(failure(&shard, host, 80).await);
            }
            if began.elapsed() < Duration::from_secs(1) {
                break (book, failures);
            }
        };
        let mut counts = vec![book.count()];
        shard.sleep(Duration::from_millis(1050)).await;
        failure(&shard, "unknown.test", 80).await;
        counts.push(book.count());
        (failures, counts)
    });
    let text = |host: &str, why: &str| format!("lookup of {host} failed: {why}");
    assert_eq!(failures[0], (1101, text("unknown.test", "no such host")));
    assert_eq!(failures[1], (1100, text("slow.test", "temporary failure")));
    assert_eq!(failures[2], (1100, text("broken.test", "the resolver panicked")));
    assert_eq!(failures[3], failures[0]);
    assert_eq!(counts, [3, 4]);
}

#[test]
fn a_look_up_that_takes_too_long_fails_and_its_answer_is_kept_for_the_next() {
    let port = servers([24]);
    let book = Arc::new(Book::of([24]).shut());
    let (error, numbers, body, count) = on_shard(move |shard| async move {
        shard.set_names(names(first(), &book));
        let (result, numbers) = get(&shard, "many.test", port, Duration::from_millis(100)).await;
        let error = result.unwrap_err();
        book.open();
        let body = body(&shard, "many.test", port).await;
        ((error.code(), error.to_string()), numbers, body, book.count())
    });
    assert_eq!(error, (1100, "lookup of many.test failed: no answer in time".into()));
    // The limit is counted from a little before the look-up.
    assert!(numbers.timings.looking_up_ns >= 90_000_000 && numbers.elapsed_ns >= 100_000_000, "{numbers:?}");
    assert_eq!((body.as_str(), count), ("127.0.0.24", 1));
}

#[test]
fn a_name_that_many_want_at_once_is_looked_up_once() {
    let book = Arc::new(Book::default().shut());
    let (codes, count) = on_shard(move |shard| async move {
        shard.set_names(names(NameOptions { ttl: Duration::ZERO, ..first() }, &book));
        let (began, codes) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
        for number in 0..200 {
            let (shard, began, codes) = (shard.clone(), Rc::clone(&began), Rc::clone(&codes));
            shard.clone().spawn(async move {
                began.set(began.get() + 1);
                // The one that asked may be cut: the others have its answer all the same.
                let patience = if number == 0 { Duration::ZERO } else { PATIENCE };
                let (result, _) = get(&shard, "unknown.test", 80, patience).await;
                codes.borrow_mut().push(result.unwrap_err().code());
            });
        }
        while began.get() < 200 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        book.open();
        while codes.borrow().len() < 200 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        (codes.take(), book.count())
    });
    assert_eq!(codes.iter().filter(|code| **code == 1101).count(), 199);
    assert_eq!(count, 1);
}

#[test]
fn many_names_share_a_few_threads() {
    let book = Arc::new(Book { takes: Duration::from_millis(40), ..Book::of([25]) });
    let asked = Arc::clone(&book);
    let (looking_up, all_began) = on_shard(move |shard| async move {
        shard.set_names(names(first(), &asked));
        let (began, left) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(HashMap::new())));
        for number in 0..40 {
            let (shard, began, left) = (shard.clone(), Rc::clone(&began), Rc::clone(&left));
            shard.clone().spawn(async move {
                let host = format!("{number}.test");
                // Its look-up begins before another task has its turn.
                began.set(began.get() + 1);
                let (_, numbers) = get(&shard, &host, 80, PATIENCE).await;
                left.borrow_mut().insert(host, numbers.timings.looking_up_ns);
            });
        }
        while began.get() < 40 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        let all_began = Instant::now();
        while left.borrow().len() < 40 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        (left.take(), all_began)
    });
    assert_eq!(book.count(), 40);
    let most = book.most.load(Ordering::Relaxed);
    assert!((2..=8).contains(&most), "{most} at once");
    // Waiting for a thread is looking up, however long it was.
    for (host, answered) in &*book.answered.lock().unwrap() {
        let least = answered.saturating_duration_since(all_began).as_nanos();
        assert!(u128::from(looking_up[host]) >= least, "{host}: {} of {least}", looking_up[host]);
    }
}

#[test]
fn the_systems_resolver_knows_this_machine() {
    let port = serve(TcpListener::bind("127.0.0.1:0").unwrap()).port();
    let (ok, code) = on_shard(move |shard| async move {
        (body(&shard, "localhost", port).await, failure(&shard, "no-such-host.invalid", 80).await.0)
    });
    assert_eq!(ok, "127.0.0.1");
    // Where no name server answers it can't be said that there is no such host.
    assert!([1100, 1101].contains(&code), "{code}");
}

/// Rules as a run may have them, by plain comparison.
#[derive(Debug)]
struct TestRules {
    port: u16,
}

impl NameRules for TestRules {
    fn blocked(&self, host: &str) -> Option<String> {
        host.ends_with(".blocked.test").then(|| "*.blocked.test".into())
    }

    fn overridden(&self, host: &str, port: u16) -> Option<SocketAddr> {
        match (host, port) {
            ("here.test", 8443) => Some(SocketAddr::from(([127, 0, 0, 27], self.port))),
            ("forbidden.test", _) => Some(SocketAddr::from(([127, 0, 0, 99], port))),
            ("127.0.0.50", _) => Some(SocketAddr::from(([127, 0, 0, 26], port))),
            _ if host.ends_with(".here.test") => Some(SocketAddr::from(([127, 0, 0, 26], port))),
            _ => None,
        }
    }

    fn blacklisted(&self, address: IpAddr) -> Option<String> {
        (address == IpAddr::from([127, 0, 0, 99])).then(|| "127.0.0.96/29".into())
    }
}

#[test]
fn overridden_names_and_addresses_are_never_looked_up() {
    let port = servers([26, 27]);
    let book = Arc::new(Book::default());
    let (bodies, looking_up, count) = on_shard(move |shard| async move {
        let rules = Rc::new(TestRules { port });
        shard.set_names(Names::with_resolver(first(), rules, Arc::<Book>::clone(&book)));
        let (mut bodies, mut looking_up) = (Vec::new(), 0);
        let wanted = [("a.here.test", port), ("here.test", 8443), ("127.0.0.50", port), ("127.0.0.27", port)];
        for (host, port) in wanted {
            let (body, numbers) = get(&shard, host, port, PATIENCE).await;
            bodies.push(body.unwrap());
            looking_up += numbers.timings.looking_up_ns;
        }
        (bodies, looking_up, book.count())
    });
    assert_eq!(bodies, ["127.0.0.26", "127.0.0.27", "127.0.0.26", "127.0.0.27"]);
    assert_eq!((looking_up, count), (0, 0));
}

#[test]
fn blocked_names_and_blacklisted_addresses_are_refused_and_the_rule_is_named() {
    let book = Arc::new(Book::of([99]));
    let (failures, count) = on_shard(move |shard| async move {
        let rules = Rc::new(TestRules { port: 0 });
        shard.set_names(Names::with_resolver(first(), rules, Arc::<Book>::clone(&book)));
        let mut failures = Vec::new();
        for host in ["a.blocked.test", "127.0.0.99", "forbidden.test", "many.test"] {
            failures.push(failure(&shard, host, 80).await);
        }
        (failures, book.count())
    });
    let blocked = "hostname (a.blocked.test) is in a blocked pattern (*.blocked.test) of blockHostnames";
    assert_eq!(failures[0], (1111, blocked.into()));
    let blacklisted = "IP (127.0.0.99) is in a blacklisted range (127.0.0.96/29) of blacklistIPs";
    for failure in &failures[1..] {
        assert_eq!(*failure, (1110, blacklisted.into()));
    }
    assert_eq!(count, 1, "only the name that nothing is known of before is looked up");
}
