//! How a run ended, for whoever started it.

use super::{AbortReason, CallState, Failure, FailureKind, Run, Verdict};

/// The exit code that a run's client ends with: k6's where k6 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// The run ended by itself, its result is complete, and all thresholds hold.
    Success = 0,
    /// A threshold failed.
    ThresholdsFailed = 99,
    /// Setup took too long.
    SetupTimedOut = 100,
    /// Teardown took too long.
    TeardownTimedOut = 101,
    /// A client stopped it.
    Stopped = 103,
    /// The options are wrong.
    OptionsWrong = 104,
    /// Whoever submitted it interrupted it.
    Interrupted = 105,
    /// The script failed in setup or teardown, or isn't one.
    ScriptFailed = 107,
    /// The script called `abort`.
    ScriptAborted = 108,
    /// The script marked the run as failed.
    MarkedFailed = 110,
    /// An agent lacks what the run needs.
    Machine = 112,
    /// An agent was lost, and the options say that this ends the run.
    AgentLost = 116,
    /// There were too few agents for too long.
    NoAgents = 117,
    /// Otherwise it would be a success, but the result doesn't cover all of the run.
    Incomplete = 118,
    /// Something else.
    Other = 255,
}

impl ExitCode {
    /// What it means in general.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "the run ended and all thresholds hold",
            Self::ThresholdsFailed => "a threshold failed",
            Self::SetupTimedOut => "setup took too long",
            Self::TeardownTimedOut => "teardown took too long",
            Self::Stopped => "stopped by whoever controls the run",
            Self::OptionsWrong => "flags or options are wrong",
            Self::Interrupted => "ended by Ctrl-C or SIGTERM",
            Self::ScriptFailed => "the script failed in its options, setup or teardown, or isn't one",
            Self::ScriptAborted => "the script aborted the run",
            Self::MarkedFailed => "the script marked the run as failed",
            Self::Machine => "an agent lacks what the run needs",
            Self::AgentLost => "an agent was lost, which ended the run",
            Self::NoAgents => "the group had too few agents for the run",
            Self::Incomplete => "the result doesn't cover all of the run",
            Self::Other => "something else failed",
        }
    }
}

impl Run {
    /// How it ended, and what there is to say of it beyond that; none while it goes on. What ended it early goes first, then a
    /// failed teardown, the script's mark, thresholds, and at last what is missing.
    #[must_use]
    pub fn exit(&self) -> Option<(ExitCode, String)> {
        let result = self.result.as_ref()?;
        if let Some(reason) = &result.reason {
            return Some(of_reason(reason));
        }
        if let CallState::Failed(failure) = &self.teardown.state {
            let code = match failure.kind {
                FailureKind::TimedOut => ExitCode::TeardownTimedOut,
                _ => ExitCode::ScriptFailed,
            };
            return Some((code, format!("teardown failed: {}", failure.message)));
        }
        if let Some(message) = &self.marked_failed {
            return Some((ExitCode::MarkedFailed, message.clone()));
        }
        if result.verdict != Verdict::Pass {
            return Some((ExitCode::ThresholdsFailed, String::new()));
        }
        if !result.completeness.is_complete() {
            return Some((ExitCode::Incomplete, result.completeness.to_string()));
        }
        if let Some(agent) = self.teardown.cut_short.first() {
            let text = format!("the agent `{}` was lost while it ran teardown, which may not have ended", agent.agent);
            return Some((ExitCode::Incomplete, text));
        }
        Some((ExitCode::Success, String::new()))
    }
}

fn of_reason(reason: &AbortReason) -> (ExitCode, String) {
    let code = match reason {
        AbortReason::Stopped { .. } => ExitCode::Stopped,
        AbortReason::Interrupted { .. } => ExitCode::Interrupted,
        AbortReason::Threshold { .. } => ExitCode::ThresholdsFailed,
        AbortReason::Script { .. } => ExitCode::ScriptAborted,
        AbortReason::AgentLost { .. } => ExitCode::AgentLost,
        AbortReason::AgentFailed { failure, .. } => of_failure(failure),
        AbortReason::Setup(Failure { kind: FailureKind::TimedOut, .. }) => ExitCode::SetupTimedOut,
        AbortReason::Setup(_) => ExitCode::ScriptFailed,
        AbortReason::NoAgents { .. } => ExitCode::NoAgents,
        AbortReason::Overdue { .. } | AbortReason::Unled { .. } => ExitCode::Other,
        AbortReason::TotalsTooLarge => ExitCode::Incomplete,
    };
    (code, reason.to_string())
}

fn of_failure(failure: &Failure) -> ExitCode {
    match failure.kind {
        FailureKind::Script | FailureKind::Archive => ExitCode::ScriptFailed,
        FailureKind::Options => ExitCode::OptionsWrong,
        FailureKind::Machine => ExitCode::Machine,
        FailureKind::TimedOut | FailureKind::Other => ExitCode::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Completeness, Loss, RunResult};
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::AgentName;
    use crate::run::Wants;
    use crate::tests::{part, submission};

    fn exit(change: impl FnOnce(&mut Run, &mut RunResult)) -> (ExitCode, String) {
        let mut run = Run::new(submission(Wants::default()), 1, Timestamp(0));
        let mut result = RunResult {
            at: Timestamp(1),
            reason: None,
            verdict: Verdict::Pass,
            completeness: Completeness { assignments: 2, ..Completeness::default() },
            summary: Vec::new(),
        };
        change(&mut run, &mut result);
        run.result = Some(result);
        run.exit().unwrap()
    }

    fn loss() -> Loss {
        let (assignment, at) = (part("b", 1), Timestamp(7));
        Loss { assignment, at, last_window: 3, covered_ms: 3_210, taken_over_by: None }
    }

    #[test]
    fn a_run_that_goes_on_has_none() {
        assert_eq!(Run::new(submission(Wants::default()), 1, Timestamp(0)).exit(), None);
        assert_eq!(exit(|_, _| {}), (ExitCode::Success, String::new()));
    }

    #[test]
    fn an_incomplete_result_is_no_success_and_says_what_is_missing() {
        let (code, text) = exit(|_, result| result.completeness.losses.push(loss()));
        assert_eq!(code, ExitCode::Incomplete);
        assert!(text.contains("`b`") && text.contains("window 3") && text.contains("3.2 s"), "{text}");
        let (code, text) = exit(|_, result| result.completeness.left_out = 2);
        assert!(code == ExitCode::Incomplete && text.contains("2 checkpoints"), "{text}");
        let (code, text) = exit(|run, _| run.teardown.cut_short.push(part("b", 1)));
        assert!(code == ExitCode::Incomplete && text.contains("teardown"), "{text}");
        // What the thresholds say goes first, so that nobody takes a failed test for a lost agent.
        let failed = exit(|_, result| {
            result.completeness.losses.push(loss());
            result.verdict = Verdict::Fail;
        });
        assert_eq!(failed.0, ExitCode::ThresholdsFailed);
    }

    #[test]
    fn what_ended_it_early_goes_first() {
        let failure = |kind| Failure::new(kind, "why");
        let (agent, text) = (AgentName::new("b").unwrap(), || "why".to_owned());
        let codes = [
            (AbortReason::Stopped { by: text() }, ExitCode::Stopped),
            (AbortReason::Interrupted { by: text() }, ExitCode::Interrupted),
            (AbortReason::Threshold { metric: text() }, ExitCode::ThresholdsFailed),
            (AbortReason::Script { message: text() }, ExitCode::ScriptAborted),
            (AbortReason::AgentLost { agent: agent.clone(), message: text() }, ExitCode::AgentLost),
            (AbortReason::AgentFailed { agent, failure: failure(FailureKind::Options) }, ExitCode::OptionsWrong),
            (AbortReason::Setup(failure(FailureKind::TimedOut)), ExitCode::SetupTimedOut),
            (AbortReason::Setup(failure(FailureKind::Script)), ExitCode::ScriptFailed),
            (AbortReason::NoAgents { message: text() }, ExitCode::NoAgents),
            (AbortReason::TotalsTooLarge, ExitCode::Incomplete),
        ];
        for (reason, code) in codes {
            let text = reason.to_string();
            let ended = exit(|run, result| {
                result.reason = Some(reason);
                run.marked_failed = Some("marked".to_owned());
                run.teardown.state = CallState::Failed(failure(FailureKind::TimedOut));
            });
            assert_eq!(ended, (code, text));
        }
    }

    #[test]
    fn teardown_goes_before_the_scripts_mark_and_that_before_thresholds() {
        let ended = |teardown: bool, mark: bool| {
            exit(|run, result| {
                result.verdict = Verdict::Fail;
                run.marked_failed = mark.then(|| "marked".to_owned());
                if teardown {
                    let failure = Failure::new(FailureKind::TimedOut, "slow");
                    run.teardown.state = CallState::Failed(failure);
                }
            })
            .0
        };
        assert_eq!(ended(true, true), ExitCode::TeardownTimedOut);
        assert_eq!(ended(false, true), ExitCode::MarkedFailed);
        assert_eq!(ended(false, false), ExitCode::ThresholdsFailed);
    }
}
