//! TLS on real loopback connections, against rustls's own server, OpenSSL's, and peers that misbehave.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod authority;
mod conversations;
mod faults;
mod openssl;
mod proxy;
mod servers;
mod verification;

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use throng_transport::http1::{
    Exchange, ExchangeError, ExchangeOptions, Limits, Origin, Payload, Pool, Request, RequestHead, ResponseBody,
    exchange,
};
use throng_transport::source::PortShare;
use throng_transport::tls::{TlsClient, TlsOptions};
use throng_transport::{Shard, ShardConfig, ShardThread};

/// Runs a future on a shard of its own and returns what it returns; a panic in it fails the test.
fn on_shard<T: Send + 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Shard) -> F + Send + 'static) -> T {
    let config = ShardConfig {
        name: "test".into(),
        cpu: None,
        sockets_max: 100,
        ports: PortShare::of_all(0, 1, std::process::id()),
        sources: Arc::default(),
    };
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

/// A client of one origin with its idle connections.
struct Client {
    shard: Shard,
    pool: RefCell<Pool>,
    origin: Rc<Origin>,
    options: ExchangeOptions<'static>,
    close: bool,
}

type Outcome = Result<(Vec<u8>, Exchange), (ExchangeError, Exchange)>;

impl Client {
    /// A client of `localhost` at this address's port.
    fn new(shard: &Shard, address: SocketAddr, options: &TlsOptions) -> Self {
        Self::of_host(shard, "localhost", address, options)
    }

    fn of_host(shard: &Shard, host: &str, address: SocketAddr, options: &TlsOptions) -> Self {
        let tls = TlsClient::new(options).unwrap();
        let origin = Rc::new(Origin::with_tls(host, address.port(), &tls).unwrap());
        let options = ExchangeOptions {
            timeout: Duration::from_secs(10),
            body: ResponseBody::Keep,
            limits: Limits::default(),
            meter: None,
        };
        Self { shard: shard.clone(), pool: RefCell::default(), origin, options, close: false }
    }

    async fn send(&mut self, method: &str, body: Option<Vec<u8>>) -> Outcome {
        let head = RequestHead { method, target: "/", host: "x", user_agent: "t", headers: &[], close: self.close };
        let request = Request::encode(Rc::clone(&self.origin), &head, None).unwrap();
        let payload = Payload { body: body.map(Into::into), ..Payload::default() };
        let exchanged = exchange(&self.shard, &self.pool, &request, &payload, self.options).await;
        match exchanged.result {
            Ok(buffer) => Ok((buffer.body().to_vec(), exchanged.numbers)),
            Err(error) => Err((error, exchanged.numbers)),
        }
    }

    async fn get(&mut self) -> Outcome {
        self.send("GET", None).await
    }
}

/// One GET by a new client.
#[expect(clippy::result_large_err, reason = "a test's")]
fn get_once(host: &'static str, address: SocketAddr, options: TlsOptions) -> Outcome {
    on_shard(move |shard| async move { Client::of_host(&shard, host, address, &options).get().await })
}

/// The code and text of the failure that one GET must come to.
fn failure_of(host: &'static str, address: SocketAddr, options: TlsOptions) -> (u16, String) {
    let (error, _) = get_once(host, address, options).expect_err("it should have failed");
    (error.code(), error.to_string())
}
