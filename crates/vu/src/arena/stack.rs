#![expect(unsafe_code, reason = "wasmtime takes stacks through unsafe traits, and guard pages are the kernel's")]

use std::{io, ops::Range, sync::Arc};

use wasmtime::{StackCreator, StackMemory};

use super::{
    ArenaUsage,
    pool::{PAGE_BYTES, SlotPool, discard},
    shared::lent,
};

/// Bytes of stack that a guest may use.
pub(crate) const WASM_STACK_BYTES: usize = 128 << 10;
/// Bytes of a stack: what the guest leaves is the host functions'.
pub(crate) const HOST_STACK_BYTES: usize = 256 << 10;
const GUARD_BYTES: usize = PAGE_BYTES;
/// What stays resident of a stack that is given back. A deep recursion's pages
/// go back to the kernel, those that every call needs don't.
const KEPT_BYTES: usize = 16 << 10;
/// `MADV_GUARD_INSTALL`, Linux 6.13; not in libc yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// The stacks of all VUs of an engine.
///
/// A slot is a guard page and the stack above it. All tops are at a page's end:
/// wasmtime asserts that, so they can't be staggered by cache lines.
#[derive(Debug)]
pub(crate) struct StackArena {
    pool: Arc<SlotPool>,
}

impl StackArena {
    pub(crate) fn new() -> StackArena {
        StackArena { pool: Arc::new(SlotPool::new(GUARD_BYTES + HOST_STACK_BYTES)) }
    }

    pub(crate) fn usage(&self) -> ArenaUsage {
        self.pool.usage()
    }

    pub(super) fn take(&self) -> io::Result<Stack> {
        let slot = self.pool.take()?;
        let stack = Stack { start: slot.start, pool: Arc::clone(&self.pool) };
        // A slot's guard page outlives its uses. If it can't be made, dropping
        // `stack` would put a slot without one on the free list.
        if slot.is_fresh
            && let Err(e) = install_guard(slot.start, MADV_GUARD_INSTALL)
        {
            std::mem::forget(stack);
            return Err(e);
        }
        Ok(stack)
    }
}

/// Makes the page at this address of a fresh slot inaccessible.
///
/// Guard markers cost no mapping. A kernel before 6.13 doesn't know them; there
/// the page is protected, which splits the mapping, so that `vm.max_map_count`
/// allows about 32,000 stacks. `advice` is what the kernel may not know.
fn install_guard(page: usize, advice: libc::c_int) -> io::Result<()> {
    let page = page as *mut libc::c_void;
    // SAFETY: the page is the first of a slot that was just taken and that nobody
    // uses yet.
    if unsafe { libc::madvise(page, GUARD_BYTES, advice) } == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    if unsafe { libc::mprotect(page, GUARD_BYTES, libc::PROT_NONE) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

// SAFETY: each stack is a slot of its own with a guard page at its bottom, or one
// that is lent, of which `SharedStack` sees to it that one call has it at a time;
// it is page-aligned, and `size` is checked to be the one that slots have. Stacks
// that are used again hold old contents, so the wish for zeroed ones is refused.
unsafe impl StackCreator for StackArena {
    fn new_stack(&self, size: usize, zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        if size != HOST_STACK_BYTES || zeroed {
            return Err(wasmtime::Error::msg(format!(
                "stacks have {HOST_STACK_BYTES} bytes and aren't zeroed; {size} bytes were \
                 asked for, zeroed: {zeroed}"
            )));
        }
        if let Some(stack) = lent() {
            return Ok(Box::new(Lease(stack)));
        }
        let stack = self.take().map_err(|e| wasmtime::Error::msg(format!("no memory for a VU's stack: {e}")))?;
        Ok(Box::new(Lease(Arc::new(stack))))
    }
}

/// One stack in use.
#[derive(Debug)]
pub(super) struct Stack {
    start: usize,
    pool: Arc<SlotPool>,
}

impl Stack {
    fn bottom(&self) -> usize {
        self.start + GUARD_BYTES
    }

    fn end(&self) -> usize {
        self.bottom() + HOST_STACK_BYTES
    }
}

/// A store's hold on a stack.
#[derive(Debug)]
struct Lease(Arc<Stack>);

// SAFETY: the range is page-aligned, stays until the last lease is dropped, and lies
// right above its guard page.
unsafe impl StackMemory for Lease {
    fn top(&self) -> *mut u8 {
        self.0.end() as *mut u8
    }

    fn range(&self) -> Range<usize> {
        self.0.bottom()..self.0.end()
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.0.start as *mut u8..self.0.bottom() as *mut u8
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // If the kernel refuses, the pages only stay resident.
        // SAFETY: the range lies in our slot, above the guard page, and wasmtime
        // drops a stack when nothing runs on it any more.
        let _resident = unsafe { discard(self.bottom()..self.end() - KEPT_BYTES) };
        self.pool.give_back(self.start);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_stack_lies_right_above_its_guard_page() {
        let stack = StackArena::new().new_stack(HOST_STACK_BYTES, false).unwrap();
        assert_eq!(stack.range().len(), HOST_STACK_BYTES);
        assert_eq!(stack.guard_range().end as usize, stack.range().start);
        assert_eq!(stack.top() as usize, stack.range().end);
        assert!(stack.range().start.is_multiple_of(PAGE_BYTES));
    }

    /// Whether a byte can be written. The kernel tells without a SIGSEGV: reading a
    /// file into memory that isn't accessible fails with EFAULT.
    ///
    /// # Safety
    ///
    /// Nothing may refer to the byte.
    unsafe fn is_writable(at: usize) -> bool {
        let file = std::fs::File::open("/dev/zero").unwrap();
        // SAFETY: the kernel checks the address, and nothing refers to the byte.
        unsafe { libc::read(file.as_raw_fd(), at as *mut libc::c_void, 1) == 1 }
    }

    #[test]
    fn the_guard_page_of_a_used_stack_is_still_there() {
        let arena = StackArena::new();
        drop(arena.take().unwrap());
        let stack = arena.take().unwrap();
        // SAFETY: the stack is ours and nothing runs on it.
        unsafe {
            assert!(!is_writable(stack.start));
            assert!(!is_writable(stack.bottom() - 1));
            assert!(is_writable(stack.bottom()));
            assert!(is_writable(stack.end() - 1));
        }
    }

    #[test]
    fn a_kernel_without_guard_markers_gets_a_protected_page() {
        let pool = SlotPool::new(2 * PAGE_BYTES);
        let slot = pool.take().unwrap();
        install_guard(slot.start, -1).unwrap();
        // SAFETY: the slot is ours.
        unsafe {
            assert!(!is_writable(slot.start));
            assert!(is_writable(slot.start + PAGE_BYTES));
        }
    }

    #[test]
    fn stacks_are_used_again() {
        let arena = StackArena::new();
        for _ in 0..1000 {
            drop(arena.take().unwrap());
        }
        let usage = arena.usage();
        assert_eq!((usage.slots_used, usage.slots_free), (0, 1));
    }

    #[test]
    fn another_size_is_refused() {
        assert!(StackArena::new().new_stack(4096, false).is_err());
    }
}
