#![expect(unsafe_code, reason = "wasmtime takes linear memories through unsafe traits, and growth copies raw memory")]

use std::{io, ptr, slice, sync::Arc};

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::{
    ArenaUsage,
    pool::{PAGE_BYTES, SlotPool, discard},
};

const SMALLEST_BYTES: usize = 128 << 10;
const WASM_PAGE_BYTES: usize = 64 << 10;

/// The linear memories of all VUs of an engine, in size classes of powers of
/// two from 128 KiB.
///
/// A memory begins in the smallest class that has room for its minimum and one
/// page more, and moves to a larger one when it outgrows that. Compiled code
/// checks bounds itself, so there are no guard pages.
#[derive(Debug)]
pub(crate) struct MemoryArena {
    /// Slots of class `i` have `SMALLEST_BYTES << i` bytes.
    classes: Arc<[SlotPool]>,
}

impl MemoryArena {
    /// Classes up to the first that holds `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> MemoryArena {
        let largest = limit_bytes.max(SMALLEST_BYTES).next_power_of_two();
        let count = (largest / SMALLEST_BYTES).trailing_zeros() + 1;
        MemoryArena { classes: (0..count).map(|class| SlotPool::new(SMALLEST_BYTES << class)).collect() }
    }

    pub(crate) fn usage(&self) -> ArenaUsage {
        self.classes.iter().fold(ArenaUsage::default(), |sum, class| sum.plus(class.usage()))
    }

    fn take(&self, minimum: usize) -> io::Result<Memory> {
        let wanted = minimum.saturating_add(WASM_PAGE_BYTES);
        // The largest class may have no room for a page more.
        let class = class_for(&self.classes, wanted).or_else(|_| class_for(&self.classes, minimum))?;
        Ok(Memory { block: Block::take(&self.classes, class)?, len: minimum, classes: Arc::clone(&self.classes) })
    }
}

/// The smallest class with room for this many bytes.
fn class_for(classes: &[SlotPool], bytes: usize) -> io::Result<usize> {
    (0..classes.len())
        .find(|class| bytes <= SMALLEST_BYTES << class)
        .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
}

// SAFETY: each memory is a slot of its own, all zeros (see `Memory::drop`), with
// as many accessible bytes as it says. Guard pages and reservations, which there
// are none of, are refused, so compiled code checks bounds itself.
unsafe impl MemoryCreator for MemoryArena {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        if reserved_size_in_bytes.is_some_and(|bytes| bytes > 0) || guard_size_in_bytes > 0 {
            return Err("memories have neither reservations nor guard pages".to_owned());
        }
        let memory = self.take(minimum).map_err(|e| format!("no memory for a VU: {e}"))?;
        Ok(Box::new(memory))
    }
}

/// A slot of some class.
#[derive(Debug, Clone, Copy)]
struct Block {
    class: usize,
    start: usize,
}

impl Block {
    fn take(classes: &[SlotPool], class: usize) -> io::Result<Block> {
        Ok(Block { class, start: classes[class].take()?.start })
    }

    fn room(self) -> usize {
        SMALLEST_BYTES << self.class
    }

    /// Gives the slot back with `len` bytes of the memory zeroed.
    fn give_back(self, classes: &[SlotPool], len: usize) {
        let end = self.start + len.next_multiple_of(PAGE_BYTES);
        // SAFETY: the slot is ours and at least `len` bytes long; its memory is gone
        // or was moved.
        if unsafe { discard(self.start..end) }.is_err() {
            // SAFETY: as above; the slot must be zeros before it is used again.
            unsafe { ptr::write_bytes(self.start as *mut u8, 0, len) };
        }
        classes[self.class].give_back(self.start);
    }
}

/// One linear memory in use.
#[derive(Debug)]
struct Memory {
    block: Block,
    len: usize,
    classes: Arc<[SlotPool]>,
}

// SAFETY: `len` bytes from the base, and as many as the capacity says, are
// readable, writable and this value's alone. Within the capacity the base stays.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.len
    }

    fn byte_capacity(&self) -> usize {
        self.block.room()
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.block.room() {
            let class = class_for(&self.classes, new_size)?;
            let larger = Block::take(&self.classes, class)?;
            // SAFETY: both blocks are ours, distinct, and have room for `len` bytes;
            // the new one is all zeros.
            unsafe { copy_sparse(self.block.start, larger.start, self.len) };
            self.block.give_back(&self.classes, self.len);
            self.block = larger;
        }
        self.len = new_size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.block.start as *mut u8
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.block.give_back(&self.classes, self.len);
    }
}

/// Copies `len` bytes to memory that is all zeros, and leaves out what is zero:
/// pages that a guest never wrote take no memory after a move either.
///
/// # Safety
///
/// `from` must be readable and `to` writable for `len` bytes; they may not
/// overlap, nor may others write to them.
unsafe fn copy_sparse(from: usize, to: usize, len: usize) {
    let mut done = 0;
    while done < len {
        // Slots begin at a page, so a piece is a page of both.
        let piece = PAGE_BYTES.min(len - done);
        // SAFETY: `done + piece <= len`, so the caller's promise covers both.
        unsafe {
            let source = slice::from_raw_parts((from + done) as *const u8, piece);
            if source.iter().any(|&byte| byte != 0) {
                ptr::copy_nonoverlapping(source.as_ptr(), (to + done) as *mut u8, piece);
            }
        }
        done += piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(memory: &mut Memory) -> &mut [u8] {
        // SAFETY: a memory's bytes are its own while it is borrowed.
        unsafe { slice::from_raw_parts_mut(memory.as_ptr(), memory.byte_size()) }
    }

    #[test]
    fn a_memory_begins_with_room_for_a_page_more() {
        let arena = MemoryArena::new(64 << 20);
        for (minimum, room) in [
            (0, 128 << 10),
            (64 << 10, 128 << 10),
            (128 << 10, 256 << 10),
            (17 * WASM_PAGE_BYTES, 2 << 20),
            (64 << 20, 64 << 20),
        ] {
            assert_eq!(arena.take(minimum).unwrap().byte_capacity(), room);
        }
        assert!(arena.take((64 << 20) + 1).is_err());
    }

    #[test]
    fn growth_within_the_capacity_keeps_the_base() {
        let mut memory = MemoryArena::new(1 << 20).take(64 << 10).unwrap();
        let base = memory.as_ptr();
        memory.grow_to(128 << 10).unwrap();
        assert_eq!(memory.as_ptr(), base);
        memory.grow_to(192 << 10).unwrap();
        assert_ne!(memory.as_ptr(), base);
    }

    #[test]
    fn growth_past_the_largest_class_fails_and_changes_nothing() {
        let mut memory = MemoryArena::new(1 << 20).take(64 << 10).unwrap();
        bytes(&mut memory).fill(3);
        assert!(memory.grow_to((1 << 20) + 1).is_err());
        assert_eq!(memory.byte_size(), 64 << 10);
        assert!(bytes(&mut memory).iter().all(|&b| b == 3));
    }

    proptest! {
        #[test]
        fn a_moving_memory_keeps_its_contents_and_is_zero_beyond(
            writes in prop::collection::vec((0usize..1 << 20, 1u8..), 0..40),
            grows in prop::collection::vec(1usize..4, 1..5),
        ) {
            let arena = MemoryArena::new(4 << 20);
            // A predecessor that wrote everywhere: its slot must come back as zeros.
            let mut old = arena.take(1 << 20).unwrap();
            bytes(&mut old).fill(0xff);
            drop(old);

            let mut memory = arena.take(WASM_PAGE_BYTES).unwrap();
            let mut model = vec![0u8; WASM_PAGE_BYTES];
            for pages in grows {
                for &(at, value) in &writes {
                    let at = at % model.len();
                    bytes(&mut memory)[at] = value;
                    model[at] = value;
                }
                model.resize(model.len() + pages * WASM_PAGE_BYTES, 0);
                memory.grow_to(model.len()).unwrap();
                prop_assert!(bytes(&mut memory) == model.as_slice());
            }
        }
    }

    #[test]
    fn given_back_memories_are_zero_and_used_again() {
        let arena = MemoryArena::new(1 << 20);
        for _ in 0..1000 {
            let mut memory = arena.take(64 << 10).unwrap();
            assert!(bytes(&mut memory).iter().all(|&b| b == 0));
            bytes(&mut memory).fill(1);
            memory.grow_to(256 << 10).unwrap();
        }
        let usage = arena.usage();
        assert_eq!((usage.slots_used, usage.slots_free, usage.regions), (0, 2, 2));
    }
}
