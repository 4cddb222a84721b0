//! A run that copies of the state share until one of them changes it.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Run;

/// A run in the state. Copying it costs nothing, however much there is in it: the leader doesn't wait while somebody makes a
/// snapshot of a copy. To change it copies it first, if there is another copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedRun(Arc<Run>);

impl SharedRun {
    pub(crate) fn new(run: Run) -> Self {
        Self(Arc::new(run))
    }

    /// The run, for changing it.
    pub(crate) fn own(&mut self) -> &mut Run {
        Arc::make_mut(&mut self.0)
    }
}

impl Deref for SharedRun {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.0
    }
}

// To serde it is the run itself.
impl Serialize for SharedRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedRun {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Run::deserialize(deserializer).map(Self::new)
    }
}
