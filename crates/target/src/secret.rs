//! Marks that only this server can have made: tokens, sessions and nonces need no table then.

use std::hash::{BuildHasher, Hasher, RandomState};

use sha2::{Digest, Sha256};

/// Bytes of a mark; as text it has twice as many digits.
const MARK_BYTES: usize = 16;

/// A key that is made anew at every start.
#[derive(Debug)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// From the keys of the standard library's hash maps: random, though not for guarding what matters.
    pub(crate) fn random() -> Self {
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self(key)
    }

    /// The mark of a text for a purpose. It is cut, so that nothing can be appended to what was marked.
    pub(crate) fn mark(&self, purpose: &str, text: &str) -> String {
        let digest = Sha256::new().chain_update(self.0).chain_update(purpose).chain_update([0]).chain_update(text);
        hex(&digest.finalize()[..MARK_BYTES])
    }

    /// A number that follows from another, and looks random to all who don't have the key.
    pub(crate) fn number(&self, of: u64) -> u64 {
        let digest = Sha256::new().chain_update(self.0).chain_update(of.to_le_bytes()).finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The text of `text.mark`, if the mark is ours.
    pub(crate) fn open<'a>(&self, purpose: &str, sealed: &'a str) -> Option<&'a str> {
        let (text, mark) = sealed.rsplit_once('.')?;
        (self.mark(purpose, text) == mark).then_some(text)
    }

    /// `text.mark`.
    pub(crate) fn seal(&self, purpose: &str, text: &str) -> String {
        format!("{text}.{}", self.mark(purpose, text))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_for_the_purpose_opens() {
        let secret = Secret::random();
        let sealed = secret.seal("session", "a.b");
        assert_eq!(secret.open("session", &sealed), Some("a.b"));
        assert_eq!(secret.open("token", &sealed), None);
        assert_eq!(secret.open("session", &format!("x{sealed}")), None);
        assert_eq!(Secret::random().open("session", &sealed), None);
        assert_eq!(secret.open("session", "nothing"), None);
    }
}
