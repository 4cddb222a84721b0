use super::{ALIGNMENT, Allocator, Memory};
use std::alloc::Layout;

/// Some MiB of real memory, of which as much exists as was grown.
struct Piece {
    bytes: Box<[u128]>,
    grown_bytes: usize,
}

impl Memory for Piece {
    fn start(&self) -> usize {
        self.bytes.as_ptr().expose_provenance()
    }

    fn end(&self) -> usize {
        self.start() + self.grown_bytes
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.grown_bytes + bytes.next_multiple_of(4096);
        let there = grown <= size_of_val(&*self.bytes);
        if there {
            self.grown_bytes = grown;
        }
        there
    }
}

fn allocator(bytes: usize) -> Allocator<Piece> {
    let bytes = vec![0_u128; bytes / size_of::<u128>()].into_boxed_slice();
    Allocator::new(Piece { bytes, grown_bytes: 0 })
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// A block that is in use, filled with a byte of its own.
struct Block {
    at: *mut u8,
    layout: Layout,
    filled_with: u8,
}

impl Block {
    fn fill(&self) {
        // SAFETY: the allocator gave it out for this layout.
        unsafe { self.at.write_bytes(self.filled_with, self.layout.size()) };
    }

    fn is_intact(&self, bytes: usize) -> bool {
        // SAFETY: the block is at least as long and was filled.
        unsafe { std::slice::from_raw_parts(self.at, bytes) }.iter().all(|byte| *byte == self.filled_with)
    }
}

#[test]
fn blocks_keep_their_content_and_alignment_through_any_order_of_calls() {
    for seed in 1..=20_u64 {
        let mut allocator = allocator(8 << 20);
        let mut blocks: Vec<Block> = Vec::new();
        let mut state = seed;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for step in 0..4_000_u32 {
            if blocks.len() < 200 && random(5) < 3 {
                let bits = 1 + random(14);
                let size = 1 + random(1 << bits) as usize;
                let layout = layout(size, 1 << random(9));
                // SAFETY: the piece of memory is the allocator's, and the layout isn't empty.
                let at = unsafe { allocator.allocate(layout) };
                assert!(!at.is_null());
                assert_eq!(at.addr() % layout.align(), 0);
                let block = Block { at, layout, filled_with: step as u8 };
                block.fill();
                blocks.push(block);
            } else if !blocks.is_empty() {
                let mut block = blocks.swap_remove(random(blocks.len() as u64) as usize);
                assert!(block.is_intact(block.layout.size()));
                let size = 1 + random(20_000) as usize;
                // SAFETY: the block is in use, for this layout.
                if random(3) == 0 && unsafe { allocator.resize(block.at, block.layout, size) } {
                    assert!(block.is_intact(block.layout.size().min(size)));
                    block.layout = layout(size, block.layout.align());
                    block.fill();
                    blocks.push(block);
                } else {
                    // SAFETY: the block is in use, for this layout, and isn't used after this.
                    unsafe { allocator.free(block.at, block.layout) };
                }
            }
        }
        assert!(blocks.iter().all(|block| block.is_intact(block.layout.size())));
    }
}

#[test]
fn an_iteration_that_gives_back_what_it_took_needs_no_more_memory_the_second_time() {
    let mut allocator = allocator(1 << 20);
    let iteration = |allocator: &mut Allocator<Piece>| {
        let layouts: Vec<_> = (1..60).map(|number| layout(number * 37, 8)).collect();
        // SAFETY: the piece of memory is the allocator's, and the layouts aren't empty.
        let blocks: Vec<_> = layouts.iter().map(|layout| (unsafe { allocator.allocate(*layout) }, *layout)).collect();
        for (block, layout) in blocks {
            // SAFETY: each is given back once, for its layout.
            unsafe { allocator.free(block, layout) };
        }
        allocator.memory.grown_bytes
    };
    let first = iteration(&mut allocator);
    assert!((0..1_000).all(|_| iteration(&mut allocator) == first));
}

#[test]
fn a_block_at_the_end_grows_where_it_stands_and_goes_back_to_the_unused_memory() {
    let mut allocator = allocator(1 << 20);
    let (small, large) = (layout(100, 1), layout(50_000, 1));
    // SAFETY: the piece of memory is the allocator's; the block is used for the layouts it has, and given back once.
    unsafe {
        let block = allocator.allocate(small);
        assert!(allocator.resize(block, small, large.size()));
        allocator.free(block, large);
        assert_eq!(allocator.unused, allocator.memory.start());
    }
}

#[test]
fn no_memory_is_a_null_pointer_and_leaves_the_rest_usable() {
    let mut allocator = allocator(64 << 10);
    // SAFETY: the piece of memory is the allocator's, and the layouts aren't empty.
    unsafe {
        assert!(allocator.allocate(layout(100 << 10, 1)).is_null());
        assert!(allocator.allocate(layout(isize::MAX as usize, 1)).is_null());
        assert!(allocator.allocate(layout(isize::MAX as usize - 4095, 4096)).is_null());
        assert!(!allocator.allocate(layout(1, ALIGNMENT)).is_null());
    }
}
