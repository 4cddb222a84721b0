//! The server by TLS, with clients of rustls.
#![expect(clippy::unwrap_used, reason = "a test that fails is to panic")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use throng_target::{SelfSigned, Target, TargetConfig};
use throng_transport::tls::TlsAcceptor;

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn start(tls: TlsAcceptor) -> Target {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Target::start(TargetConfig { address, shards: vec![None; 2], sockets_per_shard: 100, tls: Some(tls), echo: None })
        .unwrap()
}

fn made() -> SelfSigned {
    SelfSigned::new("192.0.2.7").unwrap()
}

fn acceptor(made: &SelfSigned) -> TlsAcceptor {
    TlsAcceptor::new(made.certificate_pem.as_bytes(), made.key_pem.as_bytes()).unwrap()
}

/// A client that trusts `server` alone, and has `identity`.
fn connect(target: &Target, name: ServerName<'static>, server: &SelfSigned, identity: Option<&SelfSigned>) -> Tls {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&server.certificate_pem)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match identity {
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate(&own.certificate_pem)], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(target.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Sends requests of which the last closes, and returns all that comes back.
fn talk(mut tls: Tls, requests: &[u8]) -> std::io::Result<Vec<u8>> {
    tls.write_all(requests)?;
    let mut bytes = Vec::new();
    // This fails too if the end of the stream isn't told by TLS.
    tls.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn the_made_certificate_is_for_localhost_its_addresses_and_the_host() {
    let made = made();
    let target = start(acceptor(&made));
    let addresses = ["127.0.0.1", "::1", "192.0.2.7"].map(|text| ServerName::from(text.parse::<IpAddr>().unwrap()));
    for name in [localhost()].into_iter().chain(addresses) {
        let answer =
            talk(connect(&target, name.clone(), &made, None), b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\r\n\r\nok\n"), "{name:?}");
    }
    let other = ServerName::try_from("example.org").unwrap();
    assert!(talk(connect(&target, other, &made, None), b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n").is_err());
    assert!(SelfSigned::new("not a name, ä").is_err());
}

#[test]
fn requests_are_answered_in_order_by_tls_as_in_plain() {
    let made = made();
    let target = start(acceptor(&made));
    let body = vec![b'y'; 300_000];
    let mut requests = b"GET /absolute-redirect/2 HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    requests.extend(b"POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
    requests.extend(&body);
    requests
        .extend(b"GET /bytes/500000 HTTP/1.1\r\nHost: h\r\n\r\nGET /drip?duration=0.05 HTTP/1.1\r\nHost: h\r\n\r\n");
    requests.extend(b"GET /chunked/2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let sent = requests.len();
    let bytes = talk(connect(&target, localhost(), &made, None), &requests).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let places =
        ["Location: https://h/", "\"bytes\": 300000", &"x".repeat(500_000), "*".repeat(10).as_str(), "chunk 1\n"]
            .map(|part| text.find(part));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    let begin = Instant::now();
    while target.stats()["connections"]["open"] != 0 {
        assert!(begin.elapsed() < Duration::from_secs(10), "the connection is still open");
        std::thread::sleep(Duration::from_millis(5));
    }
    let stats: Value = target.stats();
    assert_eq!((&stats["bytes"]["in"], &stats["bytes"]["out"]), (&sent.into(), &bytes.len().into()));
    assert_eq!(stats["requests"]["total"], 5);
}

#[test]
fn clients_need_a_certificate_where_an_authority_is_named() {
    let (made, own, foreign) = (made(), SelfSigned::new("tester").unwrap(), SelfSigned::new("other").unwrap());
    let (chain, key) = (made.certificate_pem.as_bytes(), made.key_pem.as_bytes());
    let target = start(TlsAcceptor::for_clients_of(own.certificate_pem.as_bytes(), chain, key).unwrap());
    let ask =
        |identity| talk(connect(&target, localhost(), &made, identity), b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(ask(Some(&own)).unwrap().starts_with(b"HTTP/1.1 200 "));
    assert!(ask(None).is_err());
    assert!(ask(Some(&foreign)).is_err());
    assert_eq!(target.stats()["requests"]["total"], 1);
    assert!(TlsAcceptor::for_clients_of(b"nothing", chain, key).is_err());
}

#[test]
fn who_does_not_speak_tls_is_let_go() {
    let target = start(acceptor(&made()));
    let mut plain = TcpStream::connect(target.address()).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");
    // One that says nothing at all doesn't keep the server from stopping.
    let _silent = TcpStream::connect(target.address()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let begin = Instant::now();
    target.stop().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}
