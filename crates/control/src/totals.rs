//! The windows of a run, merged.

use serde::{Deserialize, Serialize};
use throng_stats::{Registry, Window, WindowError};

/// All windows of a run so far as encoded windows, several if one would be too long.
///
/// They are kept as bytes, in an order of their own, so that the same windows give the same bytes on all nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedWindows {
    parts: Vec<Vec<u8>>,
}

impl MergedWindows {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// The windows.
    ///
    /// # Errors
    ///
    /// When they aren't of a run with these metrics.
    pub fn decode(&self, registry: &Registry) -> Result<Vec<Window>, WindowError> {
        self.parts.iter().map(|part| Window::decode(part, registry)).collect()
    }
}
