//! throng as a process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Finished, Process};
use crate::summary::EXPORT;

/// A run of a test takes a few seconds; this is for machines that are busy.
const DEADLINE: Duration = Duration::from_secs(90);

/// The binary beside the test's own: `target/release/throng`.
///
/// # Errors
/// When it hasn't been built.
pub fn throng_binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let binary = test.ancestors().nth(2).unwrap_or(Path::new("/")).join("throng");
    ensure!(binary.exists(), "{} isn't there: run `cargo build --release` first", binary.display());
    Ok(binary)
}

/// One call of throng in a directory of its own, without the user's configuration.
#[derive(Debug)]
pub struct Throng {
    command: Command,
    directory: TempDir,
}

impl Throng {
    /// A call with these arguments.
    ///
    /// # Errors
    /// When there is no binary or no directory.
    pub fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Self> {
        Self::limited([""; 0], arguments)
    }

    /// A call under resource limits, as flags of prlimit.
    ///
    /// # Errors
    /// When there is no binary or no directory.
    pub fn limited(
        limits: impl IntoIterator<Item = impl AsRef<OsStr>>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        // Both replace themselves by what they start: the process id stays the same.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "prlimit"]).args(limits).arg(throng_binary()?).args(arguments);
        command.current_dir(&directory).env("XDG_CONFIG_HOME", directory.path());
        // Where its runs are found: nobody else's are.
        command.env("XDG_RUNTIME_DIR", directory.path());
        Ok(Self { command, directory })
    }

    /// `throng run SCRIPT`, with its summary exported.
    ///
    /// # Errors
    /// When there is no binary or no directory.
    pub fn run(script: &Path) -> Result<Self> {
        Self::command(Self::run_arguments(script))
    }

    /// The arguments of [`Throng::run`].
    #[must_use]
    pub fn run_arguments(script: &Path) -> [OsString; 4] {
        ["run".into(), script.into(), "--summary-export".into(), EXPORT.into()]
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Gives the script a variable by `-e`.
    #[must_use]
    pub fn variable(self, name: &str, value: impl AsRef<str>) -> Self {
        self.args(["-e".to_owned(), format!("{name}={}", value.as_ref())])
    }

    /// Gives the script its options, which all scripts of the tests take from the variable OPTIONS.
    #[must_use]
    pub fn options(self, options: &Value) -> Self {
        self.variable("OPTIONS", options.to_string())
    }

    /// Looks for runs where those of another call in this directory are found.
    #[must_use]
    pub fn beside(self, directory: &Path) -> Self {
        self.with(|command| {
            command.env("XDG_RUNTIME_DIR", directory);
        })
    }

    /// Where it runs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Changes how the process is started.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Starts it. Should the thread of the test be gone, the kernel ends it.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(self) -> Result<Process> {
        Ok(Process::start(self.command)?.keeping(self.directory))
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it can't be started, or doesn't end.
    pub fn finish(self) -> Result<Finished> {
        self.start()?.wait(DEADLINE)
    }
}
