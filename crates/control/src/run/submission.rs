//! What a client wants of a run.

use serde::{Deserialize, Serialize};
use throng_plan::{AgentRule, OnAgentLoss};
use throng_stats::{Contains, Definition, Kind, Registry};

use crate::id::{Digest, RunId};
use crate::limits::{AGENT_RULES_MAX, LABEL_BYTES_MAX, OPTIONS_BYTES_MAX};
use crate::refusal::Refusal;

/// A run as it is submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its id. Submitting it again with the same archive is of no effect.
    pub run: RunId,
    /// The test.
    pub archive: Digest,
    /// Who submits it, for people.
    pub client: String,
    /// The options as JSON in k6's shape, all layers in one. Not looked at.
    pub options: Vec<u8>,
    /// The script's own metrics, in the order in which it registers them.
    pub metrics: Vec<CustomMetric>,
    /// What the group has to know of the test.
    pub wants: Wants,
}

/// What the group has to know of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// Which agents; all without a rule.
    pub agents: Vec<AgentRule>,
    /// How long it waits for these, in milliseconds; [`crate::limits::AGENTS_WAIT_MS`] without.
    pub agents_wait_ms: Option<u64>,
    /// What becomes of it when one is lost.
    pub on_agent_loss: OnAgentLoss,
    /// Whether it waits for [`crate::Action::PauseRun`] once all agents are ready.
    pub paused: bool,
    /// The time limit of its setup; none if it has none.
    pub setup_ms: Option<u64>,
    /// That of its teardown.
    pub teardown_ms: Option<u64>,
    /// That of the script's own summary.
    pub summary_ms: Option<u64>,
    /// How long iterations may go on after their scenario's end: the longest graceful stop.
    pub graceful_stop_ms: u64,
    /// What the summary calls the test: the script's file, as a rule.
    pub test: String,
    /// Whether the script's own summary is made of the machine-readable one, and not of k6's argument of `handleSummary`.
    pub machine_summary: bool,
}

/// A metric that a script declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomMetric {
    /// Its name.
    pub name: String,
    /// How samples are combined.
    pub kind: MetricKind,
    /// What the values are.
    pub contains: MetricContains,
}

/// [`Kind`], as it is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricKind {
    /// A sum.
    Counter,
    /// The last value.
    Gauge,
    /// A share.
    Rate,
    /// A distribution.
    Trend,
}

/// [`Contains`], as it is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricContains {
    /// Plain numbers.
    Default,
    /// Milliseconds.
    Time,
    /// Bytes.
    Data,
}

impl From<&CustomMetric> for Definition {
    fn from(metric: &CustomMetric) -> Self {
        let kind = match metric.kind {
            MetricKind::Counter => Kind::Counter,
            MetricKind::Gauge => Kind::Gauge,
            MetricKind::Rate => Kind::Rate,
            MetricKind::Trend => Kind::Trend,
        };
        let contains = match metric.contains {
            MetricContains::Default => Contains::Default,
            MetricContains::Time => Contains::Time,
            MetricContains::Data => Contains::Data,
        };
        Self::new(metric.name.clone(), kind, contains)
    }
}

impl From<&Definition> for CustomMetric {
    fn from(definition: &Definition) -> Self {
        let kind = match definition.kind {
            Kind::Counter => MetricKind::Counter,
            Kind::Gauge => MetricKind::Gauge,
            Kind::Rate => MetricKind::Rate,
            Kind::Trend => MetricKind::Trend,
        };
        let contains = match definition.contains {
            Contains::Default => MetricContains::Default,
            Contains::Time => MetricContains::Time,
            Contains::Data => MetricContains::Data,
        };
        Self { name: definition.name.clone(), kind, contains }
    }
}

impl Submission {
    /// All metrics of the run, by which its windows are read.
    ///
    /// # Errors
    ///
    /// When one can't be, told to whoever submits it.
    pub fn registry(&self) -> Result<Registry, Refusal> {
        let mut registry = Registry::new();
        for metric in &self.metrics {
            registry.register(metric.into()).map_err(|error| Refusal::Invalid(error.to_string()))?;
        }
        Ok(registry)
    }

    /// What is wrong with it whatever the state.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let too_large = |what: &str, limit: usize| Refusal::TooLarge { what: what.to_owned(), limit: limit as u64 };
        if self.options.len() > OPTIONS_BYTES_MAX {
            return Err(too_large("the JSON of the options", OPTIONS_BYTES_MAX));
        }
        if self.wants.agents.len() > AGENT_RULES_MAX {
            return Err(Refusal::TooMany { what: "rules of agents".to_owned(), limit: AGENT_RULES_MAX as u64 });
        }
        let tags = self.wants.agents.iter().flat_map(|rule| &rule.tags).flat_map(|(key, value)| [key, value]);
        if tags.chain([&self.client, &self.wants.test]).any(|text| text.len() > LABEL_BYTES_MAX) {
            return Err(too_large("the client's name, that of the test or a tag of agents", LABEL_BYTES_MAX));
        }
        self.registry().map(drop)
    }
}
