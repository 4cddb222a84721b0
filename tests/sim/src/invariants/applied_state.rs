//! The same entry leads to the same state on all nodes, byte by byte, and each node applies each entry once, in order.

use std::collections::BTreeMap;

use throng_coordinator::WrittenBy;

use super::{Broken, Life};

const NAME: &str = "applied state is equal";

/// An entry, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) by: WrittenBy,
    /// A digest of the command.
    pub(crate) said: u64,
    /// A digest of the state.
    pub(crate) state: u64,
}

#[derive(Default)]
pub(crate) struct AppliedState {
    entries: BTreeMap<u64, (Life, Applied)>,
    reached: BTreeMap<Life, u64>,
}

impl AppliedState {
    /// A node has applied an entry. True if it is the first one.
    pub(crate) fn applied(&mut self, life: Life, index: u64, applied: Applied) -> Result<bool, Broken> {
        let before = self.reached.insert(life, index);
        if before.is_some_and(|before| before + 1 != index) {
            return Err((NAME, format!("node {} applies entry {index} after {before:?}", life.0)));
        }
        let is_first = !self.entries.contains_key(&index);
        let (first, known) = *self.entries.entry(index).or_insert((life, applied));
        if known != applied {
            return Err((
                NAME,
                format!("entry {index} is {applied:?} at node {}, and was {known:?} at node {}", life.0, first.0),
            ));
        }
        Ok(is_first)
    }

    pub(crate) fn restored(&mut self, life: Life, index: u64, by: WrittenBy, state: u64) -> Result<(), Broken> {
        self.reached.insert(life, index);
        match self.entries.get(&index) {
            Some((first, known)) if (known.by, known.state) != (by, state) => Err((
                NAME,
                format!(
                    "the snapshot of node {} through entry {index} has state {state:x} by {by:?}, and node {} had {known:?}",
                    life.0, first.0
                ),
            )),
            _ => Ok(()),
        }
    }

    /// How many entries were applied.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }
}
