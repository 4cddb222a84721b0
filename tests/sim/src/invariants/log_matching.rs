//! Two logs that have an entry of one leadership at one index are equal up to it: the entry says the same, and what comes
//! before it is of the same leadership.

use std::collections::BTreeMap;

use throng_coordinator::WrittenBy;

use super::Broken;

const NAME: &str = "log matching";

/// What an entry says, and who wrote the one before it, if that was there.
type Entry = (u32, Option<WrittenBy>);

#[derive(Default)]
pub(crate) struct LogMatching {
    known: BTreeMap<(u64, WrittenBy), Entry>,
}

impl LogMatching {
    /// The log of a node as it is now.
    pub(crate) fn seen(&mut self, node: u64, log: &[(u64, WrittenBy, u32)]) -> Result<(), Broken> {
        let mut before: Option<(u64, WrittenBy)> = None;
        for &(index, by, said) in log {
            if before.is_some_and(|(before, _)| before + 1 != index) {
                return Err((NAME, format!("the log of node {node} has a gap before {index}")));
            }
            let predecessor = before.map(|(_, by)| by);
            let known = self.known.entry((index, by)).or_insert((said, predecessor));
            let is_same = known.0 == said && (known.1 == predecessor || known.1.is_none() || predecessor.is_none());
            if !is_same {
                return Err((
                    NAME,
                    format!(
                        "entry {index} by {by:?} is {said:x} after {predecessor:?} at node {node}, and was {:x} after {:?}",
                        known.0, known.1
                    ),
                ));
            }
            known.1 = known.1.or(predecessor);
            before = Some((index, by));
        }
        Ok(())
    }
}
