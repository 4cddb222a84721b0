//! Thresholds: what a run's metrics must satisfy for it to pass.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::aggregate::Aggregate;
use crate::metric::Kind;
use crate::registry::Registry;
use crate::selector::Selector;
use crate::totals::{Lately, Totals};

pub use expression::{Expression, Operator, ThresholdError};
pub(crate) use method::parse_percentile;
pub use method::{Method, MethodError};

mod expression;
mod method;
#[cfg(test)]
mod tests;

/// Windows come once a second; if the newest is older than this, time goes on without.
const WINDOWS_LATE: Duration = Duration::from_secs(2);

/// One expression, what it looks at, and what happens when it fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    expression: Expression,
    abort_on_fail: bool,
    delay_abort: Option<Duration>,
    span: Option<Duration>,
    require_samples: bool,
}

impl Threshold {
    /// Reads an expression such as `p(95)<200`; see [`Expression::parse`].
    ///
    /// # Errors
    ///
    /// When the expression isn't one.
    pub fn parse(expression: &str) -> Result<Self, ThresholdError> {
        Ok(Self {
            expression: Expression::parse(expression)?,
            abort_on_fail: false,
            delay_abort: None,
            span: None,
            require_samples: false,
        })
    }

    /// Makes its failure end the run, after `delay` of run time if that is given.
    #[must_use]
    pub fn abort_on_fail(mut self, delay: Option<Duration>) -> Self {
        self.abort_on_fail = true;
        self.delay_abort = delay;
        self
    }

    /// Has it judged over the last while only, and not over everything since the start. Not k6's.
    #[must_use]
    pub fn over_last(mut self, span: Duration) -> Self {
        self.span = Some(span);
        self
    }

    /// Makes it fail at the end if there are no samples to judge; k6 has a rate pass then. Not k6's.
    #[must_use]
    pub fn require_samples(mut self) -> Self {
        self.require_samples = true;
        self
    }

    /// The while that it looks at, if not everything since the start.
    pub fn span(&self) -> Option<Duration> {
        self.span
    }

    /// Whether it fails without samples.
    pub fn requires_samples(&self) -> bool {
        self.require_samples
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
    /// The expression as the user wrote it, with the while that it looks at, if that isn't the whole run:
    /// `p(95)<200 over the last 30s`.
    pub expression: String,
    /// Whether it holds. Without a value it does, unless it requires samples.
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

    /// The whiles that thresholds look at, for [`Totals::with_spans`].
    pub fn spans(&self) -> Vec<(Selector, Duration)> {
        let entries = self.entries.iter();
        entries.flat_map(|(selector, list)| list.iter().filter_map(|one| Some((selector.clone(), one.span?)))).collect()
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

    /// Judges all thresholds on everything since the start (k6's rules), or on the last while where one says so.
    ///
    /// `elapsed` is the run time so far, from before setup; counter rates are divided
    /// by it. During a run (`last` false) metrics without samples are skipped: they pass
    /// without a value. At the last evaluation a counter, gauge or trend without samples is
    /// 0, and a rate without samples passes; one that requires samples fails. Only
    /// evaluations during a run abort it.
    ///
    /// A last while ends with the newest window, but for when none has come for some seconds during the run.
    pub fn evaluate(&self, totals: &mut Totals, elapsed: Duration, last: bool) -> Vec<Outcome> {
        let newest = totals.newest();
        let now = if last || elapsed.saturating_sub(newest) <= WINDOWS_LATE { newest } else { elapsed };
        totals.advance(now);
        let mut outcomes = Vec::new();
        for (selector, list) in &self.entries {
            let Some(metric) = totals.registry().find(selector.metric()) else {
                continue;
            };
            let empty = Aggregate::empty(totals.registry().get(metric).kind);
            for threshold in list {
                let Lately { aggregate, covered } = match threshold.span {
                    Some(span) => totals.lately(selector, span, now),
                    None => Lately { aggregate: totals.selected(selector), covered: elapsed },
                };
                let missing = aggregate.is_none() && threshold.require_samples;
                let aggregate = aggregate.or((last && !missing).then_some(&empty));
                outcomes.push(threshold.judge(selector, aggregate, covered, (elapsed, last)));
            }
        }
        outcomes
    }
}

impl Threshold {
    /// The outcome at a run time, which is the last one or not; of samples from a stretch of `covered`.
    fn judge(
        &self,
        selector: &Selector,
        aggregate: Option<&Aggregate>,
        covered: Duration,
        (elapsed, last): (Duration, bool),
    ) -> Outcome {
        let expression = &self.expression;
        let value = aggregate.and_then(|aggregate| expression.method().value_of(aggregate, covered));
        let ok = match value {
            Some(value) => expression.holds_for(value),
            None => !(last && self.require_samples),
        };
        Outcome {
            metric: selector.to_string(),
            expression: self.to_string(),
            ok,
            value,
            abort: !ok && !last && self.aborts_at(elapsed),
        }
    }
}

/// The expression as it was written; see [`Outcome::expression`].
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expression.source())?;
        match self.span {
            Some(span) => write!(f, " over the last {span:?}"),
            None => Ok(()),
        }
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
