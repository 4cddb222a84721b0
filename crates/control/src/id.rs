//! What agents, runs, archives and parts of runs are named by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::NAME_BYTES_MAX;

/// Why a text names no agent and no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` can't be a name; a name has 1 to {NAME_BYTES_MAX} letters, digits, dots, dashes and underscores, such as \
     `eu-1`"
)]
pub struct NameError(String);

fn checked(name: &str) -> Result<String, NameError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    let end = name.char_indices().nth(NAME_BYTES_MAX).map_or(name.len(), |(end, _)| end);
    Err(NameError(name[..end].to_owned()))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name, if the text can be one.
            ///
            /// # Errors
            ///
            /// When it is empty, too long, or has other characters than ASCII letters, digits, `.`, `-` and `_`.
            pub fn new(name: &str) -> Result<Self, NameError> {
                checked(name).map(Self)
            }

            /// The name as a text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(&name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// An agent, by the name that its user gave it.
    AgentName
}
name! {
    /// A run, by the id that its client chose.
    RunId
}

/// One life of an agent's process: a number that it draws when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// The SHA-256 of an archive, by which it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut digest = [0; 32];
        for (n, byte) in digest.iter_mut().enumerate().filter(|_| is_hex) {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
        }
        is_hex.then_some(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A version of a run's segment table. The first is 1; every reassignment raises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u32);

impl Epoch {
    /// That of a run's first table.
    pub const FIRST: Self = Self(1);
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names an assignment within a run: an agent gets at most one in an epoch, and keeps it in later ones. So the epoch is
/// that in which the assignment was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssignmentId {
    /// The epoch in which it was made.
    pub epoch: Epoch,
    /// Who has it.
    pub agent: AgentName,
}

impl fmt::Display for AssignmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (epoch {})", self.agent, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["a", "eu-1.example_2", &"x".repeat(NAME_BYTES_MAX)] {
            assert_eq!(AgentName::new(name).unwrap().as_str(), name);
        }
        for name in ["", "a b", "ä", "a/b", "a\n", &"x".repeat(NAME_BYTES_MAX + 1), &"ä".repeat(200)] {
            let error = RunId::new(name).unwrap_err().to_string();
            assert!(error.contains("such as `eu-1`") && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn names_from_a_log_are_checked_too() {
        let bytes = postcard::to_stdvec("not a name").unwrap();
        assert!(postcard::from_bytes::<AgentName>(&bytes).is_err());
    }

    #[test]
    fn digests_are_64_digits() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(Digest::parse(&text).unwrap().to_string(), text);
        assert_eq!(Digest::parse(&text.to_uppercase()), Digest::parse(&text));
        for wrong in ["", &text[1..], &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }
}
