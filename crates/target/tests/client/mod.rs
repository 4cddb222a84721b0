//! A plain blocking client, and a server for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use throng_target::{Target, TargetConfig};

/// A read that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn start(shards: usize) -> Target {
    start_with(shards, 500)
}

pub(crate) fn start_with(shards: usize, sockets_per_shard: u32) -> Target {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Target::start(TargetConfig { address, shards: vec![None; shards], sockets_per_shard, tls: None, echo: None })
        .unwrap()
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
    /// What follows the last chunk, with the empty line.
    pub(crate) trailer: String,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).first().copied()
    }

    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(found, _)| *found == name).map(|(_, value)| value).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
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

    /// Reads one answer, whose body is as long as Content-Length or its chunks say if `with_body`.
    pub(crate) fn answer(&mut self, with_body: bool) -> Answer {
        let head = String::from_utf8(self.take_to(b"\r\n\r\n")).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new(), trailer: String::new() };
        if with_body && answer.field("Transfer-Encoding") == Some("chunked") {
            loop {
                let line = String::from_utf8(self.take_to(b"\r\n")).unwrap();
                let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
                if size == 0 {
                    break;
                }
                let chunk = self.take(size + 2);
                answer.body.extend_from_slice(chunk.strip_suffix(b"\r\n").unwrap());
            }
            while !answer.trailer.ends_with("\r\n\r\n") && answer.trailer != "\r\n" {
                answer.trailer += &String::from_utf8(self.take_to(b"\r\n")).unwrap();
            }
        } else if with_body {
            let length = answer.field("Content-Length").map_or(0, |text| text.parse().unwrap());
            answer.body = self.take(length);
        }
        answer
    }

    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.held.len() < length {
            assert_ne!(self.fill(), 0, "the connection ended");
        }
        self.held.drain(..length).collect()
    }

    fn take_to(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.held.windows(end.len()).position(|window| window == end) {
                return self.held.drain(..at + end.len()).collect();
            }
            assert_ne!(self.fill(), 0, "the connection ended: {:?}", String::from_utf8_lossy(&self.held));
        }
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
