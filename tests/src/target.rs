//! `throng target` as a process.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{Process, until};
use crate::throng::Throng;
use crate::{get, post};

const STATS_ASKED: &str = "/requests/by_route/~1stats";
const PATIENCE: Duration = Duration::from_secs(60);
/// Prints what is at a URL, whoever the server is.
const ASK_BY_TLS: &str = "import ssl, sys, urllib.request as r; \
    print(r.urlopen(sys.argv[1], context=ssl._create_unverified_context()).read().decode())";

/// A target on a free port; dropping it ends it.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    scheme: &'static str,
    process: Process,
}

impl Target {
    /// Starts one, and waits until it says where it listens.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start() -> Result<Self> {
        Self::start_by("http", "127.0.0.1:0", [""; 0])
    }

    /// Kills it, with all that it holds, and after a while starts another that listens where it did.
    ///
    /// # Errors
    /// When that doesn't start.
    pub fn replace_after(self, while_gone: Duration) -> Result<Self> {
        let (address, scheme) = (self.address, self.scheme);
        drop(self);
        std::thread::sleep(while_gone);
        Self::start_by(scheme, &address.to_string(), [""; 0])
    }

    /// The same at another address than 127.0.0.1.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start_at(host: IpAddr) -> Result<Self> {
        Self::start_by("http", &SocketAddr::new(host, 0).to_string(), [""; 0])
    }

    /// Starts one that speaks TLS, with further arguments.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start_tls(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Self> {
        Self::start_by("https", "127.0.0.1:0", arguments)
    }

    /// Starts one that sends back what comes by TCP and UDP too, at the address that is returned.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start_echo() -> Result<(Self, SocketAddr)> {
        let mut target = Self::start_by("http", "127.0.0.1:0", ["--echo", "127.0.0.1:0"])?;
        let before = "echoing TCP and UDP on ";
        let line = target.process.stdout_line(before, PATIENCE)?;
        let address = line.trim_start_matches(before).parse()?;
        Ok((target, address))
    }

    fn start_by(
        scheme: &'static str,
        listen: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self> {
        let throng = Throng::command(["target", "--listen", listen])?.args(arguments);
        let throng = if scheme == "https" { throng.arg("--tls") } else { throng };
        let mut process = throng.start()?;
        let before = format!("listening on {scheme}://");
        let line = process.stdout_line(&before, PATIENCE)?;
        let address = line.trim_start_matches(&before).parse()?;
        Ok(Self { address, scheme, process })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Requests that it has served, without those for its statistics.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn served(&self) -> Result<u64> {
        let stats = self.stats()?;
        Ok(count(&stats, "/requests/total")? - count(&stats, STATS_ASKED)?)
    }

    /// Connections that it has taken, without those for its statistics.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn connections(&self) -> Result<u64> {
        let stats = self.stats()?;
        // The request that asks isn't counted yet, its connection is.
        Ok(count(&stats, "/connections/opened")? - count(&stats, STATS_ASKED)? - 1)
    }

    /// Body bytes and all else that it has received.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn received_bytes(&self) -> Result<u64> {
        count(&self.stats()?, "/bytes/in")
    }

    /// All that it has counted.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn statistics(&self) -> Result<Value> {
        self.stats()
    }

    fn stats(&self) -> Result<Value> {
        if self.scheme == "http" {
            return Ok(serde_json::from_str(&get(self.address, "/stats")?)?);
        }
        let mut python = Command::new("python3");
        let output = python.args(["-c", ASK_BY_TLS, &self.url("/stats")]).output().context("python3")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Waits until it has served so many requests.
    ///
    /// # Errors
    /// When it hasn't in time.
    pub fn await_served(&self, requests: u64) -> Result<u64> {
        until("the target's requests", PATIENCE, || Ok(Some(self.served()?).filter(|served| *served >= requests)))
    }

    /// Makes it go silent.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn stall(&self, time: Duration) -> Result<()> {
        post(self.address, &format!("/stall/{}", time.as_millis())).map(|_| ())
    }
}

fn count(stats: &Value, pointer: &str) -> Result<u64> {
    stats.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no {pointer} in {stats}"))
}
