//! Names of runs.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use throng_protocol::control::RUN_ID_BYTES_MAX;

/// Letters of a new id: none that is taken for another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Length of a new id, in letters of five bits.
const LENGTH: usize = 8;

/// Names a run: lower-case letters, digits and dashes, at most [`RUN_ID_BYTES_MAX`] of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

/// That a text isn't the id of a run.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} can't be a run: its id has lower-case letters, digits and dashes, 64 at most; `throng status` names it")]
pub struct RunIdError(String);

impl RunId {
    /// A new one. Two are the same once in 2⁴⁰ times.
    #[must_use]
    pub fn random() -> Self {
        // The standard library seeds its hashes from the kernel's randomness.
        let mut bits = RandomState::new().build_hasher().finish();
        let mut letter = || {
            let letter = LETTERS[(bits % 32) as usize];
            bits /= 32;
            char::from(letter)
        };
        Self((0..LENGTH).map(|_| letter()).collect())
    }

    /// Reads what was typed, or the name of a file.
    ///
    /// # Errors
    /// When it can't be the id of a run.
    pub fn parse(text: &str) -> Result<Self, RunIdError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > RUN_ID_BYTES_MAX || !text.bytes().all(fits) {
            return Err(RunIdError(text.chars().take(RUN_ID_BYTES_MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_one_and_another_each_time() {
        let (one, other) = (RunId::random(), RunId::random());
        assert_eq!(RunId::parse(one.as_str()).unwrap(), one);
        assert_eq!(one.as_str().len(), LENGTH);
        assert_ne!(one, other);
    }

    #[test]
    fn what_could_leave_the_directory_is_no_id() {
        for wrong in ["", ".", "../x", "a/b", "A", "a b", "a.sock", "ü", &"a".repeat(65)] {
            assert!(RunId::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(RunId::parse(&"a".repeat(64)).is_ok());
    }
}
