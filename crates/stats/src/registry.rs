//! All metrics of a run, numbered.

use std::collections::HashMap;

use crate::builtin;
use crate::metric::{Definition, MetricError, MetricId, is_valid_name};

/// Most metrics a run may have, built-in ones included.
const MAX_METRICS: usize = 10_000;

/// The metrics of a run: the built-in ones, then the script's own in the order in
/// which they were registered.
#[derive(Debug, Clone)]
pub struct Registry {
    definitions: Vec<Definition>,
    by_name: HashMap<String, MetricId>,
}

impl Registry {
    /// A registry that holds the metrics of [`crate::builtin`].
    pub fn new() -> Self {
        let mut registry = Self { definitions: Vec::new(), by_name: HashMap::new() };
        for (name, kind, contains) in builtin::ALL {
            registry.insert(Definition::new(name, kind, contains));
        }
        registry
    }

    /// Adds a metric and returns its number. The same definition twice is the same
    /// metric (k6's rule).
    ///
    /// # Errors
    ///
    /// When the name isn't valid or is taken by a metric of another kind or
    /// contents, or when there are 10,000 metrics.
    pub fn register(&mut self, definition: Definition) -> Result<MetricId, MetricError> {
        if !is_valid_name(&definition.name) {
            return Err(MetricError::Name(definition.name));
        }
        if let Some(id) = self.find(&definition.name) {
            let existing = self.get(id);
            if *existing == definition {
                return Ok(id);
            }
            return Err(MetricError::Conflict {
                existing_kind: existing.kind.as_str(),
                existing_contains: existing.contains.as_str(),
                kind: definition.kind.as_str(),
                contains: definition.contains.as_str(),
                name: definition.name,
            });
        }
        if self.definitions.len() >= MAX_METRICS {
            return Err(MetricError::TooMany(MAX_METRICS));
        }
        Ok(self.insert(definition))
    }

    /// The definition of a metric of this registry.
    ///
    /// # Panics
    ///
    /// When the number comes from a registry with more metrics.
    pub fn get(&self, metric: MetricId) -> &Definition {
        &self.definitions[metric.index()]
    }

    /// The metric of that name.
    pub fn find(&self, name: &str) -> Option<MetricId> {
        self.by_name.get(name).copied()
    }

    /// All metrics in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (MetricId, &Definition)> {
        (0..).map(MetricId).zip(&self.definitions)
    }

    /// How many metrics there are.
    pub fn len(&self) -> usize {
        self.definitions.len()
    }

    /// Never: the built-in metrics are always there.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    fn insert(&mut self, definition: Definition) -> MetricId {
        let id = MetricId(self.definitions.len() as u32);
        self.by_name.insert(definition.name.clone(), id);
        self.definitions.push(definition);
        id
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Contains, Kind};

    #[test]
    fn the_same_definition_twice_is_one_metric() {
        let mut registry = Registry::new();
        let first = registry.register(Definition::new("my_time", Kind::Trend, Contains::Time));
        let second = registry.register(Definition::new("my_time", Kind::Trend, Contains::Time));
        assert_eq!(first, second);
        assert_eq!(registry.find("my_time"), first.ok());
        assert_eq!(registry.len(), builtin::ALL.len() + 1);
    }

    #[test]
    fn another_shape_under_a_taken_name_is_an_error() {
        let mut registry = Registry::new();
        let error = registry.register(Definition::new("http_reqs", Kind::Trend, Contains::Time)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "metric `http_reqs` exists already as a counter of default values; \
             give this trend of time values another name"
        );
    }
}
