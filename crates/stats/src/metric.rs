//! What a metric is: its name, how samples combine, what they measure.

use std::fmt;

/// How a metric's samples are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Their sum.
    Counter,
    /// The last one, with the smallest and the largest.
    Gauge,
    /// The share of samples that aren't zero.
    Rate,
    /// Their distribution.
    Trend,
}

impl Kind {
    /// k6's name, as it stands in the JSON summary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Rate => "rate",
            Self::Trend => "trend",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a metric's values are, which decides how they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contains {
    /// Plain numbers.
    Default,
    /// Milliseconds.
    Time,
    /// Bytes.
    Data,
}

impl Contains {
    /// k6's name, as it stands in the JSON summary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Time => "time",
            Self::Data => "data",
        }
    }
}

/// A metric as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// A letter or `_`, then 1 to 128 letters, digits or `_`.
    pub name: String,
    /// How samples are combined.
    pub kind: Kind,
    /// What the values are.
    pub contains: Contains,
}

impl Definition {
    /// A definition that isn't checked yet; [`crate::Registry::register`] does that.
    pub fn new(name: impl Into<String>, kind: Kind, contains: Contains) -> Self {
        Self { name: name.into(), kind, contains }
    }
}

/// Number of a metric in its [`crate::Registry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId(pub(crate) u32);

impl MetricId {
    /// Position in [`crate::Registry::iter`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a metric could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The name breaks k6's rule.
    #[error(
        "metric name `{0}` isn't valid: it begins with a letter or `_`, followed by 1 to 128 letters, digits or `_`"
    )]
    Name(String),
    /// The name is taken by a metric of another shape.
    #[error(
        "metric `{name}` exists already as a {existing_kind} of {existing_contains} values; give this {kind} of {contains} values another name"
    )]
    Conflict {
        /// The name.
        name: String,
        /// What exists.
        existing_kind: &'static str,
        /// What its values are.
        existing_contains: &'static str,
        /// What was asked for.
        kind: &'static str,
        /// What its values would be.
        contains: &'static str,
    },
    /// There are as many metrics as there may be.
    #[error("there are {0} metrics already, the most that a run may have")]
    TooMany(usize),
}

/// k6's rule for names: 2 to 129 characters, of ASCII letters, digits and `_`, the
/// first not a digit.
pub(crate) fn is_valid_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first_fits = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first_fits && (2..=129).contains(&name.len()) && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_k6s_rule() {
        for name in ["ab", "_1", "Requests_per_Second", &"a".repeat(129)] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "a", "1a", "a-b", "a.b", "a b", "äb", &"a".repeat(130)] {
            assert!(!is_valid_name(name), "{name}");
        }
    }
}
