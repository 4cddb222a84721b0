//! The SDK's sources: part of the binary, unpacked where cargo can find them.

use super::BuildError;
use super::cache::{Cache, write_if_changed};
use super::embedded::{FILES, LOCK_FILE};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The unpacked SDK.
pub(crate) struct Sdk {
    directory: PathBuf,
    digest: String,
}

/// Unpacks the SDK into the cache directory, under a name made of its content: binaries of different versions don't
/// disturb each other.
pub(crate) fn unpack() -> Result<Sdk, BuildError> {
    let digest = digest();
    let directory = Cache::open()?.path(&format!("sdk-{digest}"));
    for (path, content) in FILES {
        write_if_changed(&directory.join(path), content)?;
    }
    Ok(Sdk { directory, digest })
}

impl Sdk {
    /// The directory of the crate `throng`.
    pub(crate) fn throng_crate(&self) -> PathBuf {
        self.directory.join("sdk/rust")
    }

    /// The versions that the SDK is tested with, as a `Cargo.lock`.
    pub(super) fn lock_file(&self) -> &'static str {
        LOCK_FILE
    }

    /// Names this content, in 16 hexadecimal digits.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest() -> String {
    let mut hash = Sha256::new();
    for (path, content) in FILES {
        // Lengths first, so that no two lists of files give the same bytes.
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    short_hex(hash)
}

/// The first 16 hexadecimal digits of a hash that names things in the cache directory.
pub(super) fn short_hex(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A short name for a path, for a directory of its own.
pub(super) fn path_digest(path: &Path) -> String {
    let mut hash = Sha256::new();
    hash.update(path.as_os_str().as_encoded_bytes());
    short_hex(hash)
}
