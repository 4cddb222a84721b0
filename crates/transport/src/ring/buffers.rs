//! Receive buffers that the kernel picks from: one pool for all sockets of a ring.
#![expect(unsafe_code, reason = "the pool's memory and its ring are shared with the kernel")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types::BufRingEntry};

/// Bytes that one buffer holds.
pub(crate) const BUFFER_BYTES: usize = 4096;
/// Distance between two buffers. Not a power of two, since starts that are equal modulo 4 KiB would all fall into the
/// same cache sets.
const STRIDE_BYTES: usize = BUFFER_BYTES + 192;
/// Most buffers a pool grows to.
const BUFFERS_MAX: u16 = 4096;
/// Buffers handed out at first. The kernel takes them in turn, so a small pool stays in the cache.
const BUFFERS_FIRST: u16 = 256;

/// The pool. A buffer is either with the kernel or, after a completion named it, with us until [`give`](Self::give).
pub(crate) struct BufferPool {
    ring: *mut BufRingEntry,
    memory: *mut u8,
    tail: u16,
    /// Buffers ever handed to the kernel: `0..published`.
    published: u16,
    held: u16,
}

impl BufferPool {
    /// Makes the pool and registers it with `ring` as group 0.
    pub(crate) fn register(ring: &IoUring) -> io::Result<Self> {
        let pool = Self {
            ring: allocate(ring_layout()).cast(),
            memory: allocate(memory_layout()),
            tail: 0,
            published: 0,
            held: 0,
        };
        // SAFETY: the ring's memory lives as long as the pool, and the pool as long as the ring (see `Driver`).
        unsafe { ring.submitter().register_buf_ring_with_flags(pool.ring as u64, BUFFERS_MAX, 0, 0)? };
        let mut pool = pool;
        pool.grow_to(BUFFERS_FIRST);
        pool.publish();
        Ok(pool)
    }

    /// The first `len` bytes of buffer `id`, which a completion has named and which wasn't given back yet.
    pub(crate) fn slice(&self, id: u16, start: usize, len: usize) -> &[u8] {
        assert!(id < BUFFERS_MAX && start + len <= BUFFER_BYTES);
        // SAFETY: in bounds by the assertion; initialised (zeroed at first); the kernel doesn't write to a buffer
        // that it has handed over.
        unsafe { std::slice::from_raw_parts(self.memory.add(id as usize * STRIDE_BYTES + start), len) }
    }

    /// [`slice`](Self::slice), to be changed.
    pub(crate) fn slice_mut(&mut self, id: u16, start: usize, len: usize) -> &mut [u8] {
        assert!(id < BUFFERS_MAX && start + len <= BUFFER_BYTES);
        // SAFETY: as in `slice`; nobody else holds a slice of the pool, since this borrows all of it.
        unsafe { std::slice::from_raw_parts_mut(self.memory.add(id as usize * STRIDE_BYTES + start), len) }
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
        let index = (self.tail & (BUFFERS_MAX - 1)) as usize;
        // SAFETY: the index is below BUFFERS_MAX, the number of entries; between tail and the published tail only we
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
        let count = self.published.saturating_mul(2).min(BUFFERS_MAX);
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
        // SAFETY: both were allocated with these layouts; the driver drops the ring first.
        unsafe {
            dealloc(self.ring.cast(), ring_layout());
            dealloc(self.memory, memory_layout());
        }
    }
}

fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: the layouts below aren't of size zero.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
}

fn ring_layout() -> Layout {
    layout(BUFFERS_MAX as usize * size_of::<BufRingEntry>())
}

fn memory_layout() -> Layout {
    layout(BUFFERS_MAX as usize * STRIDE_BYTES)
}

/// Page-aligned, as io_uring asks of a buffer ring.
fn layout(bytes: usize) -> Layout {
    match Layout::from_size_align(bytes, 4096) {
        Ok(layout) => layout,
        Err(_) => unreachable!("constant sizes are in range"),
    }
}
