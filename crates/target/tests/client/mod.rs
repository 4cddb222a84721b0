//! A plain blocking client, and a server for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use throng_target::{Target, TargetConfig};

/// A read that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn start(shards: usize) -> Target {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Target::start(TargetConfig { address, shards: vec![None; shards], sockets_per_shard: 500 }).unwrap()
}

/// A client of one connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    held: Vec<u8>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(target: &Target) -> Self {
        let stream = TcpStream::connect(target.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, held: Vec::new(), sent: 0, received: 0 }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.sent += bytes.len() as u64;
    }

    fn fill(&mut self) -> usize {
        let mut bytes = [0; 65_536];
        // A read with a time limit may be interrupted; it isn't repeated by itself.
        let count = loop {
            match self.stream.read(&mut bytes) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result.unwrap(),
            }
        };
        self.held.extend_from_slice(&bytes[..count]);
        self.received += count as u64;
        count
    }

    /// Reads one answer, whose body is as long as Content-Length says if `with_body`.
    pub(crate) fn answer(&mut self, with_body: bool) -> Answer {
        let end = loop {
            if let Some(at) = self.held.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert_ne!(self.fill(), 0, "the connection ended: {:?}", String::from_utf8_lossy(&self.held));
        };
        let head = String::from_utf8(self.held.drain(..end).collect()).unwrap();
        let length = head.split_once("Content-Length: ").and_then(|(_, rest)| rest.split("\r\n").next());
        let length: usize = length.filter(|_| with_body).map_or(0, |text| text.parse().unwrap());
        while self.held.len() < length {
            assert_ne!(self.fill(), 0);
        }
        Answer { status: head[9..12].parse().unwrap(), body: self.held.drain(..length).collect(), head }
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, rest: &str) -> Answer {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{rest}\r\n").as_bytes());
        self.answer(method != "HEAD")
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        self.held.is_empty() && self.fill() == 0
    }
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
