//! Once everything is well, no agent is taken for lost whose process lives: neither by its lease, nor since the group waits
//! for windows in vain.

use throng_control::Run;

use super::Broken;
use super::runs::Done;

const NAME: &str = "nobody is lost when all is well";

/// Looks who is lost as of an entry.
pub(super) fn so_far(run: &Run, done: &mut Done, is_well: bool) -> Result<(), Broken> {
    for (id, _) in run.assignments().iter().filter(|(_, one)| one.lost_since.is_some()) {
        if done.lost.insert(id.clone()) && is_well && !done.abandoned.contains(id) {
            return Err((NAME, format!("{id} of {} is lost, though its agent is there", run.id())));
        }
    }
    Ok(())
}
