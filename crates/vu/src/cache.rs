use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

/// Most compiled scripts that are kept; the ones used longest ago go first.
const FILES_MAX: usize = 64;
const SUFFIX: &str = "cwasm";
const DIGEST_BYTES: usize = 32;

/// Compiled scripts on disk: each a file of machine code and the SHA-256 over
/// its key and that code.
///
/// Machine code is run as it is, so it is taken only from a directory and files
/// that belong to this user and that nobody else can write, and only if the
/// digest is right. Everything that fails here only costs compiling again.
#[derive(Debug)]
pub(crate) struct CodeCache {
    dir: PathBuf,
}

/// Names compiled code: the script's content and all that code depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeKey(String);

impl CodeKey {
    pub(crate) fn new(script: &[u8], engine: &wasmtime::Engine) -> CodeKey {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        CodeKey(format!("{}-{:016x}", hex(&Sha256::digest(script)), settings.finish()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl CodeCache {
    /// Opens a cache, and makes its directory where it is missing. `None` where
    /// that fails or the directory isn't this user's alone to write.
    pub(crate) fn open(dir: PathBuf) -> Option<CodeCache> {
        // A directory that exists is as good; whether it is ours is looked at next.
        let _made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        let metadata = fs::metadata(&dir).ok()?;
        (metadata.is_dir() && is_private(&metadata)).then_some(CodeCache { dir })
    }

    /// The code of this key, if it is there and unharmed.
    pub(crate) fn load(&self, key: &CodeKey) -> Option<Vec<u8>> {
        let file = fs::File::open(self.path(key)).ok()?;
        if !is_private(&file.metadata().ok()?) {
            return None;
        }
        // The time says when the file was last of use. It may be refused.
        let _touched = file.set_modified(SystemTime::now());
        let mut code = Vec::new();
        io::Read::read_to_end(&mut &file, &mut code).ok()?;
        let digest_at = code.len().checked_sub(DIGEST_BYTES)?;
        let digest = code.split_off(digest_at);
        (digest == seal(key, &code)).then_some(code)
    }

    /// Keeps code under its key, if that can be done.
    pub(crate) fn store(&self, key: &CodeKey, code: &[u8]) {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let temporary =
            self.dir.join(format!("{}.{}.{}.tmp", key.0, std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
        // No write is waited for: the digest tells whether all of it arrived.
        if write(&temporary, code, &seal(key, code)).and_then(|()| fs::rename(&temporary, self.path(key))).is_err() {
            let _gone = fs::remove_file(&temporary);
            return;
        }
        self.evict();
    }

    fn path(&self, key: &CodeKey) -> PathBuf {
        self.dir.join(&key.0).with_extension(SUFFIX)
    }

    /// Removes the files used longest ago beyond [`FILES_MAX`].
    fn evict(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        let mut files: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_code = path.extension().is_some_and(|suffix| suffix == SUFFIX);
                let used = fs::metadata(&path).and_then(|m| m.modified()).ok()?;
                is_code.then_some((used, path))
            })
            .collect();
        files.sort_unstable();
        let excess = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.drain(..excess) {
            let _gone = fs::remove_file(path);
        }
    }
}

fn seal(key: &CodeKey, code: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut digest = Sha256::new();
    digest.update(key.0.as_bytes());
    digest.update(code);
    digest.finalize().into()
}

fn write(path: &Path, code: &[u8], seal: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(code)?;
    file.write_all(seal)
}

/// Whether it belongs to this user and nobody else can write it.
fn is_private(metadata: &fs::Metadata) -> bool {
    // The owner of our own entry in /proc is the effective user.
    let is_ours = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == metadata.uid());
    is_ours && metadata.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key(name: &str) -> CodeKey {
        CodeKey(name.to_owned())
    }

    fn open() -> (tempfile::TempDir, CodeCache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(dir.path().join("a/b")).unwrap();
        (dir, cache)
    }

    #[test]
    fn what_was_stored_is_loaded_under_its_own_key_only() {
        let (_dir, cache) = open();
        cache.store(&key("a"), b"code");
        assert_eq!(cache.load(&key("a")).unwrap(), b"code");
        assert_eq!(cache.load(&key("b")), None);
        fs::rename(cache.path(&key("a")), cache.path(&key("b"))).unwrap();
        assert_eq!(cache.load(&key("b")), None);
    }

    #[test]
    fn truncated_and_altered_files_are_not_loaded() {
        let (_dir, cache) = open();
        cache.store(&key("a"), b"code");
        let path = cache.path(&key("a"));
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(cache.load(&key("a")), None, "cut to {cut} bytes");
        }
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            fs::write(&path, &altered).unwrap();
            assert_eq!(cache.load(&key("a")), None, "altered at {at}");
        }
        fs::write(&path, &whole).unwrap();
        assert!(cache.load(&key("a")).is_some());
    }

    #[test]
    fn a_directory_is_made_for_this_user_alone() {
        let (_dir, cache) = open();
        assert_eq!(fs::metadata(&cache.dir).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_others_can_write_is_not_used() {
        let (dir, cache) = open();
        cache.store(&key("a"), b"code");
        let path = cache.path(&key("a"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert_eq!(cache.load(&key("a")), None);

        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(CodeCache::open(dir.path().to_owned()).is_none());
        assert!(CodeCache::open(path).is_none(), "a file");
    }

    #[test]
    fn a_directory_that_is_gone_only_costs_time() {
        let (dir, cache) = open();
        dir.close().unwrap();
        cache.store(&key("a"), b"code");
        assert_eq!(cache.load(&key("a")), None);
    }

    #[test]
    fn the_files_used_longest_ago_are_removed() {
        let (_dir, cache) = open();
        let past = |hours: u64| SystemTime::now() - std::time::Duration::from_secs(hours * 3600);
        for i in 0..FILES_MAX as u64 {
            cache.store(&key(&format!("k{i}")), b"code");
            let file = fs::File::open(cache.path(&key(&format!("k{i}")))).unwrap();
            file.set_modified(past(1 + i)).unwrap();
        }
        let oldest = key(&format!("k{}", FILES_MAX - 1));
        let second = key(&format!("k{}", FILES_MAX - 2));
        assert!(cache.load(&oldest).is_some(), "is touched by this");
        cache.store(&key("new"), b"code");
        assert!(cache.load(&oldest).is_some());
        assert_eq!(cache.load(&second), None);
        assert!(cache.load(&key("new")).is_some());
    }
}
