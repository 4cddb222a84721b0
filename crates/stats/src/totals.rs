//! The whole run so far: all windows of all shards, merged.

use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::builtin;
use crate::checks::Checks;
use crate::metric::MetricId;
use crate::overflow::Overflow;
use crate::registry::Registry;
use crate::selector::Selector;
use crate::window::{Window, WindowSeries};
use recent::Recent;
use submetrics::Submetrics;

mod cell;
mod detail;
mod memory;
mod recent;
mod submetrics;
mod summed;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use detail::{Detail, GroupTotals};
pub use memory::TotalsMemory;
pub(crate) use recent::Lately;
pub(crate) use tally::Tally;

/// The submetric that every run has (k6's rule).
const EXPECTED_RESPONSES: &str = "http_req_duration{expected_response:true}";

/// Everything recorded since the start of a run, per metric, per submetric and
/// per check. Its size depends on how many names there are, not on time.
#[derive(Debug, Clone)]
pub struct Totals {
    registry: Arc<Registry>,
    tally: Tally,
    submetrics: Submetrics,
    recent: Vec<Recent>,
    groups: Vec<String>,
    detail: Option<Detail>,
    overflows: Vec<Overflow>,
    /// When the newest window was taken.
    newest: Duration,
}

impl Totals {
    /// Totals without samples that keep each of these selectors apart, and
    /// `http_req_duration{expected_response:true}`. Selectors of metrics that don't exist
    /// are left out; [`crate::Thresholds::validate`] reports those.
    pub fn new(registry: Arc<Registry>, selectors: &[Selector]) -> Self {
        let mut totals = Self {
            tally: Tally::new(registry.len()),
            submetrics: Submetrics::new(registry.len()),
            recent: Vec::new(),
            groups: Vec::new(),
            detail: None,
            overflows: Vec::new(),
            newest: Duration::ZERO,
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

    /// Keeps the last while of these apart too, as far back as each says: for [`crate::Thresholds::spans`].
    #[must_use]
    pub fn with_spans(mut self, spans: &[(Selector, Duration)]) -> Self {
        for (selector, span) in spans {
            if let Some(metric) = self.registry.find(selector.metric())
                && !self.recent.iter().any(|recent| recent.span == *span && recent.selector == *selector)
            {
                let kind = self.registry.get(metric).kind;
                self.recent.push(Recent::new(selector.clone(), metric, kind, *span));
            }
        }
        self
    }

    /// Keeps totals per scenario and per group too, which the full summary shows.
    #[must_use]
    pub fn with_detail(mut self) -> Self {
        self.detail = Some(Detail::default());
        self
    }

    /// Adds the samples of a window. In whichever order windows come, the totals are the same: of gauges the value with
    /// the latest stamp is the last one, and the gauges that are counts, such as `vus`, are summed over series and
    /// recorders, second by second.
    pub fn merge(&mut self, window: &Window) {
        for series in &window.series {
            self.tally.merge(series);
            self.submetrics.merge(series);
            let recent = self.recent.iter_mut().filter(|recent| recent.metric == series.metric);
            for recent in recent.filter(|recent| recent.selector.matches(&series.tags)) {
                recent.merge(window.at, series);
            }
            self.note_group(series);
            if let Some(detail) = &mut self.detail {
                detail.merge(self.registry.len(), series);
            }
        }
        self.newest = self.newest.max(window.at);
        for overflow in &window.overflows {
            overflow.clone().note(&mut self.overflows);
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
        let metric = self.registry.find(selector.metric())?;
        if !selector.is_submetric() {
            return self.metric(metric);
        }
        self.submetrics.get(selector, metric)
    }

    /// Lets go of what is longer ago than the spans that are kept, counted from then.
    pub(crate) fn advance(&mut self, now: Duration) {
        self.recent.iter_mut().for_each(|recent| recent.advance(now));
    }

    /// What the samples of the last while come to that a selector looks at, after [`Totals::advance`]. Of a gauge it is
    /// the last value if it was set since then.
    pub(crate) fn lately(&self, selector: &Selector, span: Duration, now: Duration) -> Lately<'_> {
        let recent = self.recent.iter().find(|recent| recent.span == span && recent.selector == *selector);
        let Some(recent) = recent else { return Lately { aggregate: None, covered: Duration::ZERO } };
        let mut lately = recent.at(now);
        if let Some(gauge @ Aggregate::Gauge { stamp, .. }) = self.selected(selector) {
            lately.aggregate = Some(gauge).filter(|_| stamp.at + span > now);
        }
        lately
    }

    /// When the newest window was taken.
    pub(crate) fn newest(&self) -> Duration {
        self.newest
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

    /// The metrics that had more series than are kept, with the names of these metrics, in the order in which that was
    /// told.
    pub fn overflows(&self) -> impl Iterator<Item = (&str, &Overflow)> {
        let overflows = self.overflows.iter();
        overflows.map(|overflow| (self.registry.get(overflow.metric).name.as_str(), overflow))
    }

    /// Bytes of memory that the samples take; the names of metrics, tags, groups and checks aside. Depends on how many
    /// of these there are, and not on how long the run is.
    pub fn held_bytes(&self) -> usize {
        let recent: usize = self.recent.iter().map(Recent::held_bytes).sum();
        let detail = self.detail.as_ref().map_or(0, Detail::held_bytes);
        self.tally.held_bytes() + self.submetrics.held_bytes() + recent + detail
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn detail(&self) -> Option<&Detail> {
        self.detail.as_ref()
    }

    /// The submetrics that summaries show, each with its metric.
    pub(crate) fn submetrics(&self) -> impl Iterator<Item = (&Selector, MetricId, Option<&Aggregate>)> {
        self.submetrics.shown()
    }

    fn keep_apart(&mut self, selector: &Selector, asked_for: bool) {
        if let Some(metric) = self.registry.find(selector.metric()).filter(|_| selector.is_submetric()) {
            self.submetrics.keep_apart(selector, metric, asked_for);
        }
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
