//! What goes wrong, and that it has a name.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use rustls::version::{TLS12, TLS13};
use throng_transport::http1::ExchangeError;
use throng_transport::tls::{TlsError, TlsOptions, TlsVersion};

use super::authority::Authority;
use super::proxy::{Mischief, proxy};
use super::servers::{OK, answer_all, config, plain_server, read_head, server};
use super::{Client, failure_of, get_once, on_shard};

fn any() -> TlsOptions {
    TlsOptions { skip_verify: true, ..TlsOptions::default() }
}

#[test]
fn a_port_that_speaks_plain_http_is_told_as_such() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..], b"HT", b"220 mail\r\n"] {
        let address = plain_server(move |mut stream, _| {
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(answer).unwrap();
        });
        let (code, text) = failure_of("localhost", address, any());
        assert_eq!(code, 1301, "{text}");
        assert!(text.contains("http://"), "{text}");
    }
}

#[test]
fn versions_and_suites_without_anything_in_common_are_errors() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let old = server(config(&identity, &[&TLS12]), answer_all);
    let new = server(config(&identity, &[&TLS13]), answer_all);
    let only_new = TlsOptions { version_min: Some(TlsVersion::Tls13), ..any() };
    let only_old = TlsOptions { version_max: Some(TlsVersion::Tls12), ..any() };
    // It is ECDSA's, and the server's key is too.
    let rsa = TlsOptions { cipher_suites: vec!["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into()], ..any() };
    for (address, options, part) in
        [(old, only_new, "protocol_version"), (new, only_old, "protocol_version"), (old, rsa, "handshake_failure")]
    {
        let (code, text) = failure_of("localhost", address, options);
        assert_eq!(code, 1300, "{text}");
        assert!(text.contains(part), "{text}");
    }
    let ecdsa = TlsOptions { cipher_suites: vec!["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".into()], ..any() };
    get_once("localhost", old, ecdsa).unwrap();
}

#[test]
fn a_connection_cut_anywhere_in_the_handshake_fails_at_once() {
    let authority = Authority::new();
    for spoken in [&TLS12, &TLS13] {
        let address = server(config(&authority.issue(&["localhost"]), &[spoken]), |mut stream, _| {
            if read_head(&mut stream) {
                let _ = stream.write_all(OK);
            }
        });
        for cut in (0..2_000).step_by(61) {
            let (address, _) = proxy(address, Mischief::Cut(cut));
            let started = Instant::now();
            match get_once("localhost", address, authority.trusted()) {
                Ok(_) => assert!(cut > 500, "{cut}"),
                Err((error, _)) => {
                    let known = matches!(error.code(), 1300 | 1220 | 1000);
                    assert!(known, "{cut}: {} {error}", error.code());
                    assert!(cut > 300 || error.code() == 1300, "{cut}: {} {error}", error.code());
                }
            }
            assert!(started.elapsed() < Duration::from_secs(5), "{cut}");
        }
    }
}

#[test]
fn spoilt_bytes_never_pass_and_never_hang() {
    let authority = Authority::new();
    for spoken in [&TLS12, &TLS13] {
        let address = server(config(&authority.issue(&["localhost"]), &[spoken]), |mut stream, _| {
            while read_head(&mut stream) {
                let _ = stream.write_all(OK);
            }
        });
        let options = authority.trusted();
        on_shard(move |shard| async move {
            for at in (0..900).step_by(13) {
                let (address, _) = proxy(address, Mischief::Spoil(at));
                let mut client = Client::new(&shard, address, &options);
                client.options.timeout = Duration::from_secs(1);
                match client.get().await {
                    // A byte that nobody looks at, such as a record's version.
                    Ok((body, _)) => assert_eq!(body, b"ok", "{at}"),
                    Err((error, _)) => {
                        assert!((1211..=1311).contains(&error.code()) || error.code() == 1050, "{error}")
                    }
                }
            }
        });
    }
}

#[test]
fn a_handshake_that_never_ends_is_ended_by_the_deadline() {
    let address = plain_server(|mut stream, _| {
        // Reads, and says nothing.
        while let Ok(1..) = stream.read(&mut [0; 4096]) {}
    });
    let (error, numbers) = on_shard(move |shard| async move {
        let mut client = Client::new(&shard, address, &any());
        // Long enough for a busy machine to connect and to say hello.
        client.options.timeout = Duration::from_secs(2);
        client.get().await.unwrap_err()
    });
    assert_eq!(error.code(), 1211, "{error}");
    assert!((2_000_000_000..10_000_000_000).contains(&numbers.elapsed_ns), "{numbers:?}");
    assert!(numbers.bytes_sent > 100 && numbers.bytes_received == 0, "{numbers:?}");
}

/// A server whose response has no length, and which ends with close_notify or without.
fn until_close(properly: bool) -> (SocketAddr, TlsOptions) {
    let authority = Authority::new();
    let address = server(config(&authority.issue(&["localhost"]), &[&TLS13]), move |mut stream, _| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nsome of it").unwrap();
        if properly {
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
        stream.sock.shutdown(Shutdown::Write).unwrap();
    });
    (address, authority.trusted())
}

#[test]
fn a_body_that_ends_with_the_connection_needs_close_notify() {
    let (address, options) = until_close(true);
    let (body, _) = get_once("localhost", address, options).unwrap();
    assert_eq!(body, b"some of it");
    let (address, options) = until_close(false);
    let (error, _) = get_once("localhost", address, options).unwrap_err();
    assert!(matches!(error, ExchangeError::Tls(TlsError::Truncated)), "{error}");
}

#[test]
fn an_alert_in_place_of_a_response_is_told_by_name() {
    let authority = Authority::new();
    // The client isn't believed by a server that wants a certificate of another authority; see also verification.rs.
    let address =
        server(super::servers::config_for_clients_of(&authority.issue(&["localhost"]), &authority), answer_all_or_fail);
    let (code, text) = failure_of("localhost", address, authority.trusted());
    assert_eq!(code, 1300, "{text}");
    assert!(text.contains("certificate_required"), "{text}");
}

fn answer_all_or_fail(mut stream: super::servers::Tls, _: usize) {
    while read_head(&mut stream) {
        let _ = stream.write_all(OK);
    }
}

#[test]
fn empty_records_without_end_are_refused() {
    let authority = Authority::new();
    let address = server(config(&authority.issue(&["localhost"]), &[&TLS13]), |mut stream, _| {
        read_head(&mut stream);
        // Records that claim to hold nothing.
        let empty = [23, 3, 3, 0, 0].repeat(1_000);
        while stream.sock.write_all(&empty).is_ok() {}
    });
    let (code, text) = failure_of("localhost", address, authority.trusted());
    assert_eq!(code, 1300, "{text}");
}
