//! The allocator as the program's.

use super::{ALIGNMENT, Allocator, Memory};
use core::arch::wasm32;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;

#[global_allocator]
static GLOBAL: Global = Global(UnsafeCell::new(Allocator::new(LinearMemory)));

struct Global(UnsafeCell<Allocator<LinearMemory>>);

// SAFETY: this target has no threads: what would be needed for a second one, shared memory, is not enabled.
unsafe impl Sync for Global {}

// SAFETY: blocks are as long and aligned as asked for, and don't overlap, as the allocator's tests show.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is one thread and no call back from the allocator, so this is the only reference. The memory
        // from the linker's `__heap_base` on is nobody else's.
        unsafe { (*self.0.get()).allocate(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the only reference, as above; the caller answers for block and layout.
        unsafe { (*self.0.get()).free(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the only reference, as above; the caller answers for block and layout.
        if unsafe { (*self.0.get()).resize(block, layout, size) } {
            return block;
        }
        // SAFETY: the caller answers for the size: not zero, and no overflow when rounded up to the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: both blocks are at least as long as what is copied, and don't overlap, being allocated at one time.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// This instance's memory.
struct LinearMemory;

const PAGE_BYTES: usize = 64 << 10;

unsafe extern "C" {
    /// The linker's symbol for the end of static data; its address is what counts.
    static __heap_base: u8;
}

impl Memory for LinearMemory {
    fn start(&self) -> usize {
        (&raw const __heap_base).addr().next_multiple_of(ALIGNMENT)
    }

    fn end(&self) -> usize {
        wasm32::memory_size::<0>() * PAGE_BYTES
    }

    fn grow(&mut self, bytes: usize) -> bool {
        wasm32::memory_grow::<0>(bytes.div_ceil(PAGE_BYTES)) != usize::MAX
    }
}
