#![expect(unsafe_code, reason = "maps address space and gives its pages back to the kernel")]

use std::{
    io,
    ops::Range,
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::ArenaUsage;

/// Bytes of a page of the host. All lengths here are multiples of it.
pub(super) const PAGE_BYTES: usize = 4096;
const REGION_BYTES_MIN: usize = 1 << 30;
const REGION_SLOTS_MIN: usize = 64;

/// Slots of one size, cut from regions that are mapped as they are needed.
///
/// The slot that came back last is handed out first, since its pages are the
/// likeliest to be in a cache. The lock is taken once for each stack or memory
/// that a VU takes or gives back; a store keeps its stack between calls, so no
/// call takes it.
#[derive(Debug)]
pub(super) struct SlotPool {
    slot_bytes: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    free: Vec<usize>,
    used: usize,
    fresh: Range<usize>,
    regions: Vec<Region>,
}

/// A slot that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Address of its first byte, a multiple of [`PAGE_BYTES`].
    pub(super) start: usize,
    /// Whether nobody had it before: it is all zeros and untouched.
    pub(super) is_fresh: bool,
}

impl SlotPool {
    /// A pool of slots of this many bytes, a multiple of [`PAGE_BYTES`].
    pub(super) fn new(slot_bytes: usize) -> SlotPool {
        assert!(slot_bytes > 0 && slot_bytes.is_multiple_of(PAGE_BYTES));
        SlotPool { slot_bytes, slots: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // No code panics while it holds this lock between two related writes.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot.
    ///
    /// # Errors
    ///
    /// When the kernel refuses another region.
    pub(super) fn take(&self) -> io::Result<Slot> {
        let mut slots = self.lock();
        let slot = if let Some(start) = slots.free.pop() {
            Slot { start, is_fresh: false }
        } else {
            if slots.fresh.len() < self.slot_bytes {
                let bytes = REGION_BYTES_MIN.max(self.slot_bytes * REGION_SLOTS_MIN);
                let region = Region::map(bytes)?;
                slots.fresh = region.start..region.start + region.bytes;
                slots.regions.push(region);
            }
            let start = slots.fresh.start;
            slots.fresh.start += self.slot_bytes;
            Slot { start, is_fresh: true }
        };
        slots.used += 1;
        Ok(slot)
    }

    /// Takes back a slot that `take` of this pool gave out.
    pub(super) fn give_back(&self, start: usize) {
        let mut slots = self.lock();
        slots.used -= 1;
        slots.free.push(start);
    }

    pub(super) fn usage(&self) -> ArenaUsage {
        let slots = self.lock();
        ArenaUsage { slots_used: slots.used, slots_free: slots.free.len(), regions: slots.regions.len() }
    }
}

/// One private anonymous mapping.
#[derive(Debug)]
struct Region {
    start: usize,
    bytes: usize,
}

impl Region {
    fn map(bytes: usize) -> io::Result<Region> {
        // SAFETY: a new anonymous mapping at an address of the kernel's choice
        // touches no memory that exists.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // A huge page would give each VU 2 MiB for the 4 KiB it touches. Where the
        // kernel has no huge pages the call fails, and nothing is lost.
        // SAFETY: the range is the mapping just made, and the advice changes no
        // contents.
        unsafe { libc::madvise(start, bytes, libc::MADV_NOHUGEPAGE) };
        Ok(Region { start: start as usize, bytes })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and every slot holds its pool, so no
        // slot of it is in use. Should unmapping fail, address space is lost.
        unsafe { libc::munmap(self.start as *mut libc::c_void, self.bytes) };
    }
}

/// Gives the pages of a range back to the kernel; it reads as zeros afterwards.
///
/// # Errors
///
/// When the kernel refuses, the contents are as before.
///
/// # Safety
///
/// The range must lie in a slot that the caller owns, with page-aligned ends,
/// and nothing may refer to what is in it.
pub(super) unsafe fn discard(range: Range<usize>) -> io::Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    // SAFETY: the caller owns the range and nothing refers to its contents.
    let refused = unsafe { libc::madvise(range.start as *mut libc::c_void, range.len(), libc::MADV_DONTNEED) };
    if refused == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_that_came_back_last_is_taken_first() {
        let pool = SlotPool::new(PAGE_BYTES);
        let (a, b) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(a.is_fresh && b.is_fresh);
        pool.give_back(a.start);
        pool.give_back(b.start);
        let again = pool.take().unwrap();
        assert_eq!((again.start, again.is_fresh), (b.start, false));
        assert_eq!(pool.take().unwrap().start, a.start);
    }

    #[test]
    fn a_full_region_is_followed_by_another() {
        let pool = SlotPool::new(256 << 20);
        let starts: Vec<usize> = (0..REGION_SLOTS_MIN + 1).map(|_| pool.take().unwrap().start).collect();
        assert_eq!(pool.usage().regions, 2);
        let mut distinct = starts.clone();
        distinct.sort_unstable();
        assert!(distinct.windows(2).all(|w| w[1] - w[0] >= 256 << 20));
    }

    #[test]
    fn discarded_pages_read_as_zeros() {
        let pool = SlotPool::new(2 * PAGE_BYTES);
        let slot = pool.take().unwrap();
        // SAFETY: the slot is ours and two pages long.
        let bytes = unsafe { std::slice::from_raw_parts_mut(slot.start as *mut u8, 2 * PAGE_BYTES) };
        bytes.fill(7);
        // SAFETY: the second page of our slot; `bytes` is read anew below.
        unsafe { discard(slot.start + PAGE_BYTES..slot.start + 2 * PAGE_BYTES) }.unwrap();
        // SAFETY: as above.
        let bytes = unsafe { std::slice::from_raw_parts(slot.start as *const u8, 2 * PAGE_BYTES) };
        assert!(bytes[..PAGE_BYTES].iter().all(|&b| b == 7));
        assert!(bytes[PAGE_BYTES..].iter().all(|&b| b == 0));
    }
}
