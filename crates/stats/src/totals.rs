//! The whole run so far: all windows of all shards, merged.

use std::sync::Arc;

use crate::aggregate::Aggregate;
use crate::builtin;
use crate::checks::Checks;
use crate::metric::MetricId;
use crate::registry::Registry;
use crate::selector::Selector;
use crate::window::{Window, WindowSeries};
use cell::Cell;

mod cell;
mod detail;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use detail::{Detail, GroupTotals};
pub(crate) use tally::Tally;

/// The submetric that every run has (k6's rule).
const EXPECTED_RESPONSES: &str = "http_req_duration{expected_response:true}";

/// Everything recorded since the start of a run, per metric, per submetric and
/// per check. Its size depends on how many names there are, not on time.
#[derive(Debug, Clone)]
pub struct Totals {
    registry: Arc<Registry>,
    tally: Tally,
    submetrics: Vec<Submetric>,
    /// For each metric the submetrics of it.
    submetrics_of: Vec<Vec<usize>>,
    groups: Vec<String>,
    detail: Option<Detail>,
    overflowed: Vec<MetricId>,
}

#[derive(Debug, Clone)]
struct Submetric {
    selector: Selector,
    metric: MetricId,
    cell: Option<Cell>,
    /// Whether it stands in summaries even without samples.
    asked_for: bool,
}

impl Totals {
    /// Totals without samples that keep each of these selectors apart, and
    /// `http_req_duration{expected_response:true}`. Selectors of metrics that don't exist
    /// are left out; [`crate::Thresholds::validate`] reports those.
    pub fn new(registry: Arc<Registry>, selectors: &[Selector]) -> Self {
        let mut totals = Self {
            tally: Tally::new(registry.len()),
            submetrics: Vec::new(),
            submetrics_of: vec![Vec::new(); registry.len()],
            groups: Vec::new(),
            detail: None,
            overflowed: Vec::new(),
            registry,
        };
        for selector in selectors {
            totals.keep_apart(selector, true);
        }
        if let Ok(always) = Selector::parse(EXPECTED_RESPONSES) {
            totals.keep_apart(&always, false);
        }
        totals
    }

    /// Keeps totals per scenario and per group too, which the full summary shows.
    #[must_use]
    pub fn with_detail(mut self) -> Self {
        self.detail = Some(Detail::default());
        self
    }

    /// Adds the samples of a window. The last values of gauges are those of the window
    /// that was taken last; the gauges `vus` and `vus_max` are summed over series and
    /// recorders.
    pub fn merge(&mut self, window: &Window) {
        for series in &window.series {
            self.tally.merge(window, series);
            for &place in &self.submetrics_of[series.metric.index()] {
                let submetric = &mut self.submetrics[place];
                if submetric.selector.matches(&series.tags) {
                    Cell::merge_into(&mut submetric.cell, window, series);
                }
            }
            self.note_group(series);
            if let Some(detail) = &mut self.detail {
                detail.merge(self.registry.len(), window, series);
            }
        }
        for metric in &window.overflowed {
            if !self.overflowed.contains(metric) {
                self.overflowed.push(*metric);
            }
        }
    }

    /// The metrics.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What a metric's samples come to; none without samples.
    pub fn metric(&self, metric: MetricId) -> Option<&Aggregate> {
        self.tally.metric(metric)
    }

    /// What the samples that a selector looks at come to. None without samples, and
    /// for a selector that these totals were not made with.
    pub fn selected(&self, selector: &Selector) -> Option<&Aggregate> {
        if !selector.is_submetric() {
            return self.metric(self.registry.find(selector.metric())?);
        }
        let submetric = self.submetrics.iter().find(|s| s.selector == *selector)?;
        submetric.cell.as_ref().map(Cell::aggregate)
    }

    /// Outcomes of the checks.
    pub fn checks(&self) -> &Checks {
        self.tally.checks()
    }

    /// Paths of the groups that were entered, the first seen first: those of samples of
    /// `group_duration` and `checks` with the tag `group`.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Names of the metrics that had more series than a recorder keeps.
    pub fn overflowed(&self) -> impl Iterator<Item = &str> {
        let names = self.overflowed.iter();
        names.map(|metric| self.registry.get(*metric).name.as_str())
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn detail(&self) -> Option<&Detail> {
        self.detail.as_ref()
    }

    /// The submetrics that summaries show, each with its metric.
    pub(crate) fn submetrics(&self) -> impl Iterator<Item = (&Selector, MetricId, Option<&Aggregate>)> {
        let shown = self.submetrics.iter();
        shown
            .filter(|submetric| submetric.asked_for || submetric.cell.is_some())
            .map(|s| (&s.selector, s.metric, s.cell.as_ref().map(Cell::aggregate)))
    }

    fn keep_apart(&mut self, selector: &Selector, asked_for: bool) {
        if !selector.is_submetric() || self.submetrics.iter().any(|s| s.selector == *selector) {
            return;
        }
        let Some(metric) = self.registry.find(selector.metric()) else {
            return;
        };
        self.submetrics_of[metric.index()].push(self.submetrics.len());
        self.submetrics.push(Submetric { selector: selector.clone(), metric, cell: None, asked_for });
    }

    fn note_group(&mut self, series: &WindowSeries) {
        if series.metric != builtin::GROUP_DURATION && series.metric != builtin::CHECKS {
            return;
        }
        if let Some(group) = series.tags.get("group").filter(|group| !group.is_empty())
            && !self.groups.iter().any(|known| known == group)
        {
            self.groups.push(group.to_owned());
        }
    }
}
