//! The members of one object, read by name; null counts as not given.

use std::time::Duration;

use serde_json::{Map, Value};

use super::reader::{Place, Reader, member};

/// An object, with where it stands.
pub(super) struct Members<'a> {
    pub(super) object: &'a Map<String, Value>,
    pub(super) path: &'a str,
}

impl Members<'_> {
    /// A member, if it is given and `read` finds nothing wrong with it.
    pub(super) fn read<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        read: impl FnOnce(&mut Reader<'_>, Place<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.given(key)?;
        read(reader, Place::new(value, &self.path_of(key)))
    }

    pub(super) fn bool(&self, reader: &mut Reader<'_>, key: &str) -> Option<bool> {
        self.read(reader, key, |reader, place| reader.bool(place))
    }

    pub(super) fn string(&self, reader: &mut Reader<'_>, key: &str) -> Option<String> {
        self.read(reader, key, |reader, place| reader.string(place))
    }

    /// A duration of at least `min`.
    pub(super) fn duration(&self, reader: &mut Reader<'_>, key: &str, min: Duration) -> Option<Duration> {
        self.read(reader, key, |reader, place| reader.duration(place, min))
    }

    /// A duration of at least `min`, or `default` if it isn't given.
    pub(super) fn duration_or(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        min: Duration,
        default: Duration,
    ) -> Option<Duration> {
        match self.given(key) {
            Some(_) => self.duration(reader, key, min),
            None => Some(default),
        }
    }

    /// A whole number of at least 1, which is also the default.
    pub(super) fn whole_or_one(&self, reader: &mut Reader<'_>, key: &str, max: u64) -> Option<u64> {
        match self.given(key) {
            Some(_) => self.read(reader, key, |reader, place| reader.whole(place, 1, max)),
            None => Some(1),
        }
    }

    /// A whole number within limits, or `default` if it isn't given.
    pub(super) fn whole_or(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        (min, max): (u64, u64),
        default: u64,
    ) -> Option<u64> {
        match self.given(key) {
            Some(_) => self.read(reader, key, |reader, place| reader.whole(place, min, max)),
            None => Some(default),
        }
    }

    /// Notes a member that must be given and isn't.
    pub(super) fn require(&self, reader: &mut Reader<'_>, key: &str, hint: &str) {
        if self.given(key).is_none() {
            reader.fault(&self.path_of(key), format!("is required{hint}"));
        }
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        member(self.path, key)
    }

    fn given(&self, key: &str) -> Option<&Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }
}
