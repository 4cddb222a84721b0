//! Setup is made once, and again only if an agent was lost while it was at it, which the run says.

use std::collections::BTreeMap;

use throng_agent::link::PartId;
use throng_control::{AssignmentId, Run};

use super::Broken;
use super::runs::Done;

const NAME: &str = "setup once";

/// One part makes it once.
pub(super) fn by_part(part: &PartId, setups: &BTreeMap<AssignmentId, u64>) -> Result<(), Broken> {
    match setups.get(&part.assignment) {
        Some(times) if *times > 1 => Err((NAME, format!("{part} sets up {times} times"))),
        _ => Ok(()),
    }
}

/// Further ones were cut short.
pub(super) fn at_end(run: &Run, done: &Done) -> Result<(), Broken> {
    let by = run.setup().by.iter().chain(&run.setup().cut_short);
    let unknown = done.setups.keys().find(|part| !by.clone().any(|one| one == *part));
    if let Some(unknown) = unknown {
        return Err((NAME, format!("{unknown} set up the run {}, which doesn't know it", run.id())));
    }
    let (made, cut) = (done.setups.len(), run.setup().cut_short.len());
    if made > 1 + cut {
        return Err((NAME, format!("{} was set up {made} times, of which {cut} were cut short", run.id())));
    }
    Ok(())
}
