//! Durations as options spell them.

use serde_json::Value;
use std::time::Duration;

/// A duration in k6's spelling, `1m30s`, or made of a [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationText(String);

impl From<&str> for DurationText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for DurationText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<Duration> for DurationText {
    /// Milliseconds where that is exact, nanoseconds otherwise.
    fn from(duration: Duration) -> Self {
        if duration.subsec_nanos().is_multiple_of(1_000_000) {
            Self(format!("{}ms", duration.as_millis()))
        } else {
            Self(format!("{}ns", duration.as_nanos()))
        }
    }
}

impl From<DurationText> for Value {
    fn from(duration: DurationText) -> Self {
        Self::String(duration.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_duration_is_lost() {
        assert_eq!(DurationText::from(Duration::from_secs(90)).0, "90000ms");
        assert_eq!(DurationText::from(Duration::from_nanos(1_500_001)).0, "1500001ns");
    }
}
