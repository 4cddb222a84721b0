//! Teardown is made once, when all windows of the load are merged, and again only if an agent was lost while it was at it.

use throng_agent::link::PartId;
use throng_control::Run;

use super::Broken;
use super::runs::Done;

const NAME: &str = "teardown once, after the last window";

/// A part begins with it.
pub(super) fn begins(part: &PartId, done: &Done) -> Result<(), Broken> {
    if done.teardowns.get(&part.assignment).is_some_and(|times| *times > 1) {
        return Err((NAME, format!("{part} tears down twice")));
    }
    // An agent that was taken for lost may hear of it late, when another one has torn down.
    if !done.unsettled.is_empty() && !done.teardown_was_cut {
        return Err((NAME, format!("{part} tears down, and windows of {:?} aren't merged", done.unsettled)));
    }
    Ok(())
}

/// Further ones were cut short.
pub(super) fn at_end(run: &Run, done: &Done) -> Result<(), Broken> {
    let (made, cut) = (done.teardowns.len(), run.teardown().cut_short.len());
    if made > 1 + cut {
        return Err((NAME, format!("{} was torn down {made} times, of which {cut} were cut short", run.id())));
    }
    Ok(())
}
