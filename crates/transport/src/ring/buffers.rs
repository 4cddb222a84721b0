//! Receive buffers that the kernel picks from: one pool for all connections of a table, and one for its datagrams.
#![expect(unsafe_code, reason = "the pool's memory and its ring are shared with the kernel")]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types::BufRingEntry};

/// By how much two buffers are farther apart than they are long. Their distance is no power of two, since starts that are
/// equal modulo 4 KiB would all fall into the same cache sets.
const GAP_BYTES: usize = 192;

/// Which pool of a ring: the number by which a receive names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Group {
    Streams = 0,
    Datagrams = 1,
}

/// What buffers a pool has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    /// Bytes that one buffer holds.
    pub(crate) bytes: u32,
    /// Most buffers that it grows to; a power of two.
    pub(crate) most: u16,
    /// Buffers handed out at first. The kernel takes them in turn, so a small pool stays in the cache.
    pub(crate) first: u16,
    /// Whether it may lie in huge pages, which are touched as a whole.
    pub(crate) huge_pages: bool,
}

/// The pool. A buffer is either with the kernel or, after a completion named it, with us until [`give`](Self::give).
pub(crate) struct BufferPool {
    ring: *mut BufRingEntry,
    memory: *mut u8,
    tail: u16,
    /// Buffers ever handed to the kernel: `0..published`.
    published: u16,
    held: u16,
    size: PoolSize,
}

impl BufferPool {
    /// Makes the pool and registers it with `ring`.
    pub(crate) fn register(ring: &IoUring, group: Group, size: PoolSize) -> io::Result<Self> {
        let mut pool = Self { ring: ptr::null_mut(), memory: ptr::null_mut(), tail: 0, published: 0, held: 0, size };
        pool.ring = map(size.ring_bytes())?.cast();
        pool.memory = map(size.memory_bytes())?;
        if !size.huge_pages {
            // SAFETY: the advice changes how the mapping just made is backed, not what is in it.
            unsafe { libc::madvise(pool.memory.cast(), size.memory_bytes(), libc::MADV_NOHUGEPAGE) };
        }
        // SAFETY: the ring's memory lives as long as the pool, and the pool as long as the ring (see `Table`).
        unsafe { ring.submitter().register_buf_ring_with_flags(pool.ring as u64, size.most, group as u16, 0)? };
        pool.grow_to(size.first);
        pool.publish();
        Ok(pool)
    }

    /// The first `len` bytes of buffer `id`, which a completion has named and which wasn't given back yet.
    pub(crate) fn slice(&self, id: u16, len: usize) -> &[u8] {
        assert!(id < self.size.most && len <= self.size.bytes as usize);
        // SAFETY: in bounds by the assertion; initialised (zeroed at first); the kernel doesn't write to a buffer
        // that it has handed over.
        unsafe { std::slice::from_raw_parts(self.memory.add(id as usize * self.size.stride()), len) }
    }

    /// [`slice`](Self::slice), to be changed.
    pub(crate) fn slice_mut(&mut self, id: u16, len: usize) -> &mut [u8] {
        assert!(id < self.size.most && len <= self.size.bytes as usize);
        // SAFETY: as in `slice`; nobody else holds a slice of the pool, since this borrows all of it.
        unsafe { std::slice::from_raw_parts_mut(self.memory.add(id as usize * self.size.stride()), len) }
    }

    /// Notes that a completion handed a buffer over.
    pub(crate) fn taken(&mut self) {
        self.held += 1;
    }

    /// Gives buffer `id` back to the kernel; it sees it after the next [`publish`](Self::publish).
    pub(crate) fn give(&mut self, id: u16) {
        self.held -= 1;
        self.add(id);
    }

    fn add(&mut self, id: u16) {
        let (index, offset) = ((self.tail & (self.size.most - 1)) as usize, id as usize * self.size.stride());
        // SAFETY: the index is below `most`, the number of entries; between tail and the published tail only we
        // write.
        let (entry, address) = unsafe { (&mut *self.ring.add(index), self.memory.add(offset)) };
        entry.set_addr(address as u64);
        entry.set_len(self.size.bytes);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn grow_to(&mut self, count: u16) {
        for id in self.published..count {
            self.add(id);
        }
        self.published = count;
    }

    /// Doubles the pool; false once it is as large as it gets.
    pub(crate) fn grow(&mut self) -> bool {
        let count = self.published.saturating_mul(2).min(self.size.most);
        let grown = count > self.published;
        self.grow_to(count);
        grown
    }

    /// Whether the kernel has any buffer left.
    pub(crate) fn available(&self) -> bool {
        self.held < self.published
    }

    /// Shows the kernel what was given back.
    pub(crate) fn publish(&self) {
        // SAFETY: the tail's address lies in the ring's first entry, which is aligned and lives as long as `self`;
        // the kernel only reads it.
        let tail = unsafe { &*BufRingEntry::tail(self.ring).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for BufferPool {
    fn drop(&mut self) {
        // SAFETY: both were mapped with these lengths; a table drops its ring first.
        unsafe {
            if !self.ring.is_null() {
                libc::munmap(self.ring.cast(), self.size.ring_bytes());
            }
            if !self.memory.is_null() {
                libc::munmap(self.memory.cast(), self.size.memory_bytes());
            }
        }
    }
}

/// Memory from the kernel, aligned to pages as io_uring asks of a buffer ring. Zeroed memory of an allocator would be
/// written to at once, and take its whole size.
fn map(bytes: usize) -> io::Result<*mut u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
    let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if memory == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(memory.cast()) }
}

impl PoolSize {
    /// From one buffer's beginning to the next one's.
    fn stride(self) -> usize {
        self.bytes as usize + GAP_BYTES
    }

    fn ring_bytes(self) -> usize {
        usize::from(self.most) * size_of::<BufRingEntry>()
    }

    fn memory_bytes(self) -> usize {
        usize::from(self.most) * self.stride()
    }
}
