use std::fmt;
use std::io;

use crate::table::TableError;
use crate::test_files::{FILES_BYTES_MAX, FILES_MAX};

/// What is wrong with one data file.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct FileError {
    /// The file as the script declares it.
    pub path: String,
    /// What is wrong, and what would be right.
    pub fault: FileFault,
}

/// What can be wrong with a data file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It can't be read.
    #[error(
        "it can't be read at {}: {error}; paths are relative to the script's file, or to its crate's directory",
        .at.display()
    )]
    Unreadable {
        /// Where it was looked for.
        at: std::path::PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A directory, a device, a pipe.
    #[error("{} is no regular file; copy what it holds to one", .0.display())]
    NotAFile(std::path::PathBuf),
    /// The script of an archive reads a file that isn't packed.
    #[error("the archive doesn't hold it; make the archive again with `throng archive`")]
    NotInArchive,
    /// More than a process is to hold.
    #[error("with it the test's data files have {0} bytes, and at most {FILES_BYTES_MAX} are held in memory: cut it")]
    TooLarge(u64),
    /// The script declares too many.
    #[error("a test has at most {FILES_MAX} data files: join some")]
    TooMany,
    /// It isn't what the script says it is.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Everything that is wrong with a test's data files.
#[derive(Debug)]
pub struct FileErrors(pub Vec<FileError>);

impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "a data file can't be used: {only}"),
            several => {
                write!(f, "{} data files can't be used:", several.len())?;
                several.iter().try_for_each(|error| write!(f, "\n  - {error}"))
            }
        }
    }
}

impl std::error::Error for FileErrors {}
