//! Processes that end with the value that stands for them.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::usage::{Memory, descendants};

/// How long a process gets to end by itself once it was asked to; nobody needs what a client would say at its end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Memory is steady once this many samples in a row, a quarter of a second apart, stay within half a percent.
const STEADY_SAMPLES: usize = 12;

/// Of what a program has said of errors, so much is told.
const SAID_BYTES_MAX: u64 = 4096;
const SAID_LINES_MAX: usize = 5;

/// A running program; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    /// What it has said of errors.
    said: File,
}

impl Process {
    /// Starts `program`, on one core alone if `core` is given, with its output thrown away but for errors, of which the last
    /// are told if it fails. Should the program that measures be killed, the kernel ends this one.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        core: Option<usize>,
    ) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(core) = core {
            command.args(["taskset", "-c", &core.to_string()]);
        }
        // Both replace themselves by what they start: the process id stays the same.
        command.arg(program).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let said = tempfile::tempfile()?;
        command.stderr(said.try_clone()?);
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let child = command.spawn().context("setpriv can't be started; it comes with util-linux")?;
        Ok(Self { child, name, said })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Fails if it has ended already, as it does on arguments that it doesn't know.
    ///
    /// # Errors
    /// With its exit status.
    pub fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended early: {status}{}", self.name, self.last_said()),
        }
    }

    /// The last lines that it has said of errors, each on one of its own; nothing if there are none.
    #[must_use]
    pub fn last_said(&self) -> String {
        let length = self.said.metadata().map_or(0, |metadata| metadata.len());
        let from = length.saturating_sub(SAID_BYTES_MAX);
        let mut bytes = vec![0; (length - from) as usize];
        // By place, since the process writes where the file stands.
        if self.said.read_exact_at(&mut bytes, from).is_err() {
            return String::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(SAID_LINES_MAX).collect();
        lines.iter().rev().map(|line| format!("\n  {line}")).collect()
    }

    /// Its memory, with that of all it has started, once it doesn't change any more.
    ///
    /// # Errors
    /// When it ends, or its memory still changes after `limit`.
    pub fn steady_memory(&mut self, limit: Duration) -> Result<Memory> {
        let begin = Instant::now();
        let mut samples: Vec<Memory> = Vec::new();
        while begin.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(250));
            self.check_running()?;
            samples.push(Memory::of_tree(self.id())?);
            if let Some(last) = samples.last_chunk::<STEADY_SAMPLES>() {
                let totals = last.map(Memory::total_kib);
                let (least, most) = (totals.iter().min().copied(), totals.iter().max().copied());
                // Every VU has begun and slept several times in any case.
                if let (Some(least), Some(most)) = (least, most)
                    && (most - least) * 200 <= most
                    && begin.elapsed() > Duration::from_secs(6)
                {
                    return Ok(last[STEADY_SAMPLES - 1]);
                }
            }
        }
        bail!("the memory of {} still changes after {limit:?}{}", self.name, self.last_said())
    }

    /// Waits until it ends by itself; after `limit` it is ended.
    ///
    /// # Errors
    /// When it had to be ended.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.end();
        bail!("{} was still running after {limit:?}", self.name)
    }

    fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // None is reaped yet, so the ids are still their own. A shell doesn't end what it has started and waits for.
        let started = descendants(self.id());
        for pid in started.iter().copied().chain([self.id()]) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        for pid in started {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_ends_with_its_value() {
        let process = Process::start(Path::new("sleep"), ["60"], None).unwrap();
        let path = format!("/proc/{}", process.id());
        assert!(Path::new(&path).exists());
        drop(process);
        assert!(!Path::new(&path).exists());
    }

    #[test]
    fn a_program_that_ends_early_is_noticed() {
        let mut process = Process::start(Path::new("false"), [""; 0], Some(0)).unwrap();
        assert_eq!(process.wait(Duration::from_secs(30)).unwrap().code(), Some(1));
        assert!(process.check_running().unwrap_err().to_string().contains("false ended early"));
    }

    #[test]
    fn the_last_errors_of_a_program_are_told() {
        let mut process = Process::start(Path::new("sh"), ["-c", "seq 5000 >&2; exit 3"], None).unwrap();
        process.wait(Duration::from_secs(30)).unwrap();
        let error = process.check_running().unwrap_err().to_string();
        assert!(error.ends_with("3\n  4996\n  4997\n  4998\n  4999\n  5000"), "{error}");
    }
}
