use wasmtime::ResourceLimiter;

/// Most elements a table may have; a table is for function pointers.
const TABLE_ELEMENTS_MAX: usize = 1 << 18;

/// Bounds what all linear memories of a VU hold together.
///
/// Growth past the limit fails as the standard has it: the guest sees -1 and may
/// cope. Since most then end in a trap that names no cause, it is noted.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit_bytes: usize,
    used_bytes: usize,
    refused: Option<Refusal>,
}

/// A growth that was refused in this call or iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The limit would have been passed.
    Limit,
    /// The system, or the memory's own declared maximum, refused.
    Other(String),
}

impl MemoryLimit {
    pub(crate) fn new(limit_bytes: usize) -> MemoryLimit {
        MemoryLimit { limit_bytes, used_bytes: 0, refused: None }
    }

    /// A call or an iteration begins: what was refused earlier explains nothing.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        self.refused.take()
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used_bytes.saturating_add(desired.saturating_sub(current));
        if used > self.limit_bytes {
            self.refused = Some(Refusal::Limit);
            return Ok(false);
        }
        self.used_bytes = used;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(Refusal::Other(format!("{error:#}")));
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_limited_together() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 60, None).unwrap());
        assert!(limit.memory_growing(0, 30, None).unwrap());
        assert!(!limit.memory_growing(60, 71, None).unwrap());
        assert_eq!(limit.take_refusal(), Some(Refusal::Limit));
        assert!(limit.memory_growing(60, 70, None).unwrap());
        assert_eq!(limit.take_refusal(), None);
    }

    #[test]
    fn an_absurd_wish_is_refused() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 1, None).unwrap());
        assert!(!limit.memory_growing(0, usize::MAX, None).unwrap());
    }
}
