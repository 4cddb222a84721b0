//! `throng target` as the server of the programs here.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::Process;

/// How long it may take to start or to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Between two looks at what it counts.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A target that runs; dropping it ends it.
#[derive(Debug)]
pub struct TargetServer {
    process: Process,
    address: SocketAddr,
}

/// What a target counts of its WebSockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetSockets {
    /// Those that are open.
    pub open: u64,
    /// Those that have been opened.
    pub opened: u64,
    /// Those that have ended in any way.
    pub closed: u64,
    /// Those that were closed by frames of both sides.
    pub closed_properly: u64,
    /// Messages that came.
    pub messages_in: u64,
    /// Messages that went.
    pub messages_out: u64,
}

impl TargetServer {
    /// Starts the target of this program of throng's, on one core alone if one is given, and waits until it answers.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(throng: &Path, core: Option<usize>) -> Result<Self> {
        // Free now; and no client of these programs connects from this address.
        let address = TcpListener::bind("127.0.100.1:0")?.local_addr()?;
        let process = Process::start(throng, ["target", "--listen", &address.to_string()], core)?;
        let mut target = Self { process, address };
        let begin = Instant::now();
        while let Err(error) = target.sockets() {
            target.process.check_running()?;
            ensure!(begin.elapsed() < ANSWER_MAX, "the target doesn't answer: {error}");
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(target)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.process.id()
    }

    /// What it counts of its WebSockets now.
    ///
    /// # Errors
    /// When it doesn't answer, or not with its statistics.
    pub fn sockets(&self) -> Result<TargetSockets> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        write!(stream, "GET /stats HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let (_, body) = response.split_once("\r\n\r\n").context("an answer without a body")?;
        let statistics: Value = serde_json::from_str(body).context("the target's answer")?;
        TargetSockets::parse(&statistics["websockets"])
    }

    /// Waits until what it counts is as wanted, with `client` still running.
    ///
    /// # Errors
    /// When it isn't within `limit`, or the client has ended.
    pub fn wait_until(
        &self,
        limit: Duration,
        client: &mut Process,
        mut is_so: impl FnMut(&TargetSockets) -> bool,
    ) -> Result<TargetSockets> {
        let begin = Instant::now();
        loop {
            let sockets = self.sockets()?;
            if is_so(&sockets) {
                return Ok(sockets);
            }
            client.check_running()?;
            ensure!(begin.elapsed() < limit, "after {limit:?} the target counts {sockets:?}{}", client.last_said());
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl TargetSockets {
    fn parse(told: &Value) -> Result<Self> {
        let number = |path: &[&str]| {
            let found = path.iter().fold(told, |value, key| &value[*key]);
            found.as_u64().with_context(|| format!("the target doesn't tell {}", path.join(".")))
        };
        Ok(Self {
            open: number(&["open"])?,
            opened: number(&["opened"])?,
            closed: number(&["closed"])?,
            closed_properly: number(&["closed_properly"])?,
            messages_in: number(&["messages", "in"])?,
            messages_out: number(&["messages", "out"])?,
        })
    }

    /// Messages of both directions.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages_in + self.messages_out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_target_tells_is_read_and_what_it_doesnt_is_missed() {
        let told = json!({
            "open": 1, "opened": 5, "closed": 4, "closed_properly": 3, "messages": { "in": 7, "out": 6 },
        });
        let sockets = TargetSockets::parse(&told).unwrap();
        assert_eq!((sockets.open, sockets.opened, sockets.closed, sockets.closed_properly), (1, 5, 4, 3));
        assert_eq!(sockets.messages(), 13);
        let error = TargetSockets::parse(&json!({ "open": 1 })).unwrap_err();
        assert_eq!(error.to_string(), "the target doesn't tell opened");
    }
}
