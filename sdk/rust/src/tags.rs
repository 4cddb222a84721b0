//! Sets of tags.

use crate::bindings::throng::script::tags;
use std::sync::atomic::{AtomicU32, Ordering};

/// A set of tags that samples carry: a number, since the host keeps the pairs.
///
/// [`tags!`](crate::tags!) makes one of constant pairs and asks the host only once; [`Tags::new`] makes one of any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags(u32);

impl Tags {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Interns a set. When a key repeats, the later value wins. Each different set is kept for the whole run of the
    /// VU: tags are for some dozens of values, never for ids.
    ///
    /// # Panics
    ///
    /// When a key is empty, or after 65,536 different sets.
    #[track_caller]
    pub fn new<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        match tags::intern(&pairs) {
            Ok(set) => Self(set),
            Err(reason) => panic!("tags: {reason}"),
        }
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// The tags of something that is to be sent or opened: a set, or pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnTags {
    set: Tags,
    pairs: Vec<(String, String)>,
}

impl OwnTags {
    pub(crate) fn set(&mut self, set: Tags) {
        self.set = set;
    }

    pub(crate) fn add(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.pairs.push((key.into(), value.into()));
    }

    /// The set's number. Neither is left out silently where both were given.
    #[track_caller]
    pub(crate) fn number(self) -> u32 {
        if self.pairs.is_empty() {
            return self.set.number();
        }
        assert!(self.set == Tags::NONE, "tags are given as one set or by pairs (`tag`, `name`), not both");
        Tags::new(self.pairs).number()
    }
}

/// A set of constant pairs, interned at its first use. What [`tags!`](crate::tags!) expands to.
#[doc(hidden)]
#[derive(Debug)]
pub struct ConstantTags {
    pairs: &'static [(&'static str, &'static str)],
    /// One more than the set's number, so that zero stands for "not asked yet".
    number_plus_one: AtomicU32,
}

impl ConstantTags {
    /// Nothing is asked of the host yet.
    pub const fn new(pairs: &'static [(&'static str, &'static str)]) -> Self {
        Self { pairs, number_plus_one: AtomicU32::new(0) }
    }

    /// The set.
    #[track_caller]
    pub fn get(&self) -> Tags {
        match self.number_plus_one.load(Ordering::Relaxed) {
            0 => {
                let tags = Tags::new(self.pairs.iter().copied());
                self.number_plus_one.store(tags.0 + 1, Ordering::Relaxed);
                tags
            }
            number => Tags(number - 1),
        }
    }
}

/// Makes [`Tags`] of pairs that are constant, asking the host once per VU.
///
/// ```no_run
/// use throng::prelude::*;
///
/// let res = http::Request::get(env("TARGET")).tags(tags! { "page" => "home", "kind" => "html" }).send();
/// ```
#[macro_export]
macro_rules! tags {
    ($($key:literal => $value:literal),* $(,)?) => {{
        static TAGS: $crate::registry::ConstantTags = $crate::registry::ConstantTags::new(&[$(($key, $value)),*]);
        TAGS.get()
    }};
}
