use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::FileFault;

/// Where a test's data files come from.
#[derive(Clone, Debug)]
pub enum FileSource {
    /// Paths are relative to this directory. They may be absolute or lead out of it: whoever runs a script from its
    /// source trusts it.
    Directory(PathBuf),
    /// The files of an archive, by the paths that the script declares. Nothing else is looked at.
    Archive(BTreeMap<String, Bytes>),
}

impl FileSource {
    /// The bytes of the file that a script calls `path`, of which at most `bytes_max` are taken. An `Err` without
    /// a fault says how large the file is instead.
    pub(crate) fn read(&self, path: &str, bytes_max: u64) -> Result<Bytes, ReadFailure> {
        let bytes = match self {
            Self::Archive(files) => files.get(path).cloned().ok_or(FileFault::NotInArchive)?,
            Self::Directory(directory) => read(&directory.join(path), bytes_max)?,
        };
        if bytes.len() as u64 > bytes_max {
            return Err(ReadFailure::TooLarge(bytes.len() as u64));
        }
        Ok(bytes)
    }
}

/// Why a file wasn't read.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// It has this many bytes, or more.
    TooLarge(u64),
    Fault(FileFault),
}

impl From<FileFault> for ReadFailure {
    fn from(fault: FileFault) -> Self {
        Self::Fault(fault)
    }
}

fn read(path: &Path, bytes_max: u64) -> Result<Bytes, ReadFailure> {
    let unreadable = |error| FileFault::Unreadable { at: path.to_owned(), error };
    // Looked at before it is opened, which waits for ever where it is a pipe.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(FileFault::NotAFile(path.to_owned()).into());
    }
    if metadata.len() > bytes_max {
        return Err(ReadFailure::TooLarge(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // Files of some file systems are longer than they say. One more than may be is enough to tell.
    File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes.into())
}
