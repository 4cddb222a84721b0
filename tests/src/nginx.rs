//! nginx, with every request in its log.

use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::process::{Process, until};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running nginx with one worker; dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    process: Option<Process>,
    address: SocketAddr,
    directory: TempDir,
}

impl Nginx {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When nginx isn't installed or doesn't start.
    pub fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration(address, directory.path()))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program()?).arg("-c").arg(&file);
        let mut nginx = Self { process: Some(Process::start(command)?), address, directory };
        until("nginx listens", PATIENCE, || Ok(TcpStream::connect(address).ok()))
            .with_context(|| nginx.error_log())
            .inspect_err(|_| nginx.process = None)?;
        Ok(nginx)
    }

    /// What clients ask for.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Ends it in order, which writes out its log, and returns how many requests that has.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn logged(mut self) -> Result<u64> {
        if let Some(process) = self.process.take() {
            process.signal(Signal::SIGQUIT)?;
            process.wait(PATIENCE).with_context(|| self.error_log())?;
        }
        let mut log = File::open(self.directory.path().join("access.log"))?;
        let mut bytes = vec![0; 1 << 20];
        let mut lines = 0;
        loop {
            match log.read(&mut bytes)? {
                0 => return Ok(lines),
                count => lines += bytes[..count].iter().filter(|byte| **byte == b'\n').count() as u64,
            }
        }
    }

    fn error_log(&self) -> String {
        let text = fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default();
        format!("nginx doesn't do as it should: {}", text.trim())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The worker is another process: it ends with its master when that may say so.
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::SIGTERM);
            let _ = process.wait(PATIENCE);
        }
    }
}

fn configuration(address: SocketAddr, directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 4096;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 2048; }}
http {{
    log_format line '$status';
    access_log {directory}/access.log line buffer=1m;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/client;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {address} backlog=2048;
        location = / {{ default_type text/plain; return 200 'throng'; }}
    }}
}}
"
    )
}

fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = directories.map(|directory| directory.join("nginx"));
    programs.find(|program| program.exists()).context("nginx isn't installed: `apt-get install nginx-light`")
}
