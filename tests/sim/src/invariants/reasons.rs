//! A run fails for a reason that there was: workers never fail here, and no leader gives a run up.

use throng_control::{AbortReason, Failure, FailureKind, Run};

use super::Broken;

const NAME: &str = "a run fails for a reason";

pub(super) fn holds(run: &Run) -> Result<(), Broken> {
    match run.reason() {
        None
        | Some(
            AbortReason::Stopped { .. }
            | AbortReason::Threshold { .. }
            | AbortReason::AgentLost { .. }
            | AbortReason::NoAgents { .. }
            // Nobody may lead for longer than setup may take.
            | AbortReason::Setup(Failure { kind: FailureKind::TimedOut, .. }),
        ) => Ok(()),
        Some(reason) => Err((NAME, format!("{} ends because {reason}", run.id()))),
    }
}
