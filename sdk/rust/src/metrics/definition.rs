//! What a metric is, and the numbers that the host knows metrics by.

use crate::Tags;
use crate::bindings::Definition as HostDefinition;
use crate::bindings::throng::script::metrics as host;
use std::sync::atomic::{AtomicU32, Ordering};

/// How samples are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Their sum.
    Counter,
    /// The last value, with the smallest and the largest.
    Gauge,
    /// The share of samples that aren't zero.
    Rate,
    /// Their distribution.
    Trend,
}

/// What a metric is called and how it works.
#[derive(Debug)]
pub struct Definition {
    name: &'static str,
    kind: Kind,
    is_time: bool,
    /// One more than the position in the description, so that zero stands for "not looked up yet".
    number_plus_one: AtomicU32,
}

/// A metric's entry in the registry.
#[doc(hidden)]
pub struct Registration(pub &'static Definition);

inventory::collect!(Registration);

impl Definition {
    pub(super) const fn new(name: &'static str, kind: Kind, is_time: bool) -> Self {
        assert!(is_name(name), "a metric's name is a letter or `_`, then 1 to 128 letters, digits or `_`");
        Self { name, kind, is_time, number_plus_one: AtomicU32::new(0) }
    }

    /// Hands a sample to the host.
    pub(super) fn add(&self, value: f64, tags: Tags) {
        let number = match self.number_plus_one.load(Ordering::Relaxed) {
            0 => {
                let number = self.position();
                self.number_plus_one.store(number + 1, Ordering::Relaxed);
                number
            }
            number => number - 1,
        };
        host::add(number, value, tags.number());
    }

    fn position(&self) -> u32 {
        let position = distinct(registered()).iter().position(|other| other.name == self.name);
        match position.and_then(|position| u32::try_from(position).ok()) {
            Some(position) => position,
            None => panic!("the metric {:?} isn't declared with `metrics!`", self.name),
        }
    }
}

/// The script's metrics as the host wants them. The order, the linker's, is the same in every instance, and so a
/// position found later means the same metric.
pub(crate) fn definitions() -> Vec<HostDefinition> {
    let described = |definition: &Definition| HostDefinition {
        name: definition.name.to_owned(),
        kind: match definition.kind {
            Kind::Counter => host::Kind::Counter,
            Kind::Gauge => host::Kind::Gauge,
            Kind::Rate => host::Kind::Rate,
            Kind::Trend => host::Kind::Trend,
        },
        is_time: definition.is_time,
    };
    distinct(registered()).into_iter().map(described).collect()
}

fn registered() -> impl Iterator<Item = &'static Definition> {
    inventory::iter::<Registration>.into_iter().map(|registration| registration.0)
}

/// The first of each name.
///
/// Panics when two of a name differ, since samples of theirs can't be combined.
fn distinct<'a>(definitions: impl Iterator<Item = &'a Definition>) -> Vec<&'a Definition> {
    let mut distinct: Vec<&Definition> = Vec::new();
    for definition in definitions {
        match distinct.iter().find(|other| other.name == definition.name) {
            None => distinct.push(definition),
            Some(first) if first.kind == definition.kind && first.is_time == definition.is_time => {}
            Some(first) => panic!(
                "the metric {:?} is declared both as {} and as {}",
                definition.name,
                first.describe(),
                definition.describe()
            ),
        }
    }
    distinct
}

impl Definition {
    fn describe(&self) -> String {
        format!("{:?}{}", self.kind, if self.is_time { " of times" } else { "" })
    }
}

const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.len() < 2 || bytes.len() > 129 || bytes[0].is_ascii_digit() {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() && bytes[at] != b'_' {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_k6_takes() {
        for name in ["ab", "_1", "http_reqs", &"a".repeat(129)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a", "1a", "a-b", "a b", "ä1", &"a".repeat(130)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_metric_declared_twice_is_one_metric() {
        let (first, again) = (counter("orders"), counter("orders"));
        let other = counter("returns");
        let names: Vec<_> = distinct([&first, &other, &again].into_iter()).iter().map(|metric| metric.name).collect();
        assert_eq!(names, ["orders", "returns"]);
    }

    #[test]
    #[should_panic(expected = "declared both as Counter and as Trend of times")]
    fn a_metric_of_two_types_is_refused() {
        let (first, other) = (counter("orders"), Definition::new("orders", Kind::Trend, true));
        distinct([&first, &other].into_iter());
    }

    fn counter(name: &'static str) -> Definition {
        Definition::new(name, Kind::Counter, false)
    }
}
