//! The guest's allocator.
//!
//! The number of VUs is bounded by the pages that each touches, and the standard library's allocator for this target
//! touches at least two more than it fills: it begins a region of its own, and writes to its far end. This one begins
//! where the script's static data ends and writes to nothing but the blocks it hands out.
#![expect(unsafe_code, reason = "an allocator works on memory by its addresses")]

mod size_class;

use size_class::SizeClass;
use std::alloc::Layout;
use std::ptr;

/// Memory that grows at its end, as a script's does.
pub(crate) trait Memory {
    /// The first address that is free when the program starts, a multiple of [`ALIGNMENT`].
    fn start(&self) -> usize;
    /// The address behind the memory there is now.
    fn end(&self) -> usize;
    /// Makes it longer by at least as many bytes, zeros. False when there are no more.
    fn grow(&mut self, bytes: usize) -> bool;
}

/// What every block is aligned to; what `Layout` may ask for beyond is rare.
pub(crate) const ALIGNMENT: usize = 16;

/// Blocks in size classes, each with a list of those that were given back; new ones come from the end of what is used.
/// Classes are at most a quarter apart, so at most a fifth of a block is wasted. Blocks are never split or joined: what
/// a class held at its peak stays its own, except the block at the very end.
pub(crate) struct Allocator<M> {
    memory: M,
    /// The first free block of each class, or zero. A free block begins with the address of the next.
    free: [usize; SizeClass::COUNT],
    /// Where unused memory begins; zero before the first block.
    unused: usize,
}

impl<M: Memory> Allocator<M> {
    pub(crate) const fn new(memory: M) -> Self {
        Self { memory, free: [0; SizeClass::COUNT], unused: 0 }
    }

    /// A block for a layout, or null.
    ///
    /// # Safety
    ///
    /// The memory is this allocator's alone from its start on, and the layout isn't empty.
    pub(crate) unsafe fn allocate(&mut self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGNMENT {
            return match SizeClass::of(layout.size()) {
                // SAFETY: as this function's caller says.
                Some(class) => unsafe { self.take(class) },
                None => ptr::null_mut(),
            };
        }
        let Some(class) = layout.size().checked_add(layout.align()).and_then(SizeClass::of) else {
            return ptr::null_mut();
        };
        // SAFETY: as this function's caller says.
        let block = unsafe { self.take(class) };
        if block.is_null() {
            return block;
        }
        let offset = layout.align() - block.addr() % layout.align();
        // SAFETY: the offset is from 16 to the alignment, by which the block is longer than what was asked for, and it
        // leaves room for an address before the aligned part.
        unsafe {
            let aligned = block.add(offset);
            aligned.cast::<*mut u8>().sub(1).write(block);
            aligned
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It was allocated here for this layout, and nothing uses it any more.
    pub(crate) unsafe fn free(&mut self, block: *mut u8, layout: Layout) {
        let (block, size) = if layout.align() <= ALIGNMENT {
            (block, layout.size())
        } else {
            // SAFETY: `allocate` wrote the address of the whole block there.
            (unsafe { block.cast::<*mut u8>().sub(1).read() }, layout.size() + layout.align())
        };
        let Some(class) = SizeClass::of(size) else { return };
        if block.addr() + class.bytes() == self.unused {
            self.unused = block.addr();
            return;
        }
        // SAFETY: the block is at least 16 bytes long and belongs to nobody else now.
        unsafe { block.cast::<usize>().write(self.free[class.index()]) };
        self.free[class.index()] = block.expose_provenance();
    }

    /// Makes a block longer or shorter where it stands; false where it can't be.
    ///
    /// # Safety
    ///
    /// It was allocated here for this layout.
    pub(crate) unsafe fn resize(&mut self, block: *mut u8, layout: Layout, size: usize) -> bool {
        if layout.align() > ALIGNMENT {
            return false;
        }
        let (Some(old), Some(new)) = (SizeClass::of(layout.size()), SizeClass::of(size)) else { return false };
        if old == new {
            return true;
        }
        let is_last = block.addr() + old.bytes() == self.unused;
        is_last && self.extend_to(block.addr(), new.bytes())
    }

    /// # Safety
    ///
    /// The memory is this allocator's alone from its start on.
    unsafe fn take(&mut self, class: SizeClass) -> *mut u8 {
        let first = self.free[class.index()];
        if first != 0 {
            let block = ptr::with_exposed_provenance_mut::<u8>(first);
            // SAFETY: a block in a list begins with the address that `free` wrote.
            self.free[class.index()] = unsafe { block.cast::<usize>().read() };
            return block;
        }
        if self.unused == 0 {
            self.unused = self.memory.start();
        }
        let block = self.unused;
        if self.extend_to(block, class.bytes()) { ptr::with_exposed_provenance_mut(block) } else { ptr::null_mut() }
    }

    /// Sets the end of what is used; false when there is no memory.
    fn extend_to(&mut self, block: usize, bytes: usize) -> bool {
        let Some(end) = block.checked_add(bytes) else { return false };
        let missing = end.saturating_sub(self.memory.end());
        let there = missing == 0 || self.memory.grow(missing);
        if there {
            self.unused = end;
        }
        there
    }
}

#[cfg(target_arch = "wasm32")]
mod global;

#[cfg(test)]
mod tests;
