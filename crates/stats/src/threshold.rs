//! Thresholds: what a run's metrics must satisfy for it to pass.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::metric::Kind;
use crate::registry::Registry;
use crate::selector::Selector;
use crate::totals::Totals;

pub use expression::{Expression, Operator, ThresholdError};
pub(crate) use method::parse_percentile;
pub use method::{Method, MethodError};

mod expression;
mod method;
#[cfg(test)]
mod tests;

/// One expression, and what happens when it fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    expression: Expression,
    abort_on_fail: bool,
    delay_abort: Option<Duration>,
}

impl Threshold {
    /// Reads an expression such as `p(95)<200`; see [`Expression::parse`].
    ///
    /// # Errors
    ///
    /// When the expression isn't one.
    pub fn parse(expression: &str) -> Result<Self, ThresholdError> {
        Ok(Self { expression: Expression::parse(expression)?, abort_on_fail: false, delay_abort: None })
    }

    /// Makes its failure end the run, after `delay` of run time if that is given.
    #[must_use]
    pub fn abort_on_fail(mut self, delay: Option<Duration>) -> Self {
        self.abort_on_fail = true;
        self.delay_abort = delay;
        self
    }

    /// The expression.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Whether its failure ends the run, and then after which run time, if not at once.
    pub fn abort(&self) -> Option<Option<Duration>> {
        self.abort_on_fail.then_some(self.delay_abort)
    }

    fn aborts_at(&self, elapsed: Duration) -> bool {
        self.abort_on_fail && self.delay_abort.is_none_or(|delay| elapsed > delay)
    }
}

/// The thresholds of a run by metric, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds {
    entries: Vec<(Selector, Vec<Threshold>)>,
}

/// A threshold that can't be judged on the metrics that exist.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValidationError {
    /// There is no such metric.
    #[error("there is no metric `{metric}`; declare it in the script or correct the name")]
    UnknownMetric {
        /// Its name.
        metric: String,
    },
    /// The method doesn't go with the metric's kind.
    #[error(
        "`{expression}`: {metric} is a {kind}, which has no `{method}`; use {allowed}",
        allowed = Method::names_for(*kind)
    )]
    Method {
        /// The metric as the threshold names it.
        metric: String,
        /// The expression.
        expression: String,
        /// Its method.
        method: String,
        /// The metric's kind.
        kind: Kind,
    },
}

impl ValidationError {
    /// The metric, or its part, as it was written.
    pub fn metric(&self) -> &str {
        match self {
            Self::UnknownMetric { metric } | Self::Method { metric, .. } => metric,
        }
    }
}

/// What became of one threshold at one evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The metric or submetric as it stands in summaries.
    pub metric: String,
    /// The expression as the user wrote it.
    pub expression: String,
    /// Whether it holds. Without a value it does.
    pub ok: bool,
    /// What it compared, in the metric's unit. None for a rate without samples, for a counter's
    /// rate at 0 s and, during a run, for a metric without samples.
    pub value: Option<f64>,
    /// Whether the run must end now because it fails.
    pub abort: bool,
}

impl Thresholds {
    /// No thresholds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the thresholds of a metric or submetric. An empty list is kept: its submetric is
    /// shown in summaries (as in k6).
    pub fn add(&mut self, selector: Selector, thresholds: Vec<Threshold>) {
        let known = self.entries.iter_mut().find(|entry| entry.0 == selector);
        match known {
            Some((_, list)) => list.extend(thresholds),
            None => self.entries.push((selector, thresholds)),
        }
    }

    /// The metrics and submetrics, for [`Totals::new`].
    pub fn selectors(&self) -> Vec<Selector> {
        let entries = self.entries.iter();
        entries.map(|(selector, _)| selector.clone()).collect()
    }

    /// The thresholds by metric.
    pub fn iter(&self) -> impl Iterator<Item = (&Selector, &[Threshold])> {
        self.entries.iter().map(|(key, list)| (key, list.as_slice()))
    }

    /// Whether there are no thresholds at all.
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|(_, list)| list.is_empty())
    }

    /// Everything in them that the registered metrics don't allow.
    pub fn validate(&self, registry: &Registry) -> Vec<ValidationError> {
        let entries = self.entries.iter();
        entries.flat_map(|(selector, list)| validate_entry(selector, list, registry)).collect()
    }

    /// Judges all thresholds on everything since the start (k6's rules).
    ///
    /// `elapsed` is the run time so far, from before setup; counter rates are divided
    /// by it. During a run (`last` false) metrics without samples are skipped: they pass
    /// without a value. At the last evaluation a counter, gauge or trend without samples is
    /// 0, and a rate without samples passes. Only evaluations during a run abort it.
    pub fn evaluate(&self, totals: &Totals, elapsed: Duration, last: bool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (selector, list) in &self.entries {
            let Some(metric) = totals.registry().find(selector.metric()) else {
                continue;
            };
            let kind = totals.registry().get(metric).kind;
            let empty = last.then(|| Aggregate::empty(kind));
            let aggregate = totals.selected(selector).or(empty.as_ref());
            for threshold in list {
                let expression = &threshold.expression;
                let value = aggregate.and_then(|a| expression.method().value_of(a, elapsed));
                let ok = value.is_none_or(|value| expression.holds_for(value));
                outcomes.push(Outcome {
                    metric: selector.to_string(),
                    expression: expression.source().to_owned(),
                    ok,
                    value,
                    abort: !ok && !last && threshold.aborts_at(elapsed),
                });
            }
        }
        outcomes
    }
}

/// The metrics with failed thresholds, each once, in alphabetical order.
pub fn failed_metrics(outcomes: &[Outcome]) -> Vec<&str> {
    let failed = outcomes.iter().filter(|outcome| !outcome.ok);
    let names: BTreeSet<&str> = failed.map(|outcome| outcome.metric.as_str()).collect();
    names.into_iter().collect()
}

fn validate_entry(selector: &Selector, list: &[Threshold], registry: &Registry) -> Vec<ValidationError> {
    let Some(metric) = registry.find(selector.metric()) else {
        return vec![ValidationError::UnknownMetric { metric: selector.metric().to_owned() }];
    };
    let kind = registry.get(metric).kind;
    let misfits = list.iter().filter(|threshold| !threshold.expression.method().fits(kind));
    misfits
        .map(|threshold| ValidationError::Method {
            metric: selector.to_string(),
            expression: threshold.expression.source().trim().to_owned(),
            method: threshold.expression.method().to_string(),
            kind,
        })
        .collect()
}
