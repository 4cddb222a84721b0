//! From and to what other crates have.

use std::time::Duration;

use throng_stats::Outcome;

use super::{LogLevel, RunState, ThresholdOutcome};

impl From<&Outcome> for ThresholdOutcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            metric: outcome.metric.clone(),
            expression: outcome.expression.clone(),
            ok: outcome.ok,
            value: outcome.value,
            abort: outcome.abort,
        }
    }
}

impl From<ThresholdOutcome> for Outcome {
    fn from(outcome: ThresholdOutcome) -> Self {
        let ThresholdOutcome { metric, expression, ok, value, abort } = outcome;
        Self { metric, expression, ok, value, abort }
    }
}

/// A duration as fields named `…_ms` have it. What is longer than 584 million years counts as that.
#[must_use]
pub fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a field named `…_ms` means.
#[must_use]
pub fn from_ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl RunState {
    /// What people and `--json` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unknown",
            Self::Preparing => "preparing",
            Self::PausedBeforeStart => "paused before start",
            Self::Setup => "setup",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Teardown => "teardown",
            Self::Ended => "ended",
            Self::Waiting => "waiting for agents",
            Self::Draining => "draining",
        }
    }
}

impl RunState {
    /// Whether it waits for Resume.
    #[must_use]
    pub fn is_paused(self) -> bool {
        matches!(self, Self::Paused | Self::PausedBeforeStart)
    }
}

impl LogLevel {
    /// What `--json` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unknown",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RunStatus;
    use super::*;
    use prost::Message;

    fn outcomes() -> [Outcome; 3] {
        let outcome = |ok, value, abort| Outcome {
            metric: "http_req_duration{name:login}".to_owned(),
            expression: "p(95)<500".to_owned(),
            ok,
            value,
            abort,
        };
        [outcome(true, Some(0.0), false), outcome(false, Some(f64::MAX), true), outcome(true, None, false)]
    }

    #[test]
    fn an_outcome_comes_over_the_wire_as_it_is() {
        for outcome in outcomes() {
            let bytes = ThresholdOutcome::from(&outcome).encode_to_vec();
            let read = ThresholdOutcome::decode(bytes.as_slice()).unwrap();
            assert_eq!(Outcome::from(read), outcome, "a value of 0 isn't the same as none");
        }
    }

    #[test]
    fn durations_are_whole_milliseconds_up_to_the_longest() {
        assert_eq!(to_ms(Duration::from_micros(1_999)), 1);
        assert_eq!(from_ms(to_ms(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(to_ms(Duration::MAX), u64::MAX);
        assert_eq!(from_ms(u64::MAX).as_millis(), u128::from(u64::MAX));
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        // Field 1000, a string, and a state that there isn't yet.
        let mut bytes = RunStatus { run_id: "r1".to_owned(), state: 1_000, ..RunStatus::default() }.encode_to_vec();
        bytes.extend([0xc2, 0x3e, 2, b'h', b'i']);
        let read = RunStatus::decode(bytes.as_slice()).unwrap();
        assert_eq!((read.run_id.as_str(), read.state()), ("r1", RunState::Unspecified));
    }
}
