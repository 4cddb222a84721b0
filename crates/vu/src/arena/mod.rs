//! Where stacks and linear memories come from: a few large mappings that are
//! cut into slots, so that a VU costs no mapping of its own and
//! `vm.max_map_count` never bites.

mod memory;
mod pool;
mod shared;
mod stack;

pub(crate) use memory::MemoryArena;
pub(crate) use shared::SharedStack;
pub(crate) use stack::{HOST_STACK_BYTES, StackArena, WASM_STACK_BYTES};

/// What the arenas of an [`Engine`](crate::Engine) hold; see
/// [`Engine::arena_usage`](crate::Engine::arena_usage).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArenaUsage {
    /// Slots in use by a VU, over all sizes.
    pub slots_used: usize,
    /// Slots that were used and wait to be used again.
    pub slots_free: usize,
    /// Mappings, over all sizes. Each is at least 1 GiB of address space and
    /// takes memory only where it is touched.
    pub regions: usize,
}

impl ArenaUsage {
    /// Both together.
    #[must_use]
    pub(crate) fn plus(self, other: ArenaUsage) -> ArenaUsage {
        ArenaUsage {
            slots_used: self.slots_used + other.slots_used,
            slots_free: self.slots_free + other.slots_free,
            regions: self.regions + other.regions,
        }
    }
}
