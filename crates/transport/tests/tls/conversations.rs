//! What works.

use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use throng_transport::tls::{TlsAcceptor, TlsInfo, TlsOptions, TlsVersion};
use throng_transport::{Listener, Shard};

use super::authority::Authority;
use super::proxy::{Mischief, proxy};
use super::servers::{OK, answer_all, config, echo, read_head, server};
use super::{Client, get_once, loopback, on_shard};

const BOTH: [(TlsVersion, &rustls::SupportedProtocolVersion); 2] =
    [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];

#[test]
fn a_connection_carries_many_requests_by_either_version() {
    let authority = Authority::new();
    for (version, spoken) in BOTH {
        let address = server(config(&authority.issue(&["localhost"]), &[spoken]), answer_all);
        let options = authority.trusted();
        on_shard(move |shard| async move {
            let mut client = Client::new(&shard, address, &options);
            for number in 0..100 {
                let (body, numbers) = client.get().await.unwrap();
                assert_eq!(body, b"ok");
                assert_eq!(numbers.reused, number > 0);
                assert_eq!(numbers.tls, Some(TlsInfo { version, resumed: false }));
                let timings = numbers.timings;
                assert_eq!(timings.tls_handshaking_ns > 0, number == 0);
                assert!(timings.blocked_ns >= timings.tls_handshaking_ns + timings.connecting_ns);
            }
        });
    }
}

#[test]
fn a_session_is_resumed_and_both_sides_know() {
    let authority = Authority::new();
    for (version, spoken) in BOTH {
        let (sender, kinds) = mpsc::channel();
        let address = server(config(&authority.issue(&["localhost"]), &[spoken]), move |mut stream, _| {
            read_head(&mut stream);
            sender.send(stream.conn.handshake_kind()).unwrap();
            stream.write_all(OK).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        let options = authority.trusted();
        on_shard(move |shard| async move {
            let mut client = Client::new(&shard, address, &options);
            client.close = true;
            for number in 0..5 {
                let (_, numbers) = client.get().await.unwrap();
                assert!(!numbers.reused);
                assert_eq!(numbers.tls, Some(TlsInfo { version, resumed: number > 0 }));
            }
        });
        let kinds: Vec<_> = kinds.iter().take(5).collect();
        assert_eq!(kinds[0], Some(HandshakeKind::Full), "{version}");
        assert!(kinds[1..].iter().all(|kind| *kind == Some(HandshakeKind::Resumed)), "{version}: {kinds:?}");
    }
}

async fn round_trip(shard: Shard, acceptor: TlsAcceptor, options: TlsOptions, length: usize) {
    let listener = Rc::new(Listener::bind(&shard, loopback()).unwrap());
    let address = listener.address();
    shard.spawn(echo(shard.clone(), listener, acceptor));
    let mut client = Client::new(&shard, address, &options);
    let body: Vec<u8> = (0..length).map(|index| (index / 7) as u8).collect();
    for _ in 0..3 {
        let (echoed, numbers) = client.send("PUT", Some(body.clone())).await.unwrap();
        assert!(echoed == body, "{length}");
        assert!(numbers.bytes_sent > length as u64 && numbers.bytes_received > length as u64);
    }
}

#[test]
fn bodies_of_every_size_come_back_whole_from_our_own_server() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let acceptor = TlsAcceptor::new(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let options = TlsOptions { version_max: Some(version), ..authority.trusted() };
        let acceptor = acceptor.clone();
        on_shard(move |shard| async move {
            for length in [0, 1, 4_000, 16_300, 16_384, 16_385, 100_000, 1 << 20] {
                round_trip(shard.clone(), acceptor.clone(), options.clone(), length).await;
            }
        });
    }
}

#[test]
fn bytes_that_drip_are_put_together_and_all_are_counted() {
    let authority = Authority::new();
    for (_, spoken) in BOTH {
        let address = server(config(&authority.issue(&["localhost"]), &[spoken]), answer_all);
        let (address, count) = proxy(address, Mischief::Drip);
        let options = authority.trusted();
        let (sent, received) = on_shard(move |shard| async move {
            let mut client = Client::new(&shard, address, &options);
            let mut total = (0, 0);
            for _ in 0..3 {
                let (body, numbers) = client.get().await.unwrap();
                assert_eq!(body, b"ok");
                total = (total.0 + numbers.bytes_sent, total.1 + numbers.bytes_received);
            }
            total
        });
        assert_eq!(received, count.from_server.load(Ordering::SeqCst));
        assert_eq!(sent, count.to_server.load(Ordering::SeqCst));
    }
}

#[test]
fn many_records_in_one_piece_and_pieces_of_many_records_are_one_response() {
    let authority = Authority::new();
    let address = server(config(&authority.issue(&["localhost"]), &[&TLS13]), |mut stream, _| {
        while read_head(&mut stream) {
            let body = "x".repeat(3_000);
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n{body}");
            // A record for each byte, written at once.
            let mut records = Vec::new();
            for byte in response.as_bytes() {
                stream.conn.writer().write_all(&[*byte]).unwrap();
                stream.conn.write_tls(&mut records).unwrap();
            }
            stream.sock.write_all(&records).unwrap();
        }
    });
    let options = authority.trusted();
    on_shard(move |shard| async move {
        let mut client = Client::new(&shard, address, &options);
        for _ in 0..5 {
            let (body, numbers) = client.get().await.unwrap();
            assert_eq!(body.len(), 3_000);
            assert!(numbers.bytes_received > 60_000);
        }
    });
}

#[test]
fn new_keys_on_an_idle_connection_are_no_reason_to_give_it_up() {
    let authority = Authority::new();
    let (sender, updated) = mpsc::channel();
    let address = server(config(&authority.issue(&["localhost"]), &[&TLS13]), move |mut stream, _| {
        while read_head(&mut stream) {
            stream.write_all(OK).unwrap();
            stream.conn.refresh_traffic_keys().unwrap();
            stream.conn.write_tls(&mut stream.sock).unwrap();
            sender.send(()).unwrap();
        }
    });
    let options = authority.trusted();
    on_shard(move |shard| async move {
        let mut client = Client::new(&shard, address, &options);
        for number in 0..5 {
            let (body, numbers) = client.get().await.unwrap();
            assert_eq!(body, b"ok");
            assert_eq!(numbers.reused, number > 0);
            updated.recv().unwrap();
            shard.sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced() {
    let authority = Authority::new();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = server(config(&authority.issue(&["localhost"]), &[&TLS13]), move |mut stream, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        read_head(&mut stream);
        stream.write_all(OK).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        // TCP stays open: only TLS has ended.
        let _ = stream.sock.read(&mut [0; 64]);
    });
    let options = authority.trusted();
    on_shard(move |shard| async move {
        let mut client = Client::new(&shard, address, &options);
        for _ in 0..3 {
            let (_, numbers) = client.get().await.unwrap();
            assert!(!numbers.reused);
            shard.sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[test]
fn secrets_are_logged_for_those_who_read_captures() {
    let authority = Authority::new();
    let address = server(config(&authority.issue(&["localhost"]), &[&TLS13]), answer_all);
    let path = std::env::temp_dir().join(format!("throng-key-log-{}", std::process::id()));
    for _ in 0..2 {
        let options = TlsOptions { key_log: Some(path.clone()), ..authority.trusted() };
        get_once("localhost", address, options).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let count = |label: &str| text.lines().filter(|line| line.starts_with(label)).count();
    assert_eq!(count("CLIENT_TRAFFIC_SECRET_0 "), 2, "{text}");
    assert_eq!(count("SERVER_HANDSHAKE_TRAFFIC_SECRET "), 2, "{text}");
    for line in text.lines() {
        let parts: Vec<_> = line.split(' ').collect();
        assert!(parts.len() == 3 && parts[1].len() == 64, "{line}");
        assert!(parts[1..].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit())), "{line}");
    }
}
