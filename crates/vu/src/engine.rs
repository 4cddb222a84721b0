use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use thiserror::Error;
use wasmtime::WasmBacktraceDetails;

use crate::{
    arena::{ArenaUsage, HOST_STACK_BYTES, MemoryArena, SharedStack, StackArena, WASM_STACK_BYTES},
    budget::SLICE,
    cache::CodeCache,
    ticker::Ticker,
};

/// How many frames are looked at when a guest traps.
const BACKTRACE_FRAMES_MAX: usize = 16;

/// What an [`Engine`] is made with.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where compiled scripts are kept; `None` compiles each time. A directory
    /// that can't be written, or that others can write, only costs time.
    pub cache_dir: Option<PathBuf>,
    /// What all linear memories of a VU may hold together.
    pub memory_limit_bytes: usize,
    /// How long a guest may compute without a host call that waits, while a
    /// [`Ticker`] runs. Rounded up to 10 ms, and up to as much more, since ticks
    /// are counted.
    pub guest_time_limit: Duration,
}

impl Default for EngineConfig {
    /// No cache, 64 MiB, 10 s.
    fn default() -> EngineConfig {
        EngineConfig { cache_dir: None, memory_limit_bytes: 64 << 20, guest_time_limit: Duration::from_secs(10) }
    }
}

/// Why an [`Engine`] can't be made.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The processor or the system lacks what compiled scripts need.
    #[error("scripts can't be compiled or run on this machine: {0}")]
    Unsupported(String),
}

/// What scripts of a process share: settings, limits, the compiler, and the
/// arenas for stacks and memories. Clones are the same engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    wasmtime: wasmtime::Engine,
    stacks: Arc<StackArena>,
    memories: Arc<MemoryArena>,
    cache: Option<CodeCache>,
    limits: Limits,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("stacks", &self.stacks)
            .field("memories", &self.memories)
            .field("cache", &self.cache)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What bounds each VU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: usize,
    pub(crate) guest_time: Duration,
    /// `guest_time` in slices of [`SLICE`].
    pub(crate) guest_slices: NonZeroU32,
}

impl Engine {
    /// Makes an engine.
    ///
    /// # Errors
    ///
    /// When the machine can't run compiled scripts.
    pub fn new(config: EngineConfig) -> Result<Engine, EngineError> {
        let stacks = Arc::new(StackArena::new());
        let memories = Arc::new(MemoryArena::new(config.memory_limit_bytes));
        let mut settings = wasmtime::Config::new();
        settings
            .concurrency_support(false)
            .epoch_interruption(true)
            .max_wasm_stack(WASM_STACK_BYTES)
            .async_stack_size(HOST_STACK_BYTES)
            // Endless recursion has thousands of frames, of which a few are shown.
            .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX))
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            .with_host_stack(Arc::clone(&stacks) as Arc<_>)
            .with_host_memory(Arc::clone(&memories) as Arc<_>)
            // The arenas' memories are bare: no images, no reservation, no guard
            // pages. Compiled code checks bounds, and memories may move.
            .memory_init_cow(false)
            .memory_reservation(0)
            .memory_reservation_for_growth(0)
            .memory_guard_size(0)
            .guard_before_linear_memory(false)
            .memory_may_move(true);
        let wasmtime = wasmtime::Engine::new(&settings).map_err(|e| EngineError::Unsupported(format!("{e:#}")))?;
        // One more, since the first begins between two ticks.
        let slices = config.guest_time_limit.as_nanos().div_ceil(SLICE.as_nanos()) + 1;
        let slices = u32::try_from(slices).unwrap_or(u32::MAX);
        Ok(Engine(Arc::new(Shared {
            wasmtime,
            stacks,
            memories,
            cache: config.cache_dir.and_then(CodeCache::open),
            limits: Limits {
                memory_bytes: config.memory_limit_bytes,
                guest_time: config.guest_time_limit,
                guest_slices: NonZeroU32::new(slices).unwrap_or(NonZeroU32::MIN),
            },
        })))
    }

    /// Starts the thread that counts ticks of 10 ms, by which scripts that compute
    /// too long are made to yield and are ended. It ends with the guard. One
    /// ticker is enough for a process.
    ///
    /// # Errors
    ///
    /// When no thread can be made.
    pub fn ticker(&self) -> std::io::Result<Ticker> {
        Ticker::start(self.0.wasmtime.weak())
    }

    /// What the arenas for stacks and linear memories hold.
    #[must_use]
    pub fn arena_usage(&self) -> ArenaUsage {
        self.0.stacks.usage().plus(self.0.memories.usage())
    }

    pub(crate) fn shared_stack(&self) -> std::io::Result<SharedStack> {
        SharedStack::new(&self.0.stacks)
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    pub(crate) fn cache(&self) -> Option<&CodeCache> {
        self.0.cache.as_ref()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.0.limits
    }
}
