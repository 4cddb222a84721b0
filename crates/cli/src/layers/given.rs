//! Options one by one, each from a place of its own, as a layer.

use serde_json::{Map, Value};
use throng_plan::{Layer, OptionError};

use super::value::Fault;
use crate::args::OptionRow;

/// Puts single options into a layer.
pub(super) struct Gathered {
    layer: Layer,
    options: Map<String, Value>,
}

impl Gathered {
    pub(super) fn new(origin: &str) -> Self {
        Self { layer: Layer::new(origin, Value::Null), options: Map::new() }
    }

    /// Adds what a flag or a variable gives. `origin` is what its user typed.
    pub(super) fn add(&mut self, row: &OptionRow, origin: &str, given: Result<Option<Value>, Fault>) {
        let value = match given {
            Ok(Some(value)) => value,
            Ok(None) => return,
            Err(message) => return self.fault(row.key, origin, message),
        };
        if let Some(other) = self.layer.sources.insert(row.key.to_owned(), origin.to_owned()) {
            let message = format!("is also given by {other}; leave one of them out");
            return self.fault(row.key, origin, message);
        }
        match row.key.split_once('.') {
            None => drop(self.options.insert(row.key.to_owned(), value)),
            Some((outer, inner)) => {
                let outer = self.options.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                outer[inner] = value;
            }
        }
    }

    /// Adds an option that there is no row for, so that it is told about.
    pub(super) fn add_unsupported(&mut self, key: &str, origin: &str) {
        self.layer.sources.insert(key.to_owned(), origin.to_owned());
        self.options.insert(key.to_owned(), Value::Null);
    }

    pub(super) fn fault(&mut self, path: &str, origin: &str, message: String) {
        self.layer.faults.push(OptionError { path: path.to_owned(), origin: origin.to_owned(), message });
    }

    pub(super) fn into_layer(self) -> Layer {
        Layer { value: Value::Object(self.options), ..self.layer }
    }
}
