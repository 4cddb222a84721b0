//! Servers of blocking sockets, by rustls's buffered server, and ours on a shard.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use throng_transport::tls::TlsAcceptor;
use throng_transport::{Listener, Received, SendBytes, Shard, Stream, Traffic};

use super::authority::{Authority, Identity};
use super::loopback;

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server of plain sockets: `serve` has a thread for each connection.
pub(crate) fn plain_server(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || serve(stream, number));
        }
    });
    address
}

pub(crate) fn server(config: ServerConfig, serve: impl Fn(Tls, usize) + Send + Sync + 'static) -> SocketAddr {
    let config = Arc::new(config);
    plain_server(move |stream, number| {
        serve(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream), number);
    })
}

/// A configuration with tickets, of the versions given.
pub(crate) fn config(identity: &Identity, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let builder = ServerConfig::builder_with_protocol_versions(versions).with_no_client_auth();
    finish(builder.with_single_cert(chain(identity), key(identity)).unwrap())
}

/// One that wants a client's certificate.
pub(crate) fn config_for_clients_of(identity: &Identity, authority: &Authority) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let builder = ServerConfig::builder().with_client_cert_verifier(verifier);
    finish(builder.with_single_cert(chain(identity), key(identity)).unwrap())
}

fn finish(mut config: ServerConfig) -> ServerConfig {
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    config
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect()
}

fn key(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap()
}

/// Reads a request without a body; false at the end.
pub(crate) fn read_head(stream: &mut impl Read) -> bool {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
    true
}

/// Answers every request by `ok`.
pub(crate) fn answer_all(mut stream: Tls, _: usize) {
    while read_head(&mut stream) {
        stream.write_all(OK).unwrap();
    }
}

/// Our own server on a shard: every byte of a body comes back. Ends with the first client.
pub(crate) async fn echo(shard: Shard, listener: Rc<Listener>, acceptor: TlsAcceptor) {
    let Ok(mut stream) = acceptor.accept(listener.accept().await.unwrap()).await else { return };
    let mut bytes = Vec::new();
    loop {
        let received = stream.receive(&mut Traffic::default(), |piece| bytes.extend_from_slice(piece)).await;
        let Ok(Received::Bytes { .. }) = received else { break };
        while let Some(body) = take_request(&mut bytes) {
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            answer.extend_from_slice(&body);
            stream.send(SendBytes::Owned(answer)).unwrap();
        }
    }
    let _: Result<_, _> = Stream::end_sending(&mut stream).await;
    drop((stream, shard));
}

/// A whole request's body, if there is one.
fn take_request(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let length =
        text.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |text| text.parse().unwrap());
    (bytes.len() >= head + length).then(|| bytes.drain(..head + length).skip(head).collect())
}
