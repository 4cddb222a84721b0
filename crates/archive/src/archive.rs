use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::digest::{Digest, Digesting};
use crate::metadata::{FORMAT, METADATA_BYTES_MAX, Metadata, MetadataError, PackedFile, PackedScript};
use crate::source::FileSource;
use crate::test_files::{FILES_BYTES_MAX, FILES_MAX};
use crate::ustar::{self, Entry, TarError};

/// Most bytes of an archive.
pub const ARCHIVE_BYTES_MAX: u64 = FILES_BYTES_MAX + (128 << 20);

const METADATA: &str = "metadata.json";
const SCRIPT: &str = "script.wasm";
/// Of a file's own name so much goes into its name in the archive: the end, with what it is.
const OWN_NAME_BYTES_MAX: usize = 64;

/// A test as one file: `metadata.json`, `script.wasm`, then the data files under `files/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    metadata: Metadata,
    component: Bytes,
    files: Vec<Bytes>,
}

/// Why bytes aren't an archive that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Over [`ARCHIVE_BYTES_MAX`].
    #[error("the archive has {0} bytes, and may have {ARCHIVE_BYTES_MAX}: cut its data files")]
    TooLarge(u64),
    /// Compressed bytes could become any number of them.
    #[error("the archive is compressed with {0}; decompress it first")]
    Compressed(&'static str),
    /// No tar, or one of another form.
    #[error("the archive can't be read: {0}; make it again with `throng archive`")]
    Tar(#[from] TarError),
    /// An entry is missing or in another place.
    #[error(
        "the archive isn't one of throng's: entry {at} is to be {wanted}, and is {found}; make it again with \
         `throng archive`"
    )]
    Entry {
        /// The entry's number, from 1.
        at: usize,
        /// Its right name.
        wanted: String,
        /// The one it has.
        found: String,
    },
    /// An entry that the metadata doesn't know.
    #[error("the archive has an entry {0:?} that its metadata doesn't know; make it again with `throng archive`")]
    Unknown(String),
    /// An entry isn't what the metadata says.
    #[error(
        "{name} in the archive has another {what} than its metadata says: the archive was changed or damaged; make it \
         again with `throng archive`"
    )]
    Mismatch {
        /// The entry.
        name: String,
        /// Its size or digest.
        what: &'static str,
    },
    /// The same file twice.
    #[error("the archive's metadata names {0:?} twice; make it again with `throng archive`")]
    SamePath(String),
    /// The metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// Whether bytes look like an archive, or a compressed one, and not like a component.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    compression(bytes).is_some() || bytes.get(257..262) == Some(b"ustar")
}

impl Archive {
    /// A test to be written: the component and its name, the version of the contract that it is for, options,
    /// variables, and files by the paths that the script declares, each once.
    ///
    /// # Errors
    /// When it would be too large to be read again.
    pub fn new(
        (throng, contract): (&str, &str),
        (script_name, component): (&str, Bytes),
        options: Map<String, Value>,
        env: BTreeMap<String, String>,
        files: Vec<(String, Bytes)>,
    ) -> Result<Self, ArchiveError> {
        let script =
            PackedScript { name: script_name.to_owned(), size: component.len() as u64, sha256: Digest::of(&component) };
        let mut files = files;
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let packed = files.iter().enumerate().map(|(index, (path, bytes))| PackedFile {
            path: path.clone(),
            name: name_of(index, path),
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        });
        let metadata = Metadata {
            format: FORMAT,
            throng: throng.to_owned(),
            contract: contract.to_owned(),
            options,
            env,
            script,
            files: packed.collect(),
        };
        metadata.to_json()?;
        let archive = Self { metadata, component, files: files.into_iter().map(|(_, bytes)| bytes).collect() };
        match archive.size() {
            size if size > ARCHIVE_BYTES_MAX => Err(ArchiveError::TooLarge(size)),
            _ => Ok(archive),
        }
    }

    /// Reads an archive. What it holds are parts of these bytes; beyond them it takes memory for the metadata alone.
    ///
    /// # Errors
    /// Why it isn't one, or isn't to be trusted to be what it says.
    pub fn read(bytes: impl Into<Bytes>) -> Result<Self, ArchiveError> {
        let bytes: Bytes = bytes.into();
        if bytes.len() as u64 > ARCHIVE_BYTES_MAX {
            return Err(ArchiveError::TooLarge(bytes.len() as u64));
        }
        if let Some(kind) = compression(&bytes) {
            return Err(ArchiveError::Compressed(kind));
        }
        let entries = ustar::read(&bytes, FILES_MAX + 2)?;
        let metadata = &entry(&entries, 0, METADATA)?.range;
        if metadata.len() > METADATA_BYTES_MAX {
            return Err(MetadataError::TooLarge(metadata.len()).into());
        }
        let metadata = Metadata::parse(&bytes[metadata.clone()])?;
        let part = |at, name: &str, size, sha256| {
            let part = bytes.slice(entry(&entries, at, name)?.range.clone());
            let mismatch = |what| Err(ArchiveError::Mismatch { name: name.to_owned(), what });
            match () {
                () if part.len() as u64 != size => mismatch("size"),
                () if Digest::of(&part) != sha256 => mismatch("digest"),
                () => Ok(part),
            }
        };
        let component = part(1, SCRIPT, metadata.script.size, metadata.script.sha256)?;
        if let Some(unknown) = entries.get(metadata.files.len() + 2) {
            return Err(ArchiveError::Unknown(unknown.name.to_owned()));
        }
        let mut paths = HashSet::new();
        let mut files = Vec::new();
        for (index, file) in metadata.files.iter().enumerate() {
            if !paths.insert(&file.path) {
                return Err(ArchiveError::SamePath(file.path.clone()));
            }
            files.push(part(index + 2, &name_of(index, &file.path), file.size, file.sha256)?);
            if file.name != entries[index + 2].name {
                return Err(ArchiveError::Mismatch { name: file.name.clone(), what: "name" });
            }
        }
        Ok(Self { metadata, component, files })
    }

    /// Writes the archive, and returns its digest, which names the test.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: impl Write) -> io::Result<Digest> {
        let mut out = Digesting::new(out);
        ustar::write(&mut out, METADATA, &self.metadata.to_json().map_err(io::Error::other)?)?;
        ustar::write(&mut out, SCRIPT, &self.component)?;
        for (packed, bytes) in self.metadata.files.iter().zip(&self.files) {
            ustar::write(&mut out, &packed.name, bytes)?;
        }
        ustar::write_end(&mut out)?;
        out.finish()
    }

    /// What it says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The script.
    #[must_use]
    pub fn component(&self) -> &Bytes {
        &self.component
    }

    /// Where its script's data files come from.
    #[must_use]
    pub fn file_source(&self) -> FileSource {
        let files = self.metadata.files.iter().zip(&self.files);
        FileSource::Archive(files.map(|(packed, bytes)| (packed.path.clone(), bytes.clone())).collect())
    }

    /// A little more than it has when written.
    fn size(&self) -> u64 {
        let parts = self.files.iter().chain([&self.component]);
        parts.map(|part| part.len() as u64 + 1024).sum::<u64>() + METADATA_BYTES_MAX as u64
    }
}

/// The entry that is to be at this place.
fn entry<'a, 'b>(entries: &'b [Entry<'a>], at: usize, wanted: &str) -> Result<&'b Entry<'a>, ArchiveError> {
    match entries.get(at) {
        Some(entry) if entry.name == wanted => Ok(entry),
        other => Err(ArchiveError::Entry {
            at: at + 1,
            wanted: wanted.to_owned(),
            found: other.map_or("missing".to_owned(), |other| format!("{:?}", other.name)),
        }),
    }
}

/// A file's name in the archive: its number, which no other has, and of its own name what is harmless.
fn name_of(index: usize, path: &str) -> String {
    let own = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '_' };
    let own: String = own.chars().map(harmless).collect();
    let end = &own[own.len().saturating_sub(OWN_NAME_BYTES_MAX)..];
    format!("files/{index:03}-{end}")
}

/// What bytes are compressed with.
fn compression(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\x03\x04", "zip"),
    ];
    kinds.into_iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
