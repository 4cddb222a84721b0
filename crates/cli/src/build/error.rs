//! Why a script wasn't built.

use std::io;
use std::path::PathBuf;

/// Why a script wasn't built. [`BuildError::ToolchainMissing`] and [`BuildError::SdkCompile`] are the machine's fault,
/// [`BuildError::File`] and [`BuildError::Command`] may be; the others are the script's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Nothing is there.
    #[error("{} doesn't exist", .0.display())]
    NoSuchPath(PathBuf),
    /// Something else is there.
    #[error("{} is neither a Rust crate nor a .rs file: {reason}", .path.display())]
    NotSource {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no compiler for wasm32 on this machine.
    #[error("{0}\n\n{REMEDIES}")]
    ToolchainMissing(String),
    /// The compiler has said why.
    #[error("{script} doesn't compile; the reasons are above")]
    Compile {
        /// The crate or file.
        script: String,
    },
    /// What all scripts need doesn't compile, before any script was looked at.
    #[error("the SDK doesn't compile; the reasons are above (cargo fetches its dependencies the first time)")]
    SdkCompile,
    /// It compiles and isn't a script.
    #[error("{script} isn't a throng script: {reason}")]
    NotScript {
        /// The crate or file.
        script: String,
        /// What is missing.
        reason: String,
    },
    /// A file or directory can't be used.
    #[error("can't {action} {}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A command can't be run.
    #[error("can't run {command}")]
    Command {
        /// The program.
        command: String,
        /// Why not.
        source: io::Error,
    },
}

const REMEDIES: &str = "Any one of these makes it complete:
  with rustup:      rustup target add wasm32-unknown-unknown
  on Debian 12:     sudo apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22
  in throng's repository, whichever of the two works:  tools/install-wasm";

impl BuildError {
    /// For `map_err`: the error of a file operation.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
