//! Outcomes of checks, by group and name.

use std::collections::HashMap;

/// One check in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Path of the group, `::outer::inner`; empty for none.
    pub group: String,
    /// What the script calls it.
    pub name: String,
    /// How often it passed.
    pub passes: u64,
    /// How often it failed.
    pub fails: u64,
}

/// Checks in the order in which they were first seen. There are as many as there are
/// series at most, whatever the length of the run.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    list: Vec<Check>,
    places: HashMap<String, HashMap<String, usize>>,
}

impl Checks {
    /// All checks, the first seen first.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The outcomes of checks of the same name in all groups together.
    pub fn by_name(&self) -> Vec<Check> {
        let mut merged = Self::default();
        for check in &self.list {
            merged.add("", &check.name, check.passes, check.fails);
        }
        merged.list
    }

    pub(crate) fn add(&mut self, group: &str, name: &str, passes: u64, fails: u64) {
        let place = self.places.get(group).and_then(|names| names.get(name));
        let place = match place {
            Some(&place) => place,
            None => self.insert(group, name),
        };
        self.list[place].passes += passes;
        self.list[place].fails += fails;
    }

    fn insert(&mut self, group: &str, name: &str) -> usize {
        let place = self.list.len();
        self.list.push(Check { group: group.to_owned(), name: name.to_owned(), passes: 0, fails: 0 });
        let names = self.places.entry(group.to_owned()).or_default();
        names.insert(name.to_owned(), place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_of_one_name_in_two_groups_are_two_and_merge_by_name() {
        let mut checks = Checks::default();
        checks.add("::a", "is 200", 1, 0);
        checks.add("", "ready", 1, 0);
        checks.add("::b", "is 200", 0, 2);
        checks.add("::a", "is 200", 3, 0);
        let seen: Vec<_> = checks.iter().map(|c| (&*c.group, c.passes)).collect();
        assert_eq!(seen, [("::a", 4), ("", 1), ("::b", 0)]);
        let merged = checks.by_name();
        assert_eq!(merged.len(), 2);
        assert_eq!((merged[0].passes, merged[0].fails), (4, 2));
    }
}
