use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;

/// The version of the archive's format.
pub const FORMAT: u32 = 1;
/// Most bytes of `metadata.json`.
pub const METADATA_BYTES_MAX: usize = 1 << 20;

/// What `metadata.json` says of a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of throng that made the archive.
    pub throng: String,
    /// The version of `throng:script` that the component is for.
    pub contract: String,
    /// Options in k6's shape: script, configuration file and flags together.
    pub options: Map<String, Value>,
    /// Variables for the script.
    pub env: BTreeMap<String, String>,
    /// The component.
    pub script: PackedScript,
    /// The data files, in the order of their names in the archive.
    pub files: Vec<PackedFile>,
}

/// A component in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedScript {
    /// What it was called, for people.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// A data file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedFile {
    /// The path that the script declares. It is compared with what a script asks for, and never opened.
    pub path: String,
    /// The entry's name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// Why `metadata.json` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// More than [`METADATA_BYTES_MAX`].
    #[error("metadata.json has {0} bytes, and may have {METADATA_BYTES_MAX}: pack fewer variables and options")]
    TooLarge(usize),
    /// No JSON, an unknown or a missing field.
    #[error("metadata.json isn't what this throng writes: {0}; make it again with `throng archive`")]
    Shape(serde_json::Error),
    /// An archive of another format.
    #[error("made by throng {throng} in format {format} of archives, this throng reads format {FORMAT}: make it again")]
    Format {
        /// Who made it.
        throng: String,
        /// The format.
        format: u32,
    },
}

impl Metadata {
    /// As it stands in an archive.
    ///
    /// # Errors
    /// When it is too large to be read again.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, MetadataError> {
        let mut json = serde_json::to_vec_pretty(self).map_err(MetadataError::Shape)?;
        json.push(b'\n');
        if json.len() > METADATA_BYTES_MAX { Err(MetadataError::TooLarge(json.len())) } else { Ok(json) }
    }

    pub(crate) fn parse(json: &[u8]) -> Result<Self, MetadataError> {
        /// What every format has.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            throng: String,
        }
        if json.len() > METADATA_BYTES_MAX {
            return Err(MetadataError::TooLarge(json.len()));
        }
        let Version { format, throng } = serde_json::from_slice(json).map_err(MetadataError::Shape)?;
        if format != FORMAT {
            return Err(MetadataError::Format { throng, format });
        }
        serde_json::from_slice(json).map_err(MetadataError::Shape)
    }
}
