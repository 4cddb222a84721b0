//! What the group knows of archives: their bytes lie beside the log, at most nodes, before a manifest is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::Digest;
use crate::limits::{ARCHIVE_BYTES_MAX, MANIFESTS_MAX};
use crate::refusal::Refusal;

/// An archive that most nodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name.
    pub digest: Digest,
    /// How long it is.
    pub bytes: u64,
    /// When it was added, or last asked for by a run.
    pub used: Timestamp,
}

/// All manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifests(BTreeMap<Digest, Manifest>);

impl Manifests {
    pub(crate) fn get(&self, digest: &Digest) -> Option<&Manifest> {
        self.0.get(digest)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.0.values()
    }

    /// Adds one; false if it was there. At the limit the one goes that was used longest ago and isn't in use.
    pub(crate) fn add(
        &mut self,
        (digest, bytes): (Digest, u64),
        now: Timestamp,
        in_use: impl Fn(&Digest) -> bool,
    ) -> Result<bool, Refusal> {
        if bytes > ARCHIVE_BYTES_MAX {
            return Err(Refusal::TooLarge { what: "the archive".to_owned(), limit: ARCHIVE_BYTES_MAX });
        }
        if let Some(known) = self.0.get_mut(&digest) {
            if known.bytes != bytes {
                return Err(Refusal::Invalid(format!(
                    "the archive {digest} has {} bytes, and not {bytes}; one of the two files is damaged",
                    known.bytes
                )));
            }
            known.used = now;
            return Ok(false);
        }
        if self.0.len() >= MANIFESTS_MAX {
            let unused = self.iter().filter(|one| !in_use(&one.digest));
            let oldest = unused.min_by_key(|one| (one.used, one.digest)).map(|one| one.digest);
            let limit = MANIFESTS_MAX as u64;
            let oldest = oldest.ok_or(Refusal::TooMany { what: "archives in use".to_owned(), limit })?;
            self.0.remove(&oldest);
        }
        self.0.insert(digest, Manifest { digest, bytes, used: now });
        Ok(true)
    }

    pub(crate) fn touch(&mut self, digest: &Digest, now: Timestamp) {
        if let Some(known) = self.0.get_mut(digest) {
            known.used = now;
        }
    }

    pub(crate) fn remove(&mut self, digest: &Digest) -> bool {
        self.0.remove(digest).is_some()
    }
}
