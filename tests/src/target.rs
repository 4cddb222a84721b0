//! `throng target` as a process.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Process, until};
use crate::throng::Throng;
use crate::{get, post};

const STATS_ASKED: &str = "/requests/by_route/~1stats";
const PATIENCE: Duration = Duration::from_secs(20);

/// A target on a free port; dropping it ends it.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    _process: Process,
}

impl Target {
    /// Starts one, and waits until it says where it listens.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start() -> Result<Self> {
        let mut process = Throng::command(["target", "--listen", "127.0.0.1:0"])?.start()?;
        let line = process.stdout_line("listening on http://", PATIENCE)?;
        let address = line.trim_start_matches("listening on http://").parse()?;
        Ok(Self { address, _process: process })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
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

    fn stats(&self) -> Result<Value> {
        Ok(serde_json::from_str(&get(self.address, "/stats")?)?)
    }

    /// Waits until it has served so many requests.
    ///
    /// # Errors
    /// When it hasn't within 20 s.
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
