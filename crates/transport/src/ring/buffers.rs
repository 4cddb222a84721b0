//! Receive buffers that the kernel picks from: one pool for all sockets of a table.
#![expect(unsafe_code, reason = "the pool's memory and its ring are shared with the kernel")]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types::BufRingEntry};

/// Bytes that one buffer holds.
pub(crate) const BUFFER_BYTES: usize = 4096;
/// Distance between two buffers. Not a power of two, since starts that are equal modulo 4 KiB would all fall into the
/// same cache sets.
const STRIDE_BYTES: usize = BUFFER_BYTES + 192;

/// How many buffers a pool has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
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
    most: u16,
}

impl BufferPool {
    /// Makes the pool and registers it with `ring` as group 0.
    pub(crate) fn register(ring: &IoUring, size: PoolSize) -> io::Result<Self> {
        let PoolSize { most, first, huge_pages } = size;
        let mut pool = Self { ring: ptr::null_mut(), memory: ptr::null_mut(), tail: 0, published: 0, held: 0, most };
        pool.ring = map(ring_bytes(most))?.cast();
        pool.memory = map(memory_bytes(most))?;
        if !huge_pages {
            // SAFETY: the advice changes how the mapping just made is backed, not what is in it.
            unsafe { libc::madvise(pool.memory.cast(), memory_bytes(most), libc::MADV_NOHUGEPAGE) };
        }
        // SAFETY: the ring's memory lives as long as the pool, and the pool as long as the ring (see `Table`).
        unsafe { ring.submitter().register_buf_ring_with_flags(pool.ring as u64, most, 0, 0)? };
        pool.grow_to(first);
        pool.publish();
        Ok(pool)
    }

    /// The first `len` bytes of buffer `id`, which a completion has named and which wasn't given back yet.
    pub(crate) fn slice(&self, id: u16, len: usize) -> &[u8] {
        assert!(id < self.most && len <= BUFFER_BYTES);
        // SAFETY: in bounds by the assertion; initialised (zeroed at first); the kernel doesn't write to a buffer
        // that it has handed over.
        unsafe { std::slice::from_raw_parts(self.memory.add(id as usize * STRIDE_BYTES), len) }
    }

    /// [`slice`](Self::slice), to be changed.
    pub(crate) fn slice_mut(&mut self, id: u16, len: usize) -> &mut [u8] {
        assert!(id < self.most && len <= BUFFER_BYTES);
        // SAFETY: as in `slice`; nobody else holds a slice of the pool, since this borrows all of it.
        unsafe { std::slice::from_raw_parts_mut(self.memory.add(id as usize * STRIDE_BYTES), len) }
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
        let index = (self.tail & (self.most - 1)) as usize;
        // SAFETY: the index is below `most`, the number of entries; between tail and the published tail only we
        // write.
        let (entry, address) = unsafe { (&mut *self.ring.add(index), self.memory.add(id as usize * STRIDE_BYTES)) };
        entry.set_addr(address as u64);
        entry.set_len(BUFFER_BYTES as u32);
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
        let count = self.published.saturating_mul(2).min(self.most);
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
                libc::munmap(self.ring.cast(), ring_bytes(self.most));
            }
            if !self.memory.is_null() {
                libc::munmap(self.memory.cast(), memory_bytes(self.most));
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

fn ring_bytes(most: u16) -> usize {
    usize::from(most) * size_of::<BufRingEntry>()
}

fn memory_bytes(most: u16) -> usize {
    usize::from(most) * STRIDE_BYTES
}
