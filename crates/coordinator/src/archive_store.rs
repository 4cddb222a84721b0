//! Archives beside the log: files named by their digests.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use throng_control::Digest;
use throng_control::limits::ARCHIVE_BYTES_MAX;

use crate::environment::{Disk, Environment};

/// Bytes of all archives of a node.
pub const ARCHIVES_BYTES_MAX: u64 = 64 << 30;
/// Archives that come in at a time.
pub const UPLOADS_MAX: usize = 8;
/// Bytes of an archive in one message.
pub const PART_BYTES_MAX: usize = 256 << 10;

const DIRECTORY: &str = "archives";
/// Of what hasn't come as a whole yet.
const PART: &str = ".part";

/// Why an archive isn't kept.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is too large.
    #[error("the archive has {bytes} bytes; at most {ARCHIVE_BYTES_MAX} may be")]
    TooLarge {
        /// How large it is.
        bytes: u64,
    },
    /// There is no room by our own limit.
    #[error("the archives of this node would have more than {ARCHIVES_BYTES_MAX} bytes: remove some first")]
    Full,
    /// Too many come in.
    #[error("{UPLOADS_MAX} archives come in at the moment, which is as many as may: try again in a while")]
    Busy,
    /// The same one comes in already.
    #[error("the archive {0} comes in already: try again in a while")]
    ComesIn(Digest),
    /// It isn't what it is said to be.
    #[error("what came isn't the archive {expected}: {why}; send it again")]
    Other {
        /// What was to come.
        expected: Digest,
        /// What is wrong.
        why: String,
    },
    /// There is none.
    #[error("there is no archive {0} here")]
    Unknown(Digest),
    /// The disk.
    #[error("archives can't be read or written in the data directory ({0}): make room there")]
    Disk(io::Error),
}

/// The archives of a node. Clones are the same one.
#[derive(Clone)]
pub struct ArchiveStore {
    environment: Environment,
    /// Those that come in.
    incoming: Arc<Mutex<BTreeSet<Digest>>>,
}

/// An archive that comes in. What has come stays when it is dropped, and is gone on with by the next one.
pub(crate) struct Incoming {
    store: ArchiveStore,
    digest: Digest,
    bytes: u64,
    written: u64,
    hash: Sha256,
}

fn name(digest: &Digest) -> String {
    format!("{DIRECTORY}/{digest}")
}

fn part_name(digest: &Digest) -> String {
    format!("{DIRECTORY}/{digest}{PART}")
}

impl ArchiveStore {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, incoming: Arc::default() }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        self.environment.on_disk(work).await.map_err(ArchiveError::Disk)
    }

    /// How large an archive is, if it is here as a whole.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn length(&self, digest: Digest) -> Result<Option<u64>, ArchiveError> {
        self.on_disk(move |disk| disk.length(&name(&digest))).await
    }

    /// The next bytes of an archive from an offset on, at most [`PART_BYTES_MAX`]; none at its end.
    ///
    /// # Errors
    /// When there is no such archive, or the disk fails.
    pub async fn read(&self, digest: Digest, offset: u64) -> Result<Vec<u8>, ArchiveError> {
        let read = self.on_disk(move |disk| disk.read(&name(&digest), offset, PART_BYTES_MAX)).await;
        read.map_err(|error| match error {
            ArchiveError::Disk(error) if error.kind() == io::ErrorKind::NotFound => ArchiveError::Unknown(digest),
            error => error,
        })
    }

    /// Removes an archive.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn remove(&self, digest: Digest) -> Result<(), ArchiveError> {
        self.on_disk(move |disk| disk.remove(&name(&digest))).await
    }

    /// Removes what an earlier life of the node has left of archives that hadn't come as a whole.
    pub(crate) async fn remove_parts(&self) -> Result<(), ArchiveError> {
        let removing = self.on_disk(|disk| {
            let mut parts = disk.list(DIRECTORY)?.into_iter().filter(|file| file.ends_with(PART));
            parts.try_for_each(|part| disk.remove(&format!("{DIRECTORY}/{part}")))
        });
        removing.await
    }

    /// All archives that are here as a whole.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn list(&self) -> Result<BTreeSet<Digest>, ArchiveError> {
        let names = self.on_disk(|disk| disk.list(DIRECTORY)).await?;
        Ok(names.iter().filter_map(|name| Digest::parse(name)).collect())
    }

    /// Begins to take an archive in, from where an earlier try left off if `resume`.
    pub(crate) async fn begin(&self, digest: Digest, bytes: u64, resume: bool) -> Result<Incoming, ArchiveError> {
        if bytes > ARCHIVE_BYTES_MAX {
            return Err(ArchiveError::TooLarge { bytes });
        }
        {
            let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
            if incoming.contains(&digest) {
                return Err(ArchiveError::ComesIn(digest));
            }
            if incoming.len() >= UPLOADS_MAX {
                return Err(ArchiveError::Busy);
            }
            incoming.insert(digest);
        }
        // From here on its place is given back when it is dropped.
        let mut begun = Incoming { store: self.clone(), digest, bytes, written: 0, hash: Sha256::new() };
        let used = self.on_disk(move |disk| {
            if !resume {
                disk.remove(&part_name(&digest))?;
            }
            let mut used = 0;
            for file in disk.list(DIRECTORY)? {
                used += disk.length(&format!("{DIRECTORY}/{file}"))?.unwrap_or(0);
            }
            Ok(used)
        });
        if used.await?.saturating_add(bytes) > ARCHIVES_BYTES_MAX {
            return Err(ArchiveError::Full);
        }
        begun.take_up().await?;
        Ok(begun)
    }
}

impl Incoming {
    /// Reads what an earlier try has left.
    async fn take_up(&mut self) -> Result<(), ArchiveError> {
        let digest = self.digest;
        loop {
            let offset = self.written;
            let read = self.store.on_disk(move |disk| match disk.length(&part_name(&digest))? {
                Some(length) if length > offset => disk.read(&part_name(&digest), offset, PART_BYTES_MAX),
                _ => Ok(Vec::new()),
            });
            let bytes = read.await?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.hash.update(&bytes);
            self.written += bytes.len() as u64;
        }
    }

    /// How much of it is here.
    pub(crate) fn offset(&self) -> u64 {
        self.written
    }

    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, bytes: bytes::Bytes) -> Result<(), ArchiveError> {
        if self.written + bytes.len() as u64 > self.bytes {
            return Err(self.other("it is longer than it was said to be"));
        }
        self.hash.update(&bytes);
        let (digest, offset, length) = (self.digest, self.written, bytes.len() as u64);
        self.store.on_disk(move |disk| disk.write(&part_name(&digest), offset, &bytes)).await?;
        self.written += length;
        Ok(())
    }

    /// Makes it durable, if it is the one that was to come; else what came is thrown away.
    pub(crate) async fn finish(self) -> Result<(), ArchiveError> {
        let digest = self.digest;
        if self.written != self.bytes {
            return Err(self.other(&format!("{} of {} bytes came", self.written, self.bytes)));
        }
        if self.hash.clone().finalize()[..] != digest.0 {
            self.store.on_disk(move |disk| disk.remove(&part_name(&digest))).await?;
            return Err(self.other("its digest is another one"));
        }
        let is_empty = self.bytes == 0;
        let finishing = self.store.on_disk(move |disk| {
            if is_empty {
                disk.write(&part_name(&digest), 0, &[])?;
            }
            disk.sync(&part_name(&digest))?;
            disk.rename(&part_name(&digest), &name(&digest))
        });
        finishing.await
    }

    fn other(&self, why: &str) -> ArchiveError {
        ArchiveError::Other { expected: self.digest, why: why.to_owned() }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.store.incoming.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.digest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::environment::{DiskImage, Simulation, SystemClock, SystemNetwork};

    fn store(image: &DiskImage) -> ArchiveStore {
        ArchiveStore::new(Environment {
            network: Arc::new(SystemNetwork),
            disk: Arc::new(image.start(Duration::ZERO)),
            clock: Arc::new(SystemClock),
            seed: 1,
            simulation: Simulation::default(),
        })
    }

    fn digest(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    #[tokio::test]
    async fn an_archive_is_durable_once_it_is_finished_and_is_gone_on_with_when_cut() {
        let (image, content) = (DiskImage::default(), b"some archive".as_slice());
        let archive = digest(content);
        let before = store(&image);
        let mut incoming = before.begin(archive, 12, true).await.unwrap();
        incoming.write(content[..5].into()).await.unwrap();
        assert!(matches!(before.begin(archive, 12, true).await, Err(ArchiveError::ComesIn(_))));
        drop(incoming);
        let mut again = before.begin(archive, 12, true).await.unwrap();
        assert_eq!(again.offset(), 5);
        again.write(content[5..].into()).await.unwrap();
        assert_eq!(before.length(archive).await.unwrap(), None);
        again.finish().await.unwrap();
        let after = store(&image);
        assert_eq!(after.length(archive).await.unwrap(), Some(12));
        assert_eq!(after.read(archive, 5).await.unwrap(), &content[5..]);
        assert!(after.read(archive, 12).await.unwrap().is_empty());
        after.remove(archive).await.unwrap();
        assert!(matches!(after.read(archive, 0).await, Err(ArchiveError::Unknown(_))));
    }

    #[tokio::test]
    async fn what_is_another_archive_is_thrown_away() {
        let store = store(&DiskImage::default());
        let archive = digest(b"one");
        let mut incoming = store.begin(archive, 3, true).await.unwrap();
        incoming.write(b"two".as_slice().into()).await.unwrap();
        let error = incoming.finish().await.unwrap_err();
        assert!(error.to_string().contains("digest is another one"), "{error}");
        assert_eq!(store.begin(archive, 3, true).await.unwrap().offset(), 0);
        let mut left = store.begin(archive, 3, true).await.unwrap();
        left.write(b"on".as_slice().into()).await.unwrap();
        drop(left);
        store.remove_parts().await.unwrap();
        assert_eq!(store.begin(archive, 3, true).await.unwrap().offset(), 0);
        assert!(store.list().await.unwrap().is_empty());
        let mut long = store.begin(archive, 2, false).await.unwrap();
        assert!(matches!(long.write(b"one".as_slice().into()).await, Err(ArchiveError::Other { .. })));
        drop(long);
        let short = store.begin(archive, 3, false).await.unwrap();
        assert!(matches!(short.finish().await, Err(ArchiveError::Other { .. })));
        let huge = store.begin(archive, ARCHIVE_BYTES_MAX + 1, false).await;
        assert!(matches!(huge, Err(ArchiveError::TooLarge { .. })));
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_nothing_is_kept() {
        let image = DiskImage::default();
        let store = store(&image);
        image.limit(Some(4));
        let mut incoming = store.begin(digest(b"longer"), 6, false).await.unwrap();
        let error = incoming.write(b"longer".as_slice().into()).await.unwrap_err();
        assert!(matches!(&error, ArchiveError::Disk(error) if error.kind() == io::ErrorKind::StorageFull), "{error}");
    }
}
