//! The data directory.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;

/// The file with the log and what belongs to it.
pub(crate) const DATABASE: &str = "coordinator.redb";
/// Its lock says that a process uses the directory.
const LOCK: &str = "lock";

/// Files of a node, by names relative to its data directory. What is written may be gone after a crash until it is
/// synced; a rename is durable when it returns.
pub trait Disk: Debug + Send + Sync + 'static {
    /// The file for the log.
    ///
    /// # Errors
    /// When it can't be opened.
    fn database(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// The length of a file, if there is one.
    ///
    /// # Errors
    /// When it can't be told.
    fn length(&self, name: &str) -> io::Result<Option<u64>>;

    /// So many bytes from an offset on, or fewer at the end of the file.
    ///
    /// # Errors
    /// When there is no such file, or it can't be read.
    fn read(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;

    /// Writes at an offset; makes the file if there is none.
    ///
    /// # Errors
    /// When it can't be written.
    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes a file's content durable.
    ///
    /// # Errors
    /// When it can't be.
    fn sync(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name, in place of what had that one.
    ///
    /// # Errors
    /// When it can't be renamed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, if there is one.
    ///
    /// # Errors
    /// When it can't be removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Names of the files in a directory, which need not be there.
    ///
    /// # Errors
    /// When it can't be read.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;

    /// Where it is, for messages.
    fn place(&self) -> String;

    /// Of a simulated disk: how long a sync takes, in simulated time. Work on it is done where it is asked for; a real
    /// one gets threads.
    fn simulated_delay(&self) -> Option<Duration> {
        None
    }
}

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process has it.
    #[error(
        "the data directory {0} is in use by another process: give every coordinator one of its own, or end that \
         process first"
    )]
    InUse(PathBuf),
    /// It can't be made, read or written.
    #[error(
        "the data directory {path} can't be used: give another one by --data-dir, or make it readable and writable"
    )]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

/// A directory of the machine, locked against other processes as long as the value lives.
#[derive(Debug)]
pub struct SystemDisk {
    root: PathBuf,
    _lock: File,
}

impl SystemDisk {
    /// Makes the directory if it isn't there, and locks it.
    ///
    /// # Errors
    /// When another process has it, or it can't be written.
    pub fn open(root: &Path) -> Result<Self, DirectoryError> {
        let unusable = |source| DirectoryError::Unusable { path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(unusable)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(root.join(LOCK));
        let lock = lock.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse(root.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Disk for SystemDisk {
    fn database(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(DATABASE))?;
        // Its entry in the directory has to outlive a crash too.
        File::open(&self.root)?.sync_all()?;
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(backend))
    }

    fn length(&self, name: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(name)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(name))?;
        let left = usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut buffer = vec![0; bytes.min(left)];
        file.read_exact_at(&mut buffer, offset)?;
        Ok(buffer)
    }

    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let open = || OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
                open()?
            }
            other => other?,
        };
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.path(name))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))?;
        let directory = self.path(to).parent().map_or_else(|| self.root.clone(), Path::to_owned);
        File::open(&directory)?.sync_all()?;
        // The directory itself may be new.
        File::open(&self.root)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // Names that aren't UTF-8 are nobody's of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}
