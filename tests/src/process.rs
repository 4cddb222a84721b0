//! Processes that end with the value that stands for them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::summary::{EXPORT, Summary};

/// Between two looks at something that doesn't tell by itself.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How much of a process's output an error shows.
const SHOWN_CHARS: usize = 2_000;

/// A running program whose output is collected; dropping it ends it by SIGKILL.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    stdout: Collected,
    stderr: Collected,
    directory: Option<TempDir>,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// How long its end was waited for.
    pub took: Duration,
    directory: Option<TempDir>,
}

#[derive(Debug)]
struct Collected {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{name} can't be started"))?;
        let stdout = Collected::from(child.stdout.take());
        let stderr = Collected::from(child.stderr.take());
        Ok(Self { child, name, stdout, stderr, directory: None })
    }

    /// Keeps a directory as long as the process and what it left are looked at.
    #[must_use]
    pub fn keeping(mut self, directory: TempDir) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the kernel doesn't say.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // It isn't reaped before `wait`, so the id is still its own.
        kill(self.id(), signal).with_context(|| format!("{} can't be signalled", self.name))
    }

    /// Waits until standard output has a line with `text`, and returns that line.
    ///
    /// # Errors
    /// When it ends before, or at the deadline.
    pub fn stdout_line(&mut self, text: &str, deadline: Duration) -> Result<String> {
        self.line((text, 1), deadline, |process| &mut process.stdout)
    }

    /// [`Process::stdout_line`] for standard error.
    ///
    /// # Errors
    /// When it ends before, or at the deadline.
    pub fn stderr_line(&mut self, text: &str, deadline: Duration) -> Result<String> {
        self.line((text, 1), deadline, |process| &mut process.stderr)
    }

    /// Waits until standard error has so many lines with `text`, and returns the last of them.
    ///
    /// # Errors
    /// When it ends before, or at the deadline.
    pub fn stderr_line_of(&mut self, count: usize, text: &str, deadline: Duration) -> Result<String> {
        self.line((text, count), deadline, |process| &mut process.stderr)
    }

    /// Whether standard error has such a line by now.
    #[must_use]
    pub fn has_said(&self, text: &str) -> bool {
        self.stderr.lock().lines().any(|line| line.contains(text))
    }

    fn line(
        &mut self,
        (text, count): (&str, usize),
        deadline: Duration,
        of: impl Fn(&mut Self) -> &mut Collected,
    ) -> Result<String> {
        let began = Instant::now();
        loop {
            let ended = self.child.try_wait()?;
            let output = of(self);
            if ended.is_some() {
                // What it said before may be in the pipe yet.
                output.join();
            }
            let text_of = output.lock();
            let found = text_of.lines().filter(|line| line.contains(text)).nth(count - 1).map(str::to_owned);
            drop(text_of);
            match (found, ended) {
                (Some(line), _) => return Ok(line),
                (None, Some(status)) => bail!("{} ended ({status}) without {text:?}: {}", self.name, self.said()),
                (None, None) if began.elapsed() > deadline => {
                    bail!("{} has not said {text:?} within {deadline:?}: {}", self.name, self.said())
                }
                (None, None) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it still runs at the deadline; it is ended then.
    pub fn wait(mut self, deadline: Duration) -> Result<Finished> {
        let began = Instant::now();
        let status: ExitStatus = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if began.elapsed() > deadline => {
                    bail!("{} still runs after {deadline:?}: {}", self.name, self.said())
                }
                None => std::thread::sleep(LOOK_EVERY),
            }
        };
        let took = began.elapsed();
        Ok(Finished {
            code: status.code(),
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
            took,
            directory: self.directory.take(),
        })
    }

    fn said(&self) -> String {
        let tail = |text: &str| text.chars().rev().take(SHOWN_CHARS).collect::<Vec<_>>().into_iter().rev().collect();
        let (stdout, stderr): (String, String) = (tail(&self.stdout.lock()), tail(&self.stderr.lock()));
        format!("\n--- standard output\n{stdout}\n--- standard error\n{stderr}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Finished {
    /// The exit code, or an error that shows what the program said.
    ///
    /// # Errors
    /// When it isn't `code`.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        let Self { code: found, stdout, stderr, .. } = &self;
        bail!("the exit code is {found:?}, not {code}\n--- standard output\n{stdout}\n--- standard error\n{stderr}")
    }

    /// The text of a file in the directory where it ran.
    ///
    /// # Errors
    /// When there is none.
    pub fn file(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(self.path(name)?).with_context(|| format!("no {name}: {}", self.stderr))
    }

    /// The path of a file in that directory.
    ///
    /// # Errors
    /// When it ran in no directory of its own.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let directory = self.directory.as_ref().context("it ran in no directory of its own")?;
        Ok(directory.path().join(name))
    }

    /// The summary that `throng run` exported.
    ///
    /// # Errors
    /// When there is none.
    pub fn summary(&self) -> Result<Summary> {
        Ok(Summary::new(serde_json::from_str(&self.file(EXPORT)?)?))
    }

    /// The lines of standard error with `text`.
    pub fn stderr_lines<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        self.stderr.lines().filter(move |line| line.contains(text))
    }
}

impl Collected {
    fn from(stream: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&text);
        let reader = stream.map(|stream| std::thread::spawn(move || collect(stream, &collected)));
        Self { text, reader }
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of the stream.
    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            // A reader that panicked leaves what it has read.
            let _ = reader.join();
        }
    }

    /// All text, once the stream has ended.
    fn take(&mut self) -> String {
        self.join();
        std::mem::take(&mut self.lock())
    }
}

fn collect(stream: impl Read, text: &Mutex<String>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

/// Looks again and again until there is a value.
///
/// # Errors
/// What `look` fails with, and at the deadline.
pub fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(value) = look()? {
            return Ok(value);
        }
        if began.elapsed() > deadline {
            bail!("not within {deadline:?}: {what}");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command).unwrap()
    }

    #[test]
    fn a_process_ends_with_its_value() {
        let process = shell("exec sleep 60");
        let path = format!("/proc/{}", process.id());
        assert!(Path::new(&path).exists());
        drop(process);
        assert!(!Path::new(&path).exists());
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let error = shell("echo here; exec sleep 60").wait(Duration::from_millis(200)).unwrap_err().to_string();
        assert!(error.contains("still runs") && error.contains("here"), "{error}");
    }

    #[test]
    fn a_line_is_waited_for_and_an_early_end_is_noticed() {
        let mut process = shell("echo one; echo two >&2; echo two more >&2; exit 3");
        let deadline = Duration::from_secs(30);
        assert_eq!(process.stdout_line("on", deadline).unwrap(), "one");
        assert_eq!(process.stderr_line("two", deadline).unwrap(), "two");
        assert_eq!(process.stderr_line_of(2, "two", deadline).unwrap(), "two more");
        assert!(process.stdout_line("three", deadline).unwrap_err().to_string().contains("ended"));
        let finished = process.wait(deadline).unwrap();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(3), "one\n"));
    }
}
