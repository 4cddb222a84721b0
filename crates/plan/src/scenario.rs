//! One scenario of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load_model::LoadModel;

/// What the user calls a scenario: a load model with the function it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Key in `scenarios`; `default` for the short forms.
    pub name: String,
    /// What starts when.
    pub model: LoadModel,
    /// When it begins, from the start of the run.
    pub start: Duration,
    /// How long started iterations may go on after the regular duration.
    pub graceful_stop: Duration,
    /// Name of the function that its iterations call.
    pub exec: String,
    /// Name of the function that runs once before the load, for this scenario alone; none without.
    pub setup: Option<String>,
    /// Environment variables over those of the run.
    pub env: BTreeMap<String, String>,
    /// Tags of all its samples.
    pub tags: BTreeMap<String, String>,
}

impl Scenario {
    /// k6's default for [`Scenario::graceful_stop`].
    pub const DEFAULT_GRACEFUL_STOP: Duration = Duration::from_secs(30);

    /// k6's default for [`Scenario::exec`], and the name of a scenario made from short forms.
    pub const DEFAULT: &'static str = "default";

    /// A scenario with k6's defaults.
    pub fn new(name: impl Into<String>, model: LoadModel) -> Self {
        Self {
            name: name.into(),
            model,
            start: Duration::ZERO,
            graceful_stop: Self::DEFAULT_GRACEFUL_STOP,
            exec: Self::DEFAULT.to_owned(),
            setup: None,
            env: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// When no more iterations start, from the start of the run.
    pub fn regular_end(&self) -> Duration {
        self.start.saturating_add(self.model.regular_duration())
    }

    /// When running iterations are cut, from the start of the run.
    pub fn hard_end(&self) -> Duration {
        self.regular_end().saturating_add(self.graceful_stop)
    }
}
