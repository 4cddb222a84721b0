//! What is wrong with options.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} (from {origin}): {message}")]
pub struct OptionError {
    /// Where it stands, for example `scenarios.load.vus`.
    pub path: String,
    /// The layer.
    pub origin: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionErrors(pub Vec<OptionError>);

impl fmt::Display for OptionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "the options aren't valid: {only}"),
            several => {
                write!(f, "the options aren't valid, in {} places:", several.len())?;
                several.iter().try_for_each(|error| write!(f, "\n  - {error}"))
            }
        }
    }
}

impl std::error::Error for OptionErrors {}
