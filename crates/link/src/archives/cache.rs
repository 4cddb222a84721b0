//! Archives on this machine's disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use throng_archive::ARCHIVE_BYTES_MAX;
use throng_control::Digest;

/// Bytes of all archives that are kept; those used longest ago go first.
pub const CACHE_BYTES_MAX: u64 = 4 << 30;
const SUFFIX: &str = "tar";
const UNFINISHED: &str = "part";

/// Archives by their digest, a file each. Whatever is wrong with one only costs fetching it again: what is read has the
/// digest that was asked for.
#[derive(Clone, Debug)]
pub struct ArchiveCache {
    directory: PathBuf,
    bytes_max: u64,
}

/// An archive that is being fetched.
#[derive(Debug)]
pub(crate) struct Unfinished {
    cache: ArchiveCache,
    digest: Digest,
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

/// Why an archive can't be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// The disk.
    #[error("the archive can't be written to {path}")]
    Disk { path: PathBuf, source: io::Error },
    /// It is larger than any may be.
    #[error("the archive has more than {ARCHIVE_BYTES_MAX} bytes, the most that one may have")]
    TooLarge,
    /// It is another one.
    #[error("what was fetched isn't the archive {wanted}: its SHA-256 is {found}")]
    Mismatch { wanted: Digest, found: Digest },
}

impl ArchiveCache {
    /// Opens the cache in that directory, which is made if it is missing. What a killed process left there goes.
    ///
    /// # Errors
    /// When the directory can't be made or read.
    pub fn open(directory: &Path, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let cache = Self { directory: directory.to_owned(), bytes_max };
        let day = std::time::Duration::from_secs(86_400);
        for (used, path, _) in cache.files(UNFINISHED)? {
            // Another agent may be at it.
            if used.elapsed().is_ok_and(|age| age > day) {
                let _gone = fs::remove_file(path);
            }
        }
        Ok(cache)
    }

    /// An archive, if it is there and unharmed.
    pub(crate) fn read(&self, digest: Digest) -> Option<Bytes> {
        let path = self.path(digest);
        let file = File::open(&path).ok()?;
        // The time says when it was last of use. It may be refused.
        let _touched = file.set_modified(SystemTime::now());
        let mut bytes = Vec::new();
        file.take(ARCHIVE_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        if Digest(Sha256::digest(&bytes).into()) == digest {
            return Some(bytes.into());
        }
        let _gone = fs::remove_file(path);
        None
    }

    /// Begins to keep an archive.
    pub(crate) fn begin(&self, digest: Digest) -> Result<Unfinished, CacheError> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{digest}.{}.{number}.{UNFINISHED}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|source| CacheError::Disk { path: path.clone(), source })?;
        Ok(Unfinished { cache: self.clone(), digest, path, file, hash: Sha256::new(), bytes: 0 })
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory.join(format!("{digest}.{SUFFIX}"))
    }

    /// Files of a kind: when they were used last, where they are, and their bytes.
    fn files(&self, suffix: &str) -> io::Result<Vec<(SystemTime, PathBuf, u64)>> {
        let entries = fs::read_dir(&self.directory)?.filter_map(|entry| {
            let path = entry.ok()?.path();
            let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
            let is_one = path.extension().is_some_and(|extension| extension == suffix);
            is_one.then_some((metadata.modified().ok()?, path, metadata.len()))
        });
        Ok(entries.collect())
    }

    /// Removes those used longest ago, so that there is room, but not the one that was just written.
    fn evict(&self, newest: &Path) {
        let Ok(mut files) = self.files(SUFFIX) else { return };
        files.sort_unstable();
        let mut bytes: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, path, size) in files.into_iter().filter(|(_, path, _)| path != newest) {
            if bytes <= self.bytes_max {
                break;
            }
            let _gone = fs::remove_file(path);
            bytes -= size;
        }
    }
}

impl Unfinished {
    /// Which one it is to be.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// How much of it is there.
    pub(crate) fn offset(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > ARCHIVE_BYTES_MAX {
            return Err(CacheError::TooLarge);
        }
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(|source| CacheError::Disk { path: self.path.clone(), source })
    }

    /// All of it is there; whether it is what it is to be.
    pub(crate) fn finish(self) -> Result<(), CacheError> {
        let found = Digest(self.hash.clone().finalize().into());
        if found != self.digest {
            return Err(CacheError::Mismatch { wanted: self.digest, found });
        }
        let path = self.cache.path(self.digest);
        // No write is waited for: who reads it looks at the digest.
        fs::rename(&self.path, &path).map_err(|source| CacheError::Disk { path: path.clone(), source })?;
        self.cache.evict(&path);
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has another name once it is finished.
        let _gone = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    fn keep(cache: &ArchiveCache, bytes: &[u8]) -> Result<(), CacheError> {
        let mut unfinished = cache.begin(digest(bytes))?;
        bytes.chunks(3).try_for_each(|part| unfinished.write(part))?;
        assert_eq!(unfinished.offset(), bytes.len() as u64);
        unfinished.finish()
    }

    #[test]
    fn what_is_kept_is_found_and_what_was_changed_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ArchiveCache::open(directory.path(), 1_000).unwrap();
        assert_eq!(cache.read(digest(b"one")), None);
        keep(&cache, b"one").unwrap();
        assert_eq!(cache.read(digest(b"one")).as_deref(), Some(&b"one"[..]));
        fs::write(cache.path(digest(b"one")), b"ono").unwrap();
        assert_eq!(cache.read(digest(b"one")), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "it is gone");
    }

    #[test]
    fn another_archive_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ArchiveCache::open(directory.path(), 1_000).unwrap();
        let mut unfinished = cache.begin(digest(b"one")).unwrap();
        unfinished.write(b"two").unwrap();
        let error = unfinished.finish().unwrap_err().to_string();
        assert!(error.contains(&digest(b"two").to_string()), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn those_used_longest_ago_go_when_there_are_too_many_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ArchiveCache::open(directory.path(), 10).unwrap();
        let age = |bytes: &[u8], seconds| {
            let file = File::open(cache.path(digest(bytes))).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(seconds)).unwrap();
        };
        keep(&cache, b"aaaa").unwrap();
        age(b"aaaa", 100);
        keep(&cache, b"bbbb").unwrap();
        age(b"bbbb", 200);
        cache.read(digest(b"bbbb")).unwrap();
        keep(&cache, b"cccc").unwrap();
        assert_eq!(cache.read(digest(b"aaaa")), None);
        assert!(cache.read(digest(b"bbbb")).is_some() && cache.read(digest(b"cccc")).is_some());
        keep(&cache, &[b'd'; 100]).unwrap();
        assert!(cache.read(digest(&[b'd'; 100])).is_some(), "the newest stays, however large");
    }
}
