//! Every run comes to its end once the group is well, and one that was acknowledged is there.

use throng_control::{RunId, State};

use super::Broken;

const NAME: &str = "every run ends";

pub(super) fn all(state: &State, acknowledged: &[RunId]) -> Result<(), Broken> {
    if let Some(run) = state.runs().find(|run| !run.state().has_ended()) {
        let parts: Vec<String> = run.assignments().iter().map(|(id, one)| format!("{id}: {one:?}")).collect();
        let text = format!("{} is still {}, with {}", run.id(), run.state(), parts.join("; "));
        return Err((NAME, text));
    }
    match acknowledged.iter().find(|run| state.run(run).is_none()) {
        Some(lost) => Err((NAME, format!("{lost} was acknowledged, and is gone"))),
        None => Ok(()),
    }
}
