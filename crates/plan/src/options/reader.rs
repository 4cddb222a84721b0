//! Strict reading of JSON: each value with its path, each fault noted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::OptionError;
use super::layer::Layer;
use super::partial::Given;
use crate::duration;

/// A value, with where it stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) value: &'a Value,
    path: &'a str,
}

/// Notes what is wrong in one layer.
pub(super) struct Reader<'a> {
    pub(super) layer: &'a Layer,
    pub(super) errors: &'a mut Vec<OptionError>,
}

impl<'a> Place<'a> {
    pub(super) fn new(value: &'a Value, path: &'a str) -> Self {
        Self { value, path }
    }

    pub(super) fn path(&self) -> &str {
        self.path
    }
}

/// The path of a member of an object.
pub(crate) fn member(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.is_empty() || !key.chars().all(is_plain) {
        return format!("{path}[{key:?}]");
    }
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Reader<'_> {
    /// Notes a fault.
    pub(super) fn fault(&mut self, path: &str, message: impl Into<String>) {
        let path = if path.is_empty() { "options" } else { path };
        self.errors.push(OptionError {
            path: path.to_owned(),
            origin: self.layer.origin_of(path).to_owned(),
            message: message.into(),
        });
    }

    /// A value, with where it comes from.
    pub(super) fn given<T>(&self, path: &str, value: T) -> Given<T> {
        Given { value, origin: self.layer.origin_of(path).to_owned() }
    }

    /// Notes a value of the wrong type.
    pub(super) fn wrong_type<T>(&mut self, place: Place<'_>, expected: &str) -> Option<T> {
        let found = describe(place.value);
        self.fault(place.path, format!("must be {expected}, not {found}"));
        None
    }

    /// The members of an object.
    pub(super) fn object<'v>(&mut self, place: Place<'v>) -> Option<&'v Map<String, Value>> {
        match place.value.as_object() {
            Some(object) => Some(object),
            None => self.wrong_type(place, "an object"),
        }
    }

    /// Notes the keys that an object may not have: those of k6 that aren't supported yet with
    /// their own message, and the rest with the nearest name.
    pub(super) fn check_keys(
        &mut self,
        (path, what): (&str, &str),
        object: &Map<String, Value>,
        known: &[&str],
        not_yet: &[(&str, &str)],
    ) {
        for key in object.keys().map(String::as_str) {
            if known.contains(&key) {
                continue;
            }
            let path = member(path, key);
            if let Some((_, remedy)) = not_yet.iter().find(|(name, _)| *name == key) {
                self.fault(&path, format!("`{key}` isn't supported yet; {remedy}"));
            } else {
                let all = known.iter().copied().chain(not_yet.iter().map(|(name, _)| *name));
                let hint = suggestion(key, all).unwrap_or_else(|| match known.len() {
                    ..=12 => format!("; there are {}", known.join(", ")),
                    _ => String::new(),
                });
                self.fault(&path, format!("there is no `{key}` in {what}{hint}"));
            }
        }
    }

    pub(super) fn bool(&mut self, place: Place<'_>) -> Option<bool> {
        match place.value.as_bool() {
            Some(value) => Some(value),
            None => self.wrong_type(place, "true or false"),
        }
    }

    pub(super) fn string(&mut self, place: Place<'_>) -> Option<String> {
        match place.value.as_str() {
            Some(text) => Some(text.to_owned()),
            None => self.wrong_type(place, "a string"),
        }
    }

    /// The value of one of some words.
    pub(super) fn word<T: Copy>(&mut self, place: Place<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(place)?;
        let known = words.iter().find(|(word, _)| *word == text);
        if known.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
            let hint =
                suggestion(&text, names.iter().copied()).unwrap_or_else(|| format!("; there are {}", names.join(", ")));
            self.fault(place.path, format!("`{text}` isn't one of its values{hint}"));
        }
        known.map(|(_, value)| *value)
    }

    /// A whole number within limits. `10.0` is one: JavaScript has no other.
    pub(super) fn whole(&mut self, place: Place<'_>, min: u64, max: u64) -> Option<u64> {
        let Some(number) = place.value.as_number() else {
            return self.wrong_type(place, "a whole number");
        };
        let from_float = || {
            let float = number.as_f64()?;
            (float >= 0.0 && float.fract() == 0.0 && float < 2_f64.powi(53)).then_some(float as u64)
        };
        match number.as_u64().or_else(from_float) {
            Some(value) if (min..=max).contains(&value) => Some(value),
            Some(_) if max < u64::MAX => {
                self.fault(place.path, format!("must be {min} to {max}, not {number}"));
                None
            }
            _ => {
                let message = format!("must be a whole number of at least {min}, not {number}");
                self.fault(place.path, message);
                None
            }
        }
    }

    /// A duration of at least `min`: k6's text, or a number of milliseconds.
    pub(super) fn duration(&mut self, place: Place<'_>, min: Duration) -> Option<Duration> {
        let parsed = match place.value {
            Value::String(text) => duration::parse(text),
            Value::Number(number) => duration::from_ms(number.as_f64().unwrap_or(f64::NAN)),
            _ => {
                let expected = "a duration such as \"1m30s\", or a number of milliseconds";
                return self.wrong_type(place, expected);
            }
        };
        match parsed {
            Ok(value) if value >= min => Some(value),
            Ok(value) => {
                let (min, value) = (duration::format(min), duration::format(value));
                self.fault(place.path, format!("must be at least {min}, not {value}"));
                None
            }
            Err(error) => {
                self.fault(place.path, error.to_string());
                None
            }
        }
    }

    /// An array, each element read by `read`; none if any was at fault.
    pub(super) fn list<T>(
        &mut self,
        place: Place<'_>,
        mut read: impl FnMut(&mut Self, Place<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(array) = place.value.as_array() else {
            return self.wrong_type(place, "an array");
        };
        let items: Vec<_> = array
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let path = format!("{}[{index}]", place.path);
                read(self, Place::new(value, &path))
            })
            .collect();
        items.into_iter().collect()
    }

    /// An object of strings, with rules for keys and values.
    pub(super) fn strings(&mut self, place: Place<'_>, allow_empty_values: bool) -> Option<BTreeMap<String, String>> {
        let mut strings = BTreeMap::new();
        let faults = self.errors.len();
        for (key, value) in self.object(place)? {
            let path = member(place.path, key);
            let Some(text) = self.string(Place::new(value, &path)) else {
                continue;
            };
            if key.is_empty() {
                self.fault(&path, "the name may not be empty");
            } else if text.is_empty() && !allow_empty_values {
                self.fault(&path, "the value may not be empty");
            }
            strings.insert(key.clone(), text);
        }
        (self.errors.len() == faults).then_some(strings)
    }
}

/// `; did you mean ...?` for the nearest of the names, if one is near.
pub(crate) fn suggestion<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    nearest(name, known).map(|nearest| format!("; did you mean `{nearest}`?"))
}

/// The name that is likely to be meant by another, if one is near.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    let (distance, nearest) = known
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&lower, &known.to_lowercase());
            (distance, known)
        })
        .min_by_key(|(distance, _)| *distance)?;
    let is_near = distance <= 1 + name.chars().count() / 4;
    is_near.then_some(nearest)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
