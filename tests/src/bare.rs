//! A server of TCP and UDP that others wrote: Python's socketserver.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;
use crate::servers::certificate;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running server that sends back what comes; dropping it ends it.
#[derive(Debug)]
pub struct BareServer {
    process: Process,
    address: SocketAddr,
}

/// What it has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BareCounts {
    /// Connections.
    pub opened: u64,
    /// Those that the client has ended in order.
    pub ended: u64,
    /// Those that it has reset.
    pub reset: u64,
    /// Bytes that came by them.
    pub bytes: u64,
    /// Datagrams that came.
    pub datagrams: u64,
    /// Their bytes.
    pub datagram_bytes: u64,
}

impl BareServer {
    /// Starts one.
    ///
    /// # Errors
    /// When there is no Python, or it doesn't start.
    pub fn start() -> Result<Self> {
        Self::with(tempfile::tempdir()?, false)
    }

    /// Starts one whose TCP goes by TLS; with the file of its certificate.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when no certificate can be made.
    pub fn start_tls() -> Result<(Self, PathBuf)> {
        let directory = tempfile::tempdir()?;
        certificate::make(directory.path(), "127.0.0.1")?;
        let authority = directory.path().join("cert.pem");
        Ok((Self::with(directory, true)?, authority))
    }

    fn with(directory: TempDir, is_tls: bool) -> Result<Self> {
        let path = directory.path().join("server.py");
        fs::write(&path, include_str!("bare/server.py"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "python3"]).arg(path);
        command.args(is_tls.then_some(directory.path()));
        let mut process = Process::start(command)?.keeping(directory);
        let line = process.stdout_line("listening on ", PATIENCE)?;
        let port = line.trim_start_matches("listening on ").parse()?;
        Ok(Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// Where it listens, by TCP and UDP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and returns what it has counted.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn counted(self) -> Result<BareCounts> {
        self.process.signal(Signal::SIGTERM)?;
        let finished = self.process.wait(PATIENCE)?;
        let line = finished.stdout.lines().find_map(|line| line.strip_prefix("counted "));
        let counts: Value = serde_json::from_str(line.with_context(|| finished.stderr.clone())?)?;
        let of = |key: &str| counts[key].as_u64().with_context(|| format!("no {key} in {counts}"));
        Ok(BareCounts {
            opened: of("opened")?,
            ended: of("ended")?,
            reset: of("reset")?,
            bytes: of("bytes")?,
            datagrams: of("datagrams")?,
            datagram_bytes: of("datagram_bytes")?,
        })
    }
}
