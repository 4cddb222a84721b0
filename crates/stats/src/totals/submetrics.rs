//! The submetrics of a run: the parts of metrics that thresholds select.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::cell::Cell;
use crate::aggregate::Aggregate;
use crate::metric::MetricId;
use crate::selector::Selector;
use crate::tags::TagSet;
use crate::window::WindowSeries;

/// One submetric.
#[derive(Debug, Clone)]
pub(super) struct Submetric {
    pub(super) selector: Selector,
    pub(super) metric: MetricId,
    cell: Option<Cell>,
    /// Whether it stands in summaries even without samples.
    asked_for: bool,
}

/// Submetrics, found by the values of a series' tags: a metric may have thousands of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Submetrics {
    list: Vec<Submetric>,
    /// For each metric the sets of keys that its selectors have.
    of_metric: Vec<Vec<SameKeys>>,
}

/// The submetrics of one metric whose selectors have the same keys, in the same order.
#[derive(Debug, Clone)]
struct SameKeys {
    keys: Vec<String>,
    /// By the hash of these keys' values.
    places: HashMap<u64, Vec<usize>>,
}

impl Submetrics {
    pub(super) fn new(metrics: usize) -> Self {
        Self { list: Vec::new(), of_metric: vec![Vec::new(); metrics] }
    }

    /// Keeps the samples that a selector looks at apart. Once for each selector.
    pub(super) fn keep_apart(&mut self, selector: &Selector, metric: MetricId, asked_for: bool) {
        if self.place_of(selector, metric).is_some() {
            return;
        }
        let place = self.list.len();
        self.list.push(Submetric { selector: selector.clone(), metric, cell: None, asked_for });
        let keys = selector.tags().iter().map(|(key, _)| key);
        let values = selector.tags().iter().map(|(_, value)| Some(value.as_str()));
        let Some(hash) = hash_of(values) else { return };
        let same_keys = &mut self.of_metric[metric.index()];
        let known = same_keys.iter().position(|known| known.keys.iter().eq(keys.clone()));
        let known = known.unwrap_or_else(|| {
            same_keys.push(SameKeys { keys: keys.cloned().collect(), places: HashMap::new() });
            same_keys.len() - 1
        });
        same_keys[known].places.entry(hash).or_default().push(place);
    }

    /// Adds a series' delta to the submetrics that it belongs to.
    pub(super) fn merge(&mut self, series: &WindowSeries) {
        for same_keys in &self.of_metric[series.metric.index()] {
            for &place in same_keys.places_of(&series.tags) {
                let submetric = &mut self.list[place];
                if submetric.selector.matches(&series.tags) {
                    Cell::merge_into(&mut submetric.cell, series);
                }
            }
        }
    }

    /// What the samples that a selector looks at come to.
    pub(super) fn get(&self, selector: &Selector, metric: MetricId) -> Option<&Aggregate> {
        let place = self.place_of(selector, metric)?;
        self.list[place].cell.as_ref().map(Cell::aggregate)
    }

    /// Those that stand in summaries.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&Selector, MetricId, Option<&Aggregate>)> {
        let shown = self.list.iter().filter(|submetric| submetric.asked_for || submetric.cell.is_some());
        shown.map(|s| (&s.selector, s.metric, s.cell.as_ref().map(Cell::aggregate)))
    }

    /// Bytes of memory that their samples take.
    pub(super) fn held_bytes(&self) -> usize {
        self.list.iter().filter_map(|submetric| submetric.cell.as_ref()).map(Cell::held_bytes).sum()
    }

    fn place_of(&self, selector: &Selector, metric: MetricId) -> Option<usize> {
        let keys = || selector.tags().iter().map(|(key, _)| key);
        let same_keys = self.of_metric[metric.index()].iter().find(|known| known.keys.iter().eq(keys()))?;
        let hash = hash_of(selector.tags().iter().map(|(_, value)| Some(value.as_str())))?;
        let places = same_keys.places.get(&hash)?;
        places.iter().copied().find(|place| self.list[*place].selector == *selector)
    }
}

impl SameKeys {
    fn places_of(&self, tags: &TagSet) -> &[usize] {
        let hash = hash_of(self.keys.iter().map(|key| tags.get(key)));
        hash.and_then(|hash| self.places.get(&hash)).map_or(&[], Vec::as_slice)
    }
}

/// None if a value is missing.
fn hash_of<'a>(mut values: impl Iterator<Item = Option<&'a str>>) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    values.try_for_each(|value| value.map(|value| value.hash(&mut hasher)))?;
    Some(hasher.finish())
}
