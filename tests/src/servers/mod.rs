//! Servers that others wrote, each with a log of its own that is counted.

mod apache;
pub(crate) mod certificate;
mod haproxy;
mod log;
mod nginx;
mod node;
mod python;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::process::{Process, until};

pub use log::Logged;

const PATIENCE: Duration = Duration::from_secs(60);
/// None of the addresses that clients connect from, so that a port that is free now doesn't become one of theirs.
const ADDRESS: &str = "127.0.1.1";
/// Where Debian puts what ordinary users don't start.
const SYSTEM_PROGRAMS: &str = "/usr/sbin";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// nginx with one worker.
    Nginx,
    /// The Apache HTTP Server with its event MPM.
    Apache,
    /// HAProxy, which answers by itself.
    HaProxy,
    /// Node's `http` and `https`.
    Node,
    /// Python's `http.server`.
    Python,
}

/// What comes before `://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// With a certificate that the server made itself.
    Https,
}

/// A running server with a listener for each scheme; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    process: Option<Process>,
    stop: Signal,
    counted_from: u64,
    site: Site,
}

/// Where a server is, and what it answers with.
#[derive(Debug)]
struct Site {
    directory: TempDir,
    http: SocketAddr,
    https: SocketAddr,
}

/// How a server is started and stopped.
struct Recipe {
    command: Command,
    /// What ends it in order: it writes out its log.
    stop: Signal,
    /// The number that its log gives to the first request of a connection.
    counted_from: u64,
}

impl Server {
    /// Starts one on free ports of this machine.
    ///
    /// # Errors
    /// When it isn't installed or doesn't start.
    pub fn start(kind: ServerKind) -> Result<Self> {
        let site = Site::new()?;
        let recipe = match kind {
            ServerKind::Nginx => nginx::recipe(&site),
            ServerKind::Apache => apache::recipe(&site),
            ServerKind::HaProxy => haproxy::recipe(&site),
            ServerKind::Node => node::recipe(&site),
            ServerKind::Python => python::recipe(&site),
        }?;
        let Recipe { command, stop, counted_from } = recipe;
        let process = Some(Process::start(command)?);
        let mut server = Self { process, stop, counted_from, site };
        // They listen for both before they take a connection.
        until("the server listens", PATIENCE, || Ok(TcpStream::connect(server.site.http).ok()))
            .with_context(|| format!("{kind:?} doesn't start: {}", server.site.errors()))
            .inspect_err(|_| server.process = None)?;
        Ok(server)
    }

    /// What clients ask for.
    #[must_use]
    pub fn url(&self, scheme: Scheme) -> String {
        match scheme {
            Scheme::Http => format!("http://{}/hello", self.site.http),
            Scheme::Https => format!("https://{}/hello", self.site.https),
        }
    }

    /// Ends it in order, which writes out its log, and counts what that has.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn logged(mut self) -> Result<Logged> {
        if let Some(process) = self.process.take() {
            process.signal(self.stop)?;
            process.wait(PATIENCE).with_context(|| self.site.errors())?;
        }
        Logged::read(&self.site.log(), self.counted_from)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Some have workers, which are other processes: they end with their master when that may say so.
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::SIGTERM);
            let _ = process.wait(PATIENCE);
        }
    }
}

impl Site {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        // Servers that are started by root read as somebody else.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        fs::write(directory.path().join("hello"), "throng")?;
        certificate::make(directory.path(), ADDRESS)?;
        // Both at once, so that they aren't the same.
        let (http, https) = (TcpListener::bind((ADDRESS, 0))?, TcpListener::bind((ADDRESS, 0))?);
        Ok(Self { http: http.local_addr()?, https: https.local_addr()?, directory })
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file for the server with `text`, in which names in brackets are replaced by what they stand for here.
    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory().join(name);
        let text = text
            .replace("[DIRECTORY]", &self.directory().display().to_string())
            .replace("[HTTP]", &self.http.to_string())
            .replace("[HTTPS]", &self.https.to_string());
        fs::write(&path, text)?;
        Ok(path)
    }

    fn log(&self) -> PathBuf {
        self.directory().join("access.log")
    }

    fn errors(&self) -> String {
        let text = fs::read_to_string(self.directory().join("error.log")).unwrap_or_default();
        format!("its errors: {}", text.trim())
    }
}

/// A call of a program that ends with the thread of the test, should that be gone.
fn command(program: &str) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from(SYSTEM_PROGRAMS)]);
    let mut programs = directories.map(|directory| directory.join(program));
    let found = programs.find(|program| program.exists());
    let found = found.with_context(|| format!("{program} isn't installed: run tools/install-servers"))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(found);
    Ok(command)
}
