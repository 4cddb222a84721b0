//! All metrics of one scope: the run, a scenario or a group.

use super::cell::Cell;
use super::summed::SummedGauge;
use crate::aggregate::Aggregate;
use crate::builtin;
use crate::checks::Checks;
use crate::metric::MetricId;
use crate::window::WindowSeries;

/// What each metric and each check come to.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    cells: Vec<Option<Cell>>,
    checks: Checks,
}

impl Tally {
    pub(super) fn new(metrics: usize) -> Self {
        Self { cells: vec![None; metrics], checks: Checks::default() }
    }

    pub(super) fn merge(&mut self, series: &WindowSeries) {
        Cell::merge_into(&mut self.cells[series.metric.index()], series);
        if series.metric != builtin::CHECKS {
            return;
        }
        // Without the tag `check` (its system tag is off, or the series overflowed) a
        // check counts in the metric only.
        if let (Some(name), Aggregate::Rate { trues, total }) = (series.tags.get("check"), &series.delta) {
            let group = series.tags.get("group").unwrap_or("");
            self.checks.add(group, name, *trues, total - trues);
        }
    }

    pub(crate) fn metric(&self, metric: MetricId) -> Option<&Aggregate> {
        let cell = self.cells.get(metric.index())?;
        cell.as_ref().map(Cell::aggregate)
    }

    pub(super) fn cell(&self, metric: MetricId) -> Option<&Cell> {
        self.cells.get(metric.index())?.as_ref()
    }

    /// A gauge that is a count goes on from that second, with these bounds of the sums before it.
    pub(super) fn begin_count(&mut self, metric: MetricId, second: u64, bounds: (f64, f64)) {
        if let Some(cell) = self.cells.get_mut(metric.index()) {
            *cell = Some(Cell::Summed(Box::new(SummedGauge::going_on(second, bounds))));
        }
    }

    /// Bytes of memory that its samples take.
    pub(super) fn held_bytes(&self) -> usize {
        let cells: usize = self.cells.iter().flatten().map(Cell::held_bytes).sum();
        cells + self.cells.len() * size_of::<Option<Cell>>()
    }

    pub(crate) fn checks(&self) -> &Checks {
        &self.checks
    }
}
