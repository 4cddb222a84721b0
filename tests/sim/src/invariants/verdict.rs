//! A verdict says what the merged windows say.

use throng_control::{Run, Verdict};

use super::Broken;
use super::runs::{Done, Wanted};

const NAME: &str = "a verdict follows from what is merged";

/// The run's threshold wants fewer iterations than so many.
pub(super) fn holds(run: &Run, wanted: &Wanted, done: &Done) -> Result<(), Broken> {
    let Some(result) = run.result() else { return Ok(()) };
    let is_crossed = done.merged >= wanted.below;
    if is_crossed == (result.verdict != Verdict::Pass) {
        return Ok(());
    }
    let text = format!(
        "{} has {} iterations, its threshold wants fewer than {}, and the verdict is {:?}",
        run.id(),
        done.merged,
        wanted.below,
        result.verdict
    );
    Err((NAME, text))
}
