//! What merged windows don't say of totals: the last whiles of thresholds, and the bounds of counts.

use std::time::Duration;

use super::Totals;
use super::cell::Cell;
use crate::builtin;
use crate::tags::TagSet;
use crate::window::{SourceId, Window, WindowError, WindowSeries};

/// Seconds of counts that stay open to reports in totals that go on from others: what comes later than that after a
/// restoration counts in the last value alone.
const OPEN_SECONDS: u64 = 5;

/// What totals that are made anew of merged windows have to know beside these.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TotalsMemory {
    /// Of each while that is kept, in its order, the steps, each as the bytes of a window.
    pub spans: Vec<Vec<Vec<u8>>>,
    /// Of the gauges that are counts: the metric's place, a second, and the bounds of the sums before that.
    pub counts: Vec<(usize, u64, f64, f64)>,
}

impl Totals {
    /// What merged windows don't say of them.
    #[must_use]
    pub fn memory(&self) -> TotalsMemory {
        let spans = self.recent.iter().map(|recent| {
            let steps = recent.steps().map(|(at, delta)| {
                let series = WindowSeries { metric: recent.metric, tags: TagSet::empty(), delta: delta.clone() };
                Window { source: SourceId::default(), at, series: vec![series], overflows: Vec::new() }.encode()
            });
            steps.collect()
        });
        let counts = self.registry.iter().filter(|(metric, _)| builtin::is_summed_gauge(*metric));
        let counts = counts.filter_map(|(metric, _)| match self.tally.cell(metric)? {
            Cell::Summed(gauge) => {
                let (second, min, max) = gauge.bounds_before(OPEN_SECONDS)?;
                Some((metric.index(), second, min, max))
            }
            Cell::Plain(_) => None,
        });
        TotalsMemory { spans: spans.collect(), counts: counts.collect() }
    }

    /// Takes in what others have merged, as a whole. Before it come [`Totals::remember`]'s counts; to the last whiles it adds
    /// nothing.
    pub fn restore(&mut self, merged: &Window) {
        let recent = std::mem::take(&mut self.recent);
        self.merge(merged);
        self.recent = recent;
    }

    /// Begins with what other totals of the same metrics and thresholds know.
    ///
    /// # Errors
    ///
    /// When the steps of the whiles aren't such.
    pub fn remember(&mut self, memory: &TotalsMemory) -> Result<(), WindowError> {
        for (recent, steps) in self.recent.iter_mut().zip(&memory.spans) {
            for step in steps {
                let Window { at, series, .. } = Window::decode(step, &self.registry)?;
                series.iter().for_each(|series| recent.merge(at, series));
            }
        }
        let metrics: Vec<_> = self.registry.iter().map(|(metric, _)| metric).collect();
        for (place, second, min, max) in &memory.counts {
            if let Some(metric) = metrics.iter().find(|metric| metric.index() == *place)
                && builtin::is_summed_gauge(*metric)
            {
                self.tally.begin_count(*metric, *second, (*min, *max));
            }
        }
        Ok(())
    }
}

impl super::recent::Recent {
    /// Its steps, each with when it ends.
    fn steps(&self) -> impl Iterator<Item = (Duration, &crate::aggregate::Aggregate)> {
        let step = self.step();
        self.numbered()
            .map(move |(number, aggregate)| (step.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)), aggregate))
    }
}
