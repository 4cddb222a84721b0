//! The directory where the SDK, crates made for single files and what cargo compiles are kept.

use super::BuildError;
use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// The cache directory. Deleting it costs time and nothing else.
pub(super) struct Cache {
    root: PathBuf,
}

/// Holds off other builds until dropped, or until the process ends however it may.
pub(super) struct Lock {
    _file: File,
}

impl Cache {
    /// `throng` in `$XDG_CACHE_HOME` or `~/.cache`; without a home directory in the system's directory for temporary
    /// files. Made if it isn't there.
    pub(super) fn open() -> Result<Self, BuildError> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir)
            .join("throng");
        fs::create_dir_all(&root).map_err(BuildError::file("make the directory", &root))?;
        Ok(Self { root })
    }

    /// A path within it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where cargo puts what it compiles, for all scripts: the SDK is compiled once.
    pub(super) fn target_directory(&self) -> PathBuf {
        self.path("target")
    }

    /// Waits until no other process builds.
    pub(super) fn lock(&self, log: &mut dyn FnMut(&str)) -> Result<Lock, BuildError> {
        let path = self.path("lock");
        let file = File::create(&path).map_err(BuildError::file("make", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                log("waiting for another throng that is building");
                file.lock().map_err(BuildError::file("lock", &path))?;
            }
            Err(TryLockError::Error(source)) => return Err(BuildError::file("lock", &path)(source)),
        }
        Ok(Lock { _file: file })
    }
}

/// Writes a file unless it has this content already, so that cargo sees no change where there is none. Readers see the
/// old content or the new.
pub(super) fn write_if_changed(path: &Path, content: &str) -> Result<(), BuildError> {
    if fs::read(path).is_ok_and(|there| there == content.as_bytes()) {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(BuildError::file("make the directory", directory))?;
    }
    replace(path, content.as_bytes())
}

/// Writes a file beside its place, then moves it there.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Nothing is left to do where removing fails too; the error to tell is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(BuildError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_file_keeps_its_time_and_a_changed_one_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b.rs");
        write_if_changed(&path, "one").unwrap();
        let first = fs::metadata(&path).unwrap().modified().unwrap();
        write_if_changed(&path, "one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), first);
        write_if_changed(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
