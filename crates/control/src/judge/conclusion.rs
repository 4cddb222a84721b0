//! Why a run ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::run::FailureKind;

/// Why a run ended. It is kept with results: names stay, and new ones come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Every scenario came to its end.
    Finished,
    /// By a signal, or by whoever started it.
    Interrupted,
    /// By somebody else's decision.
    Stopped,
    /// A threshold with `abortOnFail` failed.
    ThresholdAbort,
    /// The script called `abort`.
    ScriptAbort(String),
    /// setup failed.
    SetupFailed(String),
    /// setup took too long: the run's, or a scenario's own.
    SetupTimeout {
        /// The scenario's name; none for the run's.
        scenario: Option<String>,
        /// How long it may take.
        limit: Duration,
    },
    /// teardown failed.
    TeardownFailed(String),
    /// teardown took too long.
    TeardownTimeout(Duration),
    /// An agent of a group was lost.
    AgentLost(String),
    /// An agent of a group can't do its part.
    AgentFailed {
        /// What kind of thing went wrong there.
        kind: FailureKind,
        /// Which agent, and why.
        message: String,
    },
    /// A group had too few agents for too long.
    NoAgents(String),
    /// Something else of a group's.
    Failed(String),
}

impl Ending {
    /// Why the run isn't complete; none if it came to its regular end or a threshold's.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        Some(match self {
            Self::Finished | Self::ThresholdAbort => return None,
            Self::Interrupted => "the run was interrupted".to_owned(),
            Self::Stopped => "the run was stopped".to_owned(),
            Self::ScriptAbort(message) => format!("the script aborted the run: {message}"),
            Self::SetupFailed(message) => format!("setup failed: {message}"),
            Self::TeardownFailed(message) => format!("teardown failed: {message}"),
            Self::SetupTimeout { scenario, limit } => {
                let of = scenario.as_ref().map(|name| format!(" of scenario `{name}`")).unwrap_or_default();
                format!("setup{of} took longer than {limit:?}; the option setupTimeout sets that limit")
            }
            Self::TeardownTimeout(limit) => {
                format!("teardown took longer than {limit:?}; the option teardownTimeout sets that limit")
            }
            Self::AgentLost(message)
            | Self::AgentFailed { message, .. }
            | Self::NoAgents(message)
            | Self::Failed(message) => message.clone(),
        })
    }
}

/// How setup, teardown or the script's own summary failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// It took longer than it may.
    Timeout(Duration),
    /// The run was told to stop while it went on.
    Aborted,
    /// The script failed.
    Fault(String),
}

/// Why a run ends, by what has happened so far. The first reason to end early wins; a setup that fails after it doesn't
/// count, and a teardown counts only where there is no other reason.
#[derive(Clone, Debug, Default)]
pub struct Conclusion {
    aborting: Option<Ending>,
    /// What holds once the load is over, or can't begin.
    settled: Option<Ending>,
    marked_failed: Option<String>,
}

impl Conclusion {
    /// The run is to end early. Whether this is the first reason: then everything under way is to be cut.
    pub fn abort(&mut self, ending: Ending) -> bool {
        let is_first = self.aborting.is_none();
        self.aborting.get_or_insert(ending);
        is_first
    }

    /// Whether it is to end early.
    #[must_use]
    pub fn is_aborting(&self) -> bool {
        self.aborting.is_some()
    }

    /// The script marked the run as failed; its first message is kept.
    pub fn mark_failed(&mut self, message: String) {
        self.marked_failed.get_or_insert(message);
    }

    /// The message of that.
    #[must_use]
    pub fn marked_failed(&self) -> Option<&str> {
        self.marked_failed.as_deref()
    }

    /// Setup failed, the run's or that of a scenario: there is no load.
    pub fn fail_setup(&mut self, scenario: Option<&str>, failure: CallFailure) {
        let aborted = self.aborting.take();
        self.settled = Some(aborted.unwrap_or(match failure {
            CallFailure::Timeout(limit) => Ending::SetupTimeout { scenario: scenario.map(str::to_owned), limit },
            CallFailure::Fault(fault) => Ending::SetupFailed(match scenario {
                Some(name) => format!("scenario `{name}`: {fault}"),
                None => fault,
            }),
            CallFailure::Aborted => Ending::Interrupted,
        }));
    }

    /// The load is over, or there was none.
    pub fn end_load(&mut self) {
        let aborted = self.aborting.take();
        self.settled.get_or_insert(aborted.unwrap_or(Ending::Finished));
    }

    /// Teardown failed.
    pub fn fail_teardown(&mut self, failure: CallFailure) {
        if self.ending() == Ending::Finished {
            self.settled = Some(match failure {
                CallFailure::Timeout(limit) => Ending::TeardownTimeout(limit),
                CallFailure::Fault(fault) => Ending::TeardownFailed(fault),
                CallFailure::Aborted => Ending::Interrupted,
            });
        }
    }

    /// Why the run ended, if nothing else happens.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let reason = self.settled.as_ref().or(self.aborting.as_ref());
        reason.cloned().unwrap_or(Ending::Finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_wins() {
        let mut conclusion = Conclusion::default();
        assert_eq!(conclusion.ending(), Ending::Finished);
        assert!(conclusion.abort(Ending::Stopped));
        assert!(!conclusion.abort(Ending::Interrupted));
        conclusion.fail_setup(None, CallFailure::Fault("late".to_owned()));
        assert_eq!(conclusion.ending(), Ending::Stopped);
        conclusion.end_load();
        conclusion.fail_teardown(CallFailure::Aborted);
        assert_eq!(conclusion.ending(), Ending::Stopped);
    }

    #[test]
    fn a_setup_that_fails_is_the_ending_unless_it_was_cut() {
        let ending = |scenario, failure| {
            let mut conclusion = Conclusion::default();
            conclusion.fail_setup(scenario, failure);
            conclusion.ending()
        };
        let limit = Duration::from_secs(3);
        let timeout = Ending::SetupTimeout { scenario: Some("a".to_owned()), limit };
        assert_eq!(ending(Some("a"), CallFailure::Timeout(limit)), timeout);
        let fault = || CallFailure::Fault("no".to_owned());
        assert_eq!(ending(None, fault()), Ending::SetupFailed("no".to_owned()));
        assert_eq!(ending(Some("a"), fault()), Ending::SetupFailed("scenario `a`: no".to_owned()));
        assert_eq!(ending(None, CallFailure::Aborted), Ending::Interrupted);
    }

    #[test]
    fn a_teardown_that_fails_counts_where_nothing_else_does() {
        let after = |abort: Option<Ending>, failure| {
            let mut conclusion = Conclusion::default();
            abort.map(|ending| conclusion.abort(ending));
            conclusion.end_load();
            assert!(!conclusion.is_aborting(), "teardown can be cut once more");
            conclusion.fail_teardown(failure);
            conclusion.ending()
        };
        let fault = || CallFailure::Fault("no".to_owned());
        assert_eq!(after(None, fault()), Ending::TeardownFailed("no".to_owned()));
        assert_eq!(after(None, CallFailure::Aborted), Ending::Interrupted);
        assert_eq!(after(Some(Ending::ThresholdAbort), fault()), Ending::ThresholdAbort);
    }

    #[test]
    fn a_script_marks_a_run_as_failed_once() {
        let mut conclusion = Conclusion::default();
        conclusion.mark_failed("a".to_owned());
        conclusion.mark_failed("b".to_owned());
        assert_eq!((conclusion.marked_failed(), conclusion.ending()), (Some("a"), Ending::Finished));
    }
}
