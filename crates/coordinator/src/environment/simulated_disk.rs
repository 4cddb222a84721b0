//! A disk in memory that a crash takes back to what was synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::StorageBackend;

use super::{DATABASE, Disk};

/// What outlives a node: its files. All disks that were opened from one image share it.
#[derive(Clone, Debug, Default)]
pub struct DiskImage(Arc<Mutex<Image>>);

#[derive(Debug, Default)]
struct Image {
    files: BTreeMap<String, Content>,
    /// The life that may write: those before a crash can't any more.
    life: u64,
    capacity: Option<u64>,
    lies: bool,
}

/// A file as it is read, and as a crash leaves it.
#[derive(Debug, Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    /// Where they may differ.
    changed: Vec<(usize, usize)>,
    /// Whether the name is durable.
    named: bool,
}

/// A disk over an image, until the image crashes.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    image: DiskImage,
    life: u64,
    delay: Duration,
}

impl DiskImage {
    /// The disk as a node that starts now finds it: what wasn't synced is lost, and what ran before writes no more.
    /// A sync takes `delay`.
    #[must_use]
    pub fn start(&self, delay: Duration) -> SimulatedDisk {
        self.crash(|| false);
        SimulatedDisk { image: self.clone(), life: self.lock().life, delay }
    }

    /// The disk as a node finds it that starts on a machine which went on: all that was written is there.
    #[must_use]
    pub fn start_again(&self, delay: Duration) -> SimulatedDisk {
        let mut image = self.lock();
        image.life += 1;
        SimulatedDisk { image: self.clone(), life: image.life, delay }
    }

    /// Takes the power away: of what wasn't synced each write is there afterwards only if `survives` says so.
    pub fn crash(&self, mut survives: impl FnMut() -> bool) {
        let mut image = self.lock();
        image.life += 1;
        image.files.retain(|_, content| {
            content.crash(&mut survives);
            content.named
        });
    }

    /// Has it be full when its files have so many bytes.
    pub fn limit(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Has syncs do nothing, and say that they did.
    pub fn lie(&self, lies: bool) {
        self.lock().lies = lies;
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().bytes()
    }

    /// Changes a file, as a damage would.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(content) = self.lock().files.get_mut(name) {
            change(&mut content.durable);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Image> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Image {
    fn bytes(&self) -> u64 {
        self.files.values().map(|content| content.current.len() as u64).sum()
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.current.len() {
            self.current.resize(end, 0);
        }
        self.current[offset..end].copy_from_slice(bytes);
        self.changed.push((offset, end));
    }

    fn resize(&mut self, length: usize) {
        let before = self.current.len();
        self.current.resize(length, 0);
        if length > before {
            self.changed.push((before, length));
        }
    }

    fn crash(&mut self, mut survives: impl FnMut() -> bool) {
        let durable = self.durable.len();
        self.durable.resize(durable.max(self.current.len()), 0);
        let mut length = durable;
        for (from, to) in self.changed.drain(..) {
            let to = to.min(self.current.len());
            if from < to && survives() {
                self.durable[from..to].copy_from_slice(&self.current[from..to]);
                length = length.max(to);
            }
        }
        self.durable.truncate(length);
        self.current.clone_from(&self.durable);
    }

    fn sync(&mut self) {
        self.durable.resize(self.current.len(), 0);
        for (from, to) in self.changed.drain(..) {
            let to = to.min(self.current.len());
            if from < to {
                self.durable[from..to].copy_from_slice(&self.current[from..to]);
            }
        }
        self.named = true;
    }
}

impl SimulatedDisk {
    /// The image, if this life of it isn't over.
    fn image(&self) -> io::Result<MutexGuard<'_, Image>> {
        let image = self.image.lock();
        if image.life != self.life {
            return Err(io::Error::other("the node has crashed"));
        }
        Ok(image)
    }

    fn change<T>(&self, name: &str, growth: u64, change: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let mut image = self.image()?;
        let used = image.bytes();
        if image.capacity.is_some_and(|capacity| growth > 0 && used + growth > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(change(image.files.entry(name.to_owned()).or_default()))
    }

    fn growth(&self, name: &str, end: u64) -> io::Result<u64> {
        Ok(end.saturating_sub(self.length(name)?.unwrap_or(0)))
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl Disk for SimulatedDisk {
    fn database(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.change(DATABASE, 0, |content| content.named = true)?;
        Ok(Box::new(self.clone()))
    }

    fn length(&self, name: &str) -> io::Result<Option<u64>> {
        Ok(self.image()?.files.get(name).map(|content| content.current.len() as u64))
    }

    fn read(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let image = self.image()?;
        let content = image.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        let from = index(offset)?.min(content.current.len());
        Ok(content.current[from..from.saturating_add(bytes).min(content.current.len())].to_vec())
    }

    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let growth = self.growth(name, offset + bytes.len() as u64)?;
        let offset = index(offset)?;
        self.change(name, growth, |content| content.write(offset, bytes))
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let lies = self.image()?.lies;
        self.change(name, 0, |content| {
            if !lies {
                content.sync()
            }
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut image = self.image()?;
        let mut content = image.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        content.named = true;
        image.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.image()?.files.remove(name);
        Ok(())
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let image = self.image()?;
        let within = image.files.keys().filter_map(|name| name.strip_prefix(directory)?.strip_prefix('/'));
        Ok(within.map(str::to_owned).collect())
    }

    fn place(&self) -> String {
        "a simulated disk".to_owned()
    }

    fn simulated_delay(&self) -> Option<Duration> {
        Some(self.delay)
    }
}

impl StorageBackend for SimulatedDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length(DATABASE)?.unwrap_or(0))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = Disk::read(self, DATABASE, offset, out.len())?;
        if bytes.len() < out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.copy_from_slice(&bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let growth = self.growth(DATABASE, len)?;
        let len = index(len)?;
        self.change(DATABASE, growth, |content| content.resize(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(DATABASE)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        Disk::write(self, DATABASE, offset, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_takes_what_was_not_synced() {
        let image = DiskImage::default();
        let disk = image.start(Duration::ZERO);
        Disk::write(&disk, "a", 0, b"kept").unwrap();
        disk.sync("a").unwrap();
        Disk::write(&disk, "a", 2, b"lost").unwrap();
        Disk::write(&disk, "b", 0, b"lost").unwrap();
        assert_eq!(Disk::read(&disk, "a", 0, 9).unwrap(), b"kelost");
        let later = image.start(Duration::ZERO);
        assert_eq!(Disk::read(&later, "a", 0, 9).unwrap(), b"kept");
        assert_eq!(later.length("b").unwrap(), None);
        // Where the machine goes on nothing is lost; nor need what wasn't synced be when it doesn't.
        Disk::write(&later, "a", 4, b"!").unwrap();
        let again = image.start_again(Duration::ZERO);
        assert_eq!(Disk::read(&again, "a", 0, 9).unwrap(), b"kept!");
        let mut survives = [true, false].into_iter();
        Disk::write(&again, "a", 5, b"?").unwrap();
        image.crash(|| survives.next().unwrap());
        let later = image.start(Duration::ZERO);
        assert_eq!(Disk::read(&later, "a", 0, 9).unwrap(), b"kept!");
        // What crashed writes no more.
        assert!(Disk::write(&disk, "a", 0, b"late").is_err());
        image.limit(Some(6));
        Disk::write(&later, "a", 4, b"56").unwrap();
        assert_eq!(Disk::write(&later, "a", 6, b"7").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
