//! Sets of tags: what tells the series of one metric apart.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An immutable set of tags, sorted by key, each key once. Cloning is cheap.
#[derive(Clone, Default)]
pub struct TagSet(Option<Arc<Inner>>);

struct Inner {
    pairs: Box<[(Box<str>, Box<str>)]>,
    hash: u64,
}

impl TagSet {
    /// The set without tags.
    pub fn empty() -> Self {
        Self(None)
    }

    /// The set of these pairs. When a key repeats, the later value wins.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<Box<str>>,
        V: Into<Box<str>>,
    {
        let mut sorted: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (key, value) in pairs {
            let key = key.into();
            match sorted.binary_search_by(|pair| pair.0.cmp(&key)) {
                Ok(place) => sorted[place].1 = value.into(),
                Err(place) => sorted.insert(place, (key, value.into())),
            }
        }
        Self::from_sorted(sorted)
    }

    /// This set with one more tag, which replaces one of the same key.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        Self::from_pairs(self.iter().chain([(key, value)]))
    }

    /// This set with those tags laid over it.
    #[must_use]
    pub fn merged(&self, over: &Self) -> Self {
        if over.is_empty() {
            return self.clone();
        }
        if self.is_empty() {
            return over.clone();
        }
        Self::from_pairs(self.iter().chain(over.iter()))
    }

    /// The value of a tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        let pairs = self.pairs();
        let place = pairs.binary_search_by(|pair| (*pair.0).cmp(key)).ok()?;
        Some(&pairs[place].1)
    }

    /// The tags in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn pairs(&self) -> &[(Box<str>, Box<str>)] {
        self.0.as_ref().map_or(&[], |inner| &inner.pairs)
    }

    fn from_sorted(pairs: Vec<(Box<str>, Box<str>)>) -> Self {
        if pairs.is_empty() {
            return Self(None);
        }
        let hash = fingerprint(&pairs);
        Self(Some(Arc::new(Inner { pairs: pairs.into(), hash })))
    }
}

/// FNV-1a over all parts, each closed by a byte that UTF-8 doesn't have.
fn fingerprint(pairs: &[(Box<str>, Box<str>)]) -> u64 {
    let parts = pairs.iter().flat_map(|(key, value)| [key, value]);
    let bytes = parts.flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl PartialEq for TagSet {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || (a.hash == b.hash && a.pairs == b.pairs),
            _ => false,
        }
    }
}

impl Eq for TagSet {}

impl Hash for TagSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.as_ref().map_or(0, |inner| inner.hash));
    }
}

impl fmt::Debug for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_pairs_makes_no_difference_and_the_later_value_wins() {
        let a = TagSet::from_pairs([("b", "2"), ("a", "0"), ("a", "1")]);
        let b = TagSet::empty().with("a", "1").with("b", "2");
        assert_eq!(a, b);
        assert_eq!(a.get("a"), Some("1"));
        assert_eq!(a.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn sets_whose_bytes_run_together_differ() {
        let a = TagSet::from_pairs([("a", "bc")]);
        let b = TagSet::from_pairs([("ab", "c")]);
        assert_ne!(a, b);
        assert_ne!(a, TagSet::empty());
        assert_eq!(a.get("ab"), None);
    }

    #[test]
    fn merging_lays_the_other_set_on_top() {
        let run = TagSet::from_pairs([("env", "a"), ("host", "h")]);
        let call = TagSet::from_pairs([("env", "b"), ("name", "n")]);
        let expected = TagSet::from_pairs([("env", "b"), ("host", "h"), ("name", "n")]);
        assert_eq!(run.merged(&call), expected);
    }
}
