//! The directory where a user's runs are found: a socket each, named by the run's id.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::run_id::RunId;

/// How names of sockets end.
const ENDING: &str = ".sock";
/// How they end until it is listened on them.
const ENDING_NEW: &str = ".new";
/// A socket that nobody has listened on for so long was left by a run that was killed.
const NEW_AGE_MAX: Duration = Duration::from_secs(60);
/// How often the directory is made anew since another run, which ended, has just removed it.
const TRIES_MAX: usize = 5;
/// Runs that are listed at most.
const RUNS_MAX: usize = 1_000;

/// Where the sockets of a user's runs are. It is there while there are runs.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

/// A run that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its id.
    pub id: RunId,
    /// Its socket.
    pub socket: PathBuf,
}

/// Why the directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Somebody else could be behind it.
    #[error(
        "{} isn't a directory of this user alone (mode 0700): remove it, or set XDG_RUNTIME_DIR to a directory of yours",
        .0.display()
    )]
    Foreign(PathBuf),
    /// The kernel refuses.
    #[error("{} can't be used: set XDG_RUNTIME_DIR to a directory of yours, with a short path", path.display())]
    Io {
        /// The directory, or the socket in it.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

/// A socket's file, which goes with its value.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
}

impl RunDirectory {
    /// The directory at this path. Nothing is looked at or made yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The runs whose sockets answer, by id. Sockets that runs left behind which were killed are removed.
    ///
    /// # Errors
    /// When it can't be read, or isn't the user's own.
    pub fn runs(&self) -> Result<Vec<Found>, DirectoryError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.error(source)),
            Ok(entries) => entries,
        };
        self.check()?;
        let mut found = Vec::new();
        let mut removed = 0;
        for entry in entries.take(RUNS_MAX) {
            let path = entry.map_err(|source| self.error(source))?.path();
            match run_of(&path) {
                Some(id) if answers(&path) => found.push(Found { id, socket: path }),
                None if !is_left_new(&path) => {}
                _ => {
                    remove(&path);
                    removed += 1;
                }
            }
        }
        if removed > 0 && found.is_empty() {
            // It stays if something else is in it.
            let _ = fs::remove_dir(&self.path);
        }
        found.sort();
        Ok(found)
    }

    /// A socket for a run.
    pub(crate) fn listen(&self, id: &RunId) -> Result<(UnixListener, SocketFile), DirectoryError> {
        let new = self.path.join(format!("{id}{ENDING_NEW}"));
        let path = self.path.join(format!("{id}{ENDING}"));
        let mut tries = 1;
        let listener = loop {
            self.make()?;
            match UnixListener::bind(&new) {
                Ok(listener) => break listener,
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES_MAX => tries += 1,
                Err(source) => return Err(DirectoryError::Io { path: new, source }),
            }
        };
        // Under its name it answers from the first instant: what doesn't answer is removed by whoever looks.
        fs::rename(&new, &path).map_err(|source| DirectoryError::Io { path: path.clone(), source })?;
        Ok((listener, SocketFile { path }))
    }

    fn make(&self) -> Result<(), DirectoryError> {
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.check() {
                // Gone again.
                Err(DirectoryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
                checked => checked,
            },
            Err(source) => Err(self.error(source)),
        }
    }

    /// Nobody else may have made it or write to it: its sockets are trusted.
    fn check(&self) -> Result<(), DirectoryError> {
        let metadata = fs::symlink_metadata(&self.path).map_err(|source| self.error(source))?;
        let own = metadata.uid() == nix::unistd::geteuid().as_raw();
        if metadata.is_dir() && own && metadata.mode() & 0o077 == 0 {
            return Ok(());
        }
        Err(DirectoryError::Foreign(self.path.clone()))
    }

    fn error(&self, source: io::Error) -> DirectoryError {
        DirectoryError::Io { path: self.path.clone(), source }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        remove(&self.path);
        if let Some(directory) = self.path.parent() {
            // It stays if there are other runs.
            let _ = fs::remove_dir(directory);
        }
    }
}

fn run_of(path: &Path) -> Option<RunId> {
    RunId::parse(path.file_name()?.to_str()?.strip_suffix(ENDING)?).ok()
}

fn answers(path: &Path) -> bool {
    // Any other error isn't a sign that nobody is there.
    !matches!(UnixStream::connect(path), Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

fn is_left_new(path: &Path) -> bool {
    let is_new = path.to_str().is_some_and(|name| name.ends_with(ENDING_NEW));
    let age = || fs::symlink_metadata(path).ok()?.modified().ok()?.elapsed().ok();
    is_new && age().is_some_and(|age| age > NEW_AGE_MAX)
}

/// What can't be removed, or is removed already, does no harm.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn directory() -> (tempfile::TempDir, RunDirectory) {
        let parent = tempfile::tempdir().unwrap();
        let directory = RunDirectory::new(parent.path().join("throng"));
        (parent, directory)
    }

    #[test]
    fn runs_are_there_while_they_listen_and_nothing_is_left_after_them() {
        let (_parent, directory) = directory();
        assert_eq!(directory.runs().unwrap(), []);
        let (one, other) = (RunId::parse("run-1").unwrap(), RunId::parse("run-2").unwrap());
        let (_listener, file) = directory.listen(&one).unwrap();
        let (_other_listener, other_file) = directory.listen(&other).unwrap();
        let ids = |found: Vec<Found>| found.into_iter().map(|found| found.id).collect::<Vec<_>>();
        assert_eq!(ids(directory.runs().unwrap()), [one, other.clone()]);
        drop(file);
        assert_eq!(ids(directory.runs().unwrap()), [other]);
        drop(other_file);
        assert!(!directory.path().exists());
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let (_parent, directory) = directory();
        let (listener, file) = directory.listen(&RunId::parse("killed").unwrap()).unwrap();
        let path = file.path.clone();
        // As after SIGKILL: it isn't listened any more, and nobody has removed the file.
        drop(listener);
        std::mem::forget(file);
        assert!(path.exists());
        assert_eq!(directory.runs().unwrap(), []);
        assert!(!path.exists() && !directory.path().exists());
    }

    #[test]
    fn a_directory_that_others_can_enter_is_not_used() {
        let (_parent, directory) = directory();
        fs::create_dir(directory.path()).unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let id = RunId::random();
        assert!(matches!(directory.listen(&id), Err(DirectoryError::Foreign(_))));
        let error = directory.runs().unwrap_err();
        assert!(error.to_string().contains("XDG_RUNTIME_DIR"), "{error}");
        // Nor is a link, wherever it leads.
        fs::remove_dir(directory.path()).unwrap();
        std::os::unix::fs::symlink("/tmp", directory.path()).unwrap();
        assert!(matches!(directory.listen(&id), Err(DirectoryError::Foreign(_))));
    }

    #[test]
    fn a_path_that_is_too_long_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let directory = RunDirectory::new(parent.path().join("x".repeat(120)));
        let error = directory.listen(&RunId::random()).unwrap_err();
        assert!(error.to_string().contains("short path"), "{error}");
    }
}
