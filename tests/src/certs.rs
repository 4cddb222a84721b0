//! The certificates of a group, by `throng certs`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::throng::Throng;

/// An authority, and what it has signed.
#[derive(Debug)]
pub struct Certs {
    directory: TempDir,
}

impl Certs {
    /// An authority that has signed nothing yet.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> Result<Self> {
        let certs = Self { directory: tempfile::tempdir()? };
        certs.command(["init"])?.finish()?.expect_code(0)?;
        Ok(certs)
    }

    /// `throng certs` with these arguments, in the authority's directory.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn command<const N: usize>(&self, arguments: [&str; N]) -> Result<Throng> {
        Ok(Throng::command(["certs"])?.args(arguments).arg("--dir").arg(self.path()))
    }

    /// Where its files are.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file of it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Signs a certificate for so many days.
    ///
    /// # Errors
    /// When it isn't signed.
    pub fn issue(&self, role: &str, name: &str, hosts: &[&str], days: u32) -> Result<()> {
        let days = days.to_string();
        let mut command = self.command(["issue", "--role", role, "--name", name, "--days", &days])?;
        for host in hosts {
            command = command.args(["--host", host]);
        }
        command.finish()?.expect_code(0)?;
        Ok(())
    }

    /// The arguments by which a process has that certificate.
    #[must_use]
    pub fn arguments(&self, role: &str, name: &str) -> Vec<String> {
        let own = |ending: &str| self.file(&format!("{role}-{name}.{ending}")).display().to_string();
        let authority = self.file("ca.pem").display().to_string();
        let flags = [("--cluster-ca", authority), ("--cluster-cert", own("pem")), ("--cluster-key", own("key"))];
        flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    /// Signs a certificate if it isn't there, and says the arguments for it.
    ///
    /// # Errors
    /// When it isn't signed.
    pub fn of(&self, role: &str, name: &str) -> Result<Vec<String>> {
        if !self.file(&format!("{role}-{name}.pem")).exists() {
            self.issue(role, name, &[], 30)?;
        }
        Ok(self.arguments(role, name))
    }
}
