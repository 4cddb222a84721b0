//! Checks by number, shared by the VUs of a shard.

use std::collections::HashMap;

use throng_stats::{SeriesId, TagSet, builtin};

use crate::series::{Place, Series};

/// Most checks of a shard.
const CHECKS_MAX: usize = 65_536;

/// Registered checks, each with the series of the places where it was recorded.
#[derive(Default)]
pub(crate) struct Names {
    numbers: HashMap<TagSet, u32>,
    checks: Vec<Check>,
}

struct Check {
    tags: TagSet,
    /// By place. Mostly one, or a few: a search is quicker than a hash.
    series: Vec<(u32, SeriesId)>,
}

impl Names {
    pub(crate) fn register(&mut self, name: String, tags: TagSet) -> Result<u32, String> {
        if name.contains("::") {
            return Err(format!("the check's name {name:?} contains \"::\", which separates groups in a path"));
        }
        if let Some(number) = self.numbers.get(&tags) {
            return Ok(*number);
        }
        if self.checks.len() >= CHECKS_MAX {
            return Err(format!("{CHECKS_MAX} checks are registered: put what varies into a tag, not into the name"));
        }
        let number = self.checks.len() as u32;
        self.numbers.insert(tags.clone(), number);
        self.checks.push(Check { tags, series: Vec::new() });
        Ok(number)
    }

    /// A check's own tags.
    pub(crate) fn tags(&self, check: u32) -> Option<&TagSet> {
        self.checks.get(check as usize).map(|check| &check.tags)
    }

    pub(crate) fn series(&mut self, check: u32, place: &Place, series: &Series) -> Result<SeriesId, String> {
        const PLACES_MAX: usize = 64;
        let count = self.checks.len();
        let check =
            self.checks.get_mut(check as usize).ok_or_else(|| format!("there is no check {check} of {count}"))?;
        if let Some((_, known)) = check.series.iter().find(|(number, _)| *number == place.number) {
            return Ok(*known);
        }
        let id = series.of(builtin::CHECKS, place, &check.tags);
        if check.series.len() >= PLACES_MAX {
            check.series.clear();
        }
        check.series.push((place.number, id));
        Ok(id)
    }
}
