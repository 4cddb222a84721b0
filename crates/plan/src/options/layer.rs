//! Options from one place.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::OptionError;

/// Options from one place, in k6's shape.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// Where they come from, for messages: `script`, a file's path, `flags`.
    pub origin: String,
    /// An object with k6's keys; null is an empty one.
    pub value: Value,
    /// Where single options come from, by their path, if that says more: `--vus`, `K6_VUS`.
    pub sources: BTreeMap<String, String>,
    /// What was wrong with it before it became a value.
    pub faults: Vec<OptionError>,
}

impl Layer {
    /// Options from one place.
    pub fn new(origin: impl Into<String>, value: Value) -> Self {
        Self { origin: origin.into(), value, ..Self::default() }
    }

    /// Options as a JSON text. One that isn't JSON is a fault of the layer.
    pub fn of_json(origin: impl Into<String>, text: &str) -> Self {
        let layer = Self::new(origin, Value::Null);
        match serde_json::from_str(text) {
            Ok(value) => Self { value, ..layer },
            Err(error) => {
                let path = format!("line {}, column {}", error.line(), error.column());
                // Its text ends with the place.
                let whole = error.to_string();
                let what = whole.split(" at line ").next().unwrap_or_default();
                let message = format!("this isn't valid JSON: {what}");
                Self { faults: vec![OptionError { path, origin: layer.origin.clone(), message }], ..layer }
            }
        }
    }

    /// Where the option at a path comes from, or the one that it is part of.
    pub(super) fn origin_of(&self, path: &str) -> &str {
        let is_of = |source: &str| match path.strip_prefix(source) {
            Some(rest) => rest.is_empty() || rest.starts_with(['.', '[']),
            None => false,
        };
        let nearest = self.sources.iter().filter(|(source, _)| is_of(source)).max_by_key(|(source, _)| source.len());
        nearest.map_or(&self.origin, |(_, origin)| origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_comes_from_the_nearest_place() {
        let sources = [("throng", "a"), ("throng.seed", "b"), ("vus", "--vus")];
        let sources = sources.map(|(path, origin)| (path.to_owned(), origin.to_owned())).into();
        let layer = Layer { sources, ..Layer::new("flags", Value::Null) };
        for (path, origin) in [
            ("vus", "--vus"),
            ("vus[0]", "--vus"),
            ("vusMore", "flags"),
            ("throng", "a"),
            ("throng.seed", "b"),
            ("throng.seed.x", "b"),
            ("throng.other", "a"),
            ("", "flags"),
        ] {
            assert_eq!(layer.origin_of(path), origin, "{path}");
        }
    }
}
