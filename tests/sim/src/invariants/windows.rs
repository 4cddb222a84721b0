//! No window is lost or counted twice: whatever is merged is what agents measured in the windows that are said to be
//! included, and a result that says that nothing is missing has all of them.

use throng_control::judge::RunSummary;
use throng_control::{AssignmentId, Run};
use throng_stats::{Aggregate, builtin};

use super::Broken;
use super::runs::Done;

const NAME: &str = "no window is lost or doubled";

/// Iterations in the merged windows of a run.
pub(super) fn iterations(run: &Run) -> Result<u64, Broken> {
    let unreadable = |why: String| (NAME, format!("the merged windows of {} can't be read: {why}", run.id()));
    let registry = run.submission().registry().map_err(|error| unreadable(error.to_string()))?;
    let windows = run.totals().decode(&registry).map_err(|error| unreadable(error.to_string()))?;
    let series = windows.into_iter().flat_map(|window| window.series);
    let counts = series.filter(|series| series.metric == builtin::ITERATIONS).map(|series| match series.delta {
        Aggregate::Counter { sum_millionths, .. } => u64::try_from(sum_millionths / 1_000_000).unwrap_or(u64::MAX),
        _ => 0,
    });
    Ok(counts.sum())
}

/// The merged windows are those that are included.
pub(super) fn included(run: &Run, done: &Done) -> Result<(), Broken> {
    let mut expected = 0;
    for (id, assignment) in run.assignments() {
        let measured = done.measured.get(id).map_or(&[][..], Vec::as_slice);
        let count = usize::try_from(assignment.included).unwrap_or(usize::MAX);
        let Some(own) = measured.get(..count) else {
            return Err((NAME, format!("{} has window {count} of {id}, which made {}", run.id(), measured.len())));
        };
        expected += own.iter().sum::<u64>();
    }
    if done.merged == expected {
        return Ok(());
    }
    let text = format!(
        "{} has {} iterations, and its agents did {expected} in the windows that it includes",
        run.id(),
        done.merged
    );
    Err((NAME, text))
}

/// A result that misses nothing has all that was measured, and so has the summary what is merged.
pub(super) fn complete(run: &Run, done: &Done) -> Result<(), Broken> {
    let measured: u64 = done.measured.values().flatten().sum();
    if run.completeness().is_complete() && measured != done.merged {
        let unended: Vec<&AssignmentId> = done.measured.keys().collect();
        let text = format!(
            "{} says that nothing is missing, and has {} of {measured} iterations of {unended:?}",
            run.id(),
            done.merged
        );
        return Err((NAME, text));
    }
    let Some(result) = run.result() else { return Err((NAME, format!("{} has no result", run.id()))) };
    let summary = RunSummary::decode(&result.summary).map_err(|error| (NAME, format!("{}: {error}", run.id())))?;
    let told = summary.export["metrics"]["iterations"]["count"].as_f64().unwrap_or(0.0);
    if summary.left_out.is_empty() && told as u64 != done.merged && !summary.export.is_null() {
        return Err((NAME, format!("the summary of {} tells {told} iterations of {}", run.id(), done.merged)));
    }
    Ok(())
}
