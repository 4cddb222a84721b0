//! Disks that are soon full.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(30);

/// A file system in memory, in a mount namespace of its own that lives as long as the value.
#[derive(Debug)]
pub struct SmallDisk {
    /// Holds the namespace.
    process: Process,
    directory: TempDir,
}

impl SmallDisk {
    /// One of so many KiB.
    ///
    /// # Errors
    /// When it can't be mounted.
    pub fn new(kib: u32) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut command = Command::new("unshare");
        // Whoever isn't root is so within a user namespace of its own.
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        let script = format!("mount -t tmpfs -o size={kib}k small \"$0\" && echo mounted && exec sleep 600");
        command.args(["--mount", "sh", "-c", &script]).arg(directory.path());
        let mut process = Process::start(command)?;
        process.stdout_line("mounted", PATIENCE)?;
        Ok(Self { process, directory })
    }

    /// Where processes within the namespace have it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where this process has it.
    #[must_use]
    pub fn from_outside(&self) -> PathBuf {
        let path = self.directory.path().strip_prefix("/").unwrap_or(self.directory.path());
        Path::new("/proc").join(self.process.id().to_string()).join("root").join(path)
    }

    /// Has a command be started within the namespace.
    pub fn enter(&self, command: &mut Command) {
        let mut within = Command::new("nsenter");
        within.arg(format!("--target={}", self.process.id())).arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            within.args(["--user", "--preserve-credentials"]);
        }
        within.arg("--").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => within.env(name, value),
                None => within.env_remove(name),
            };
        }
        *command = within;
    }

    /// Fills what is left of it.
    ///
    /// # Errors
    /// When it can't be written to.
    pub fn fill(&self) -> Result<()> {
        let filler = self.from_outside().join("filler");
        let status = Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", filler.display()))
            .stderr(std::process::Stdio::null())
            .status()
            .context("dd")?;
        ensure!(!status.success(), "the disk isn't full");
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When it wasn't filled.
    pub fn make_room(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.from_outside().join("filler"))?)
    }
}
