//! WebSocket servers and clients that others wrote: Python's websockets, Node's ws.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(60);

/// Whose implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// The package `websockets` of PyPI.
    Websockets,
    /// The package `ws` of npm.
    Ws,
}

/// What an implementation has counted of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echoed {
    /// Connections.
    pub opens: u64,
    /// Those that were closed by a close frame of each side.
    pub proper_closes: u64,
    /// Messages that came.
    pub messages: u64,
    /// Those that a server couldn't answer, since it had answered the connection's close by then.
    pub unanswered: u64,
    /// Their bytes, uncompressed.
    pub bytes: u64,
    /// Connections that agreed on permessage-deflate.
    pub compressed: u64,
}

impl Other {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Websockets, Self::Ws];

    /// The program with a source of ours in a directory of its own.
    fn command(self, python: &str, node: &str) -> Result<(Command, TempDir)> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let installed = cache.context("no HOME")?.join("throng/websocket");
        ensure!(installed.exists(), "{} isn't there: run tools/install-websocket", installed.display());
        let directory = tempfile::tempdir()?;
        let (name, source) = match self {
            Self::Websockets => ("peer.py", python),
            Self::Ws => ("peer.cjs", node),
        };
        let path = directory.path().join(name);
        fs::write(&path, source)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        match self {
            Self::Websockets => command.arg(installed.join("venv/bin/python")),
            Self::Ws => command.arg("node").env("NODE_PATH", installed.join("node_modules")),
        };
        command.arg(path);
        Ok((command, directory))
    }

    /// Has its client talk to a URL by so many sockets at once, and returns what it has counted.
    ///
    /// # Errors
    /// When it doesn't get back what it sends, or doesn't end.
    pub fn talk(self, url: &str, deflate: bool, sockets: u64) -> Result<Echoed> {
        let (mut command, directory) =
            self.command(include_str!("websocket/client.py"), include_str!("websocket/client.js"))?;
        command.args([url, how(deflate), &sockets.to_string()]);
        let finished = Process::start(command)?.keeping(directory).wait(PATIENCE)?;
        counted(&finished.stdout).with_context(|| format!("{self:?}: {}", finished.stderr))
    }
}

/// A running server that sends every message back; dropping it ends it.
#[derive(Debug)]
pub struct EchoServer {
    process: Process,
    address: SocketAddr,
}

impl EchoServer {
    /// Starts one, which agrees on permessage-deflate or doesn't.
    ///
    /// # Errors
    /// When it isn't installed, or doesn't start.
    pub fn start(other: Other, deflate: bool) -> Result<Self> {
        let (mut command, directory) =
            other.command(include_str!("websocket/server.py"), include_str!("websocket/server.js"))?;
        command.arg(how(deflate));
        let mut process = Process::start(command)?.keeping(directory);
        let line = process.stdout_line("listening on ", PATIENCE)?;
        let port = line.trim_start_matches("listening on ").parse()?;
        Ok(Self { process, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Ends it in order, and returns what it has counted.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn counted(self) -> Result<Echoed> {
        self.process.signal(Signal::SIGTERM)?;
        let finished = self.process.wait(PATIENCE)?;
        counted(&finished.stdout).with_context(|| finished.stderr)
    }
}

fn how(deflate: bool) -> &'static str {
    if deflate { "deflate" } else { "plain" }
}

fn counted(stdout: &str) -> Result<Echoed> {
    let line = stdout.lines().find_map(|line| line.strip_prefix("counted ")).context("it has counted nothing")?;
    let counts: Value = serde_json::from_str(line)?;
    let of = |key: &str| counts[key].as_u64().with_context(|| format!("no {key} in {counts}"));
    Ok(Echoed {
        opens: of("opens")?,
        proper_closes: of("proper_closes")?,
        messages: of("messages")?,
        unanswered: counts["unanswered"].as_u64().unwrap_or(0),
        bytes: of("bytes")?,
        compressed: of("compressed")?,
    })
}
