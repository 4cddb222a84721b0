//! The newest snapshot, in a file of its own beside the log.

use std::io;

use bytes::Bytes;

use super::encoding::{seal, unseal};
use super::store::StoreError;
use super::{Snapshot, SnapshotMeta};
use crate::environment::Disk;

/// The largest snapshot.
pub const SNAPSHOT_BYTES_MAX: u64 = 512 << 20;

const FILE: &str = "snapshot";
/// While it is written.
const NEW_FILE: &str = "snapshot.new";
/// What the file begins with.
const MAGIC: &[u8; 8] = b"throngS1";
/// The magic, and the lengths of what follows: the sealed metadata, and the state.
const HEAD_BYTES: usize = 20;
/// Bytes that are written at a time.
const PART_BYTES: usize = 1 << 20;

/// Makes a snapshot durable, in place of the one before.
pub(super) fn write(disk: &dyn Disk, snapshot: &Snapshot) -> io::Result<()> {
    let body = &snapshot.snapshot;
    let meta = seal(&(&snapshot.meta, crc32fast::hash(body)));
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&u32::try_from(meta.len()).map_err(io::Error::other)?.to_le_bytes());
    head.extend_from_slice(&(body.len() as u64).to_le_bytes());
    head.extend_from_slice(&meta);
    disk.remove(NEW_FILE)?;
    disk.write(NEW_FILE, 0, &head)?;
    let mut offset = head.len() as u64;
    for part in body.chunks(PART_BYTES) {
        disk.write(NEW_FILE, offset, part)?;
        offset += part.len() as u64;
    }
    disk.sync(NEW_FILE)?;
    disk.rename(NEW_FILE, FILE)
}

/// The snapshot, if there is one.
pub(super) fn read(disk: &dyn Disk) -> Result<Option<Snapshot>, StoreError> {
    let place = disk.place();
    let damaged = |why: &str| StoreError::Damaged { place: place.clone(), what: FILE.to_owned(), why: why.to_owned() };
    let io = |source| StoreError::Io { place: place.clone(), source };
    let Some(length) = disk.length(FILE).map_err(io)? else { return Ok(None) };
    let head = disk.read(FILE, 0, HEAD_BYTES).map_err(io)?;
    let (magic, lengths) = head.split_at_checked(MAGIC.len()).ok_or_else(|| damaged("it is too short"))?;
    let (Some((meta_bytes, rest)), true) = (lengths.split_first_chunk(), magic == MAGIC) else {
        return Err(damaged("it begins with something else"));
    };
    let body_bytes = rest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let meta_bytes = u64::from(u32::from_le_bytes(*meta_bytes));
    if body_bytes > SNAPSHOT_BYTES_MAX || HEAD_BYTES as u64 + meta_bytes + body_bytes != length {
        return Err(damaged("it has another length than it says"));
    }
    let rest = disk.read(FILE, HEAD_BYTES as u64, usize::try_from(length).unwrap_or(usize::MAX)).map_err(io)?;
    let mut rest = Bytes::from(rest);
    let meta = rest.split_to(usize::try_from(meta_bytes).unwrap_or(usize::MAX).min(rest.len()));
    let (meta, checksum): (SnapshotMeta, u32) =
        unseal(&meta).map_err(|error| StoreError::undecodable(&place, FILE, error))?;
    if crc32fast::hash(&rest) != checksum {
        return Err(damaged("its checksum is another one"));
    }
    Ok(Some(Snapshot { meta, snapshot: rest }))
}
