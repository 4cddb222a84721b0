//! The server that clients are measured against.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::certificate;
use crate::process::Process;

/// How long it may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may hold lines of its log back, and some more.
const LOGGED_WITHIN: Duration = Duration::from_millis(300);

/// A running nginx with one worker; dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    // Before the directory, which it writes to.
    _process: Process,
    address: SocketAddr,
    https: SocketAddr,
    worker: i32,
    status: TcpStream,
    asked: u64,
    directory: TempDir,
}

/// Sessions of TLS, as nginx logs them with the first request of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Made anew.
    pub new: u64,
    /// Resumed.
    pub resumed: u64,
}

impl Sessions {
    /// Those since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { new: self.new - before.new, resumed: self.resumed - before.resumed }
    }

    /// The share of those that were resumed, in per cent; 0 of none.
    #[must_use]
    pub fn resumed_percent(self) -> f64 {
        100.0 * self.resumed as f64 / (self.new + self.resumed).max(1) as f64
    }

    /// nginx writes `r` for a session that was resumed, and `.` for another.
    fn count(log: &str) -> Self {
        let of = |wanted| log.lines().filter(|line| *line == wanted).count() as u64;
        Self { new: of("."), resumed: of("r") }
    }
}

impl Nginx {
    /// Starts one on a free port, its worker on `core`.
    ///
    /// # Errors
    /// When nginx isn't installed or doesn't start.
    pub fn start(core: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        // Both at once, so that they aren't the same.
        let listeners = (TcpListener::bind("127.0.0.61:0")?, TcpListener::bind("127.0.0.61:0")?);
        let (address, https) = (listeners.0.local_addr()?, listeners.1.local_addr()?);
        drop(listeners);
        certificate::make(directory.path(), https.ip())?;
        let configuration = include_str!("../nginx/nginx.conf")
            .replace("@ADDRESS@", &address.to_string())
            .replace("@HTTPS@", &https.to_string())
            .replace("@CORE_MASK@", &format!("1{}", "0".repeat(core)))
            .replace("@DIRECTORY@", &directory.path().to_string_lossy());
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut process = Process::start(&program()?, ["-c".as_ref(), file.as_os_str()], None)?;
        let begin = Instant::now();
        let status = loop {
            process.check_running().with_context(|| error_log(directory.path()))?;
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(_) if begin.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error).with_context(|| error_log(directory.path())),
            }
        };
        status.set_read_timeout(Some(PATIENCE))?;
        let id = process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let worker = children.split_whitespace().next().context("nginx has no worker")?.parse()?;
        Ok(Self { _process: process, address, https, worker, status, asked: 0, directory })
    }

    /// What clients ask for: 100 bytes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The same by TLS, with a certificate that nobody knows.
    #[must_use]
    pub fn https_url(&self) -> String {
        format!("https://{}/", self.https)
    }

    /// Sessions of TLS whose connection had a request, since it started.
    ///
    /// # Errors
    /// When they weren't logged.
    pub fn sessions(&self) -> Result<Sessions> {
        std::thread::sleep(LOGGED_WITHIN);
        Ok(Sessions::count(&fs::read_to_string(self.directory.path().join("sessions.log"))?))
    }

    /// The worker's process id.
    #[must_use]
    pub fn worker(&self) -> i32 {
        self.worker
    }

    /// Requests that it has served since it started, those of this function apart.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn requests(&mut self) -> Result<u64> {
        self.asked += 1;
        self.status.write_all(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut text = Vec::new();
        let mut bytes = [0; 4096];
        // The page ends with this line; no header has such a name.
        while !String::from_utf8_lossy(&text).contains("Waiting:") {
            match self.status.read(&mut bytes)? {
                0 => bail!("nginx closed the connection"),
                count => text.extend_from_slice(&bytes[..count]),
            }
        }
        Ok(served(&String::from_utf8_lossy(&text))?.saturating_sub(self.asked))
    }
}

/// The third of the three numbers after the line `server accepts handled requests`.
fn served(page: &str) -> Result<u64> {
    let line = page.lines().skip_while(|line| !line.starts_with("server accepts")).nth(1);
    let number = line.and_then(|line| line.split_whitespace().nth(2)).context("not a page of stub_status")?;
    Ok(number.parse()?)
}

fn error_log(directory: &Path) -> String {
    let text = fs::read_to_string(directory.join("error.log")).unwrap_or_default();
    format!("nginx didn't start: {}", text.trim())
}

fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join("nginx"))
        .find(|program| program.exists())
        .context("nginx isn't installed: run benches/install-peers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_counted_by_what_the_log_says() {
        let sessions = Sessions::count(".\nr\nr\n\nr\n");
        assert_eq!(sessions, Sessions { new: 1, resumed: 3 });
        assert_eq!(sessions.since(Sessions { new: 1, resumed: 1 }), Sessions { new: 0, resumed: 2 });
        assert_eq!(sessions.resumed_percent().to_bits(), 75f64.to_bits());
    }

    #[test]
    fn the_count_is_the_third_number() {
        let page =
            "Active connections: 2 \nserver accepts handled requests\n 5 5 1234 \nReading: 0 Writing: 1 Waiting: 1 \n";
        assert_eq!(served(page).unwrap(), 1234);
        assert!(served("404").is_err());
    }
}
