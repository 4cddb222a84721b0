//! A leadership, which is a term and a node, is that of one life of that node: a node that was started again leads anew, or
//! not at all.

use std::collections::BTreeMap;

use super::{Broken, Life};

const NAME: &str = "election safety";

#[derive(Default)]
pub(crate) struct ElectionSafety {
    leaders: BTreeMap<(u64, u64), Life>,
}

impl ElectionSafety {
    /// A node says that it leads in that term. True if it is the first time.
    pub(crate) fn leads(&mut self, life: Life, term: u64) -> Result<bool, Broken> {
        let leadership = (term, life.0);
        match self.leaders.insert(leadership, life) {
            Some(known) if known != life => Err((
                NAME,
                format!(
                    "node {} leads in term {term} in its life {}, and did so in its life {}",
                    life.0, life.1, known.1
                ),
            )),
            known => Ok(known.is_none()),
        }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.leaders.len()
    }
}
