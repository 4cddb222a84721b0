//! Totals per scenario and per group.

use super::tally::Tally;
use crate::window::WindowSeries;

/// The samples of each scenario, and those without one, by group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detail {
    scenarios: Vec<(String, GroupTotals)>,
    /// Groups of samples without a scenario: those of setup and teardown.
    outside: Vec<GroupTotals>,
}

/// The samples that belong to a group or scenario.
#[derive(Debug, Clone)]
pub(crate) struct GroupTotals {
    /// The group's own name; empty for a scenario.
    pub(crate) name: String,
    /// A group's samples without those of groups within; all samples of a scenario.
    pub(crate) tally: Tally,
    /// The groups within, the first seen first.
    pub(crate) groups: Vec<GroupTotals>,
}

impl Detail {
    pub(super) fn merge(&mut self, metrics: usize, series: &WindowSeries) {
        let groups = match series.tags.get("scenario") {
            Some(scenario) => {
                let place = self.scenarios.iter().position(|(name, _)| name == scenario);
                let place = place.unwrap_or_else(|| {
                    let totals = GroupTotals::new("", metrics);
                    self.scenarios.push((scenario.to_owned(), totals));
                    self.scenarios.len() - 1
                });
                let totals = &mut self.scenarios[place].1;
                totals.tally.merge(series);
                &mut totals.groups
            }
            None => &mut self.outside,
        };
        if let Some(path) = series.tags.get("group").filter(|path| !path.is_empty()) {
            merge_into_group(groups, path, metrics, series);
        }
    }

    /// Bytes of memory that the samples take.
    pub(super) fn held_bytes(&self) -> usize {
        let scenarios = self.scenarios.iter().map(|(_, totals)| totals);
        scenarios.chain(&self.outside).map(GroupTotals::held_bytes).sum()
    }

    /// The scenarios with their names.
    pub(crate) fn scenarios(&self) -> &[(String, GroupTotals)] {
        &self.scenarios
    }

    /// Groups of samples without a scenario.
    pub(crate) fn outside(&self) -> &[GroupTotals] {
        &self.outside
    }
}

impl GroupTotals {
    fn new(name: &str, metrics: usize) -> Self {
        Self { name: name.to_owned(), tally: Tally::new(metrics), groups: Vec::new() }
    }

    fn held_bytes(&self) -> usize {
        let within: usize = self.groups.iter().map(Self::held_bytes).sum();
        self.tally.held_bytes() + within
    }
}

/// Walks along `::outer::inner`, making the groups that are missing.
fn merge_into_group(groups: &mut Vec<GroupTotals>, path: &str, metrics: usize, series: &WindowSeries) {
    let path = path.strip_prefix("::").unwrap_or(path);
    let (name, rest) = match path.split_once("::") {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let place = groups.iter().position(|group| group.name == name);
    let place = place.unwrap_or_else(|| {
        groups.push(GroupTotals::new(name, metrics));
        groups.len() - 1
    });
    match rest {
        Some(rest) => merge_into_group(&mut groups[place].groups, rest, metrics, series),
        None => groups[place].tally.merge(series),
    }
}
