//! The figures of `--summary-export`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Where [`Throng::run`](crate::Throng::run) exports it.
pub(crate) const EXPORT: &str = "summary.json";

/// An exported summary.
#[derive(Debug)]
pub struct Summary(Value);

impl Summary {
    pub(crate) fn new(json: Value) -> Self {
        Self(json)
    }

    /// The whole of it.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// One value of a metric, such as `p(95)`.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&self, metric: &str, value: &str) -> Result<f64> {
        let number = self.0["metrics"][metric][value].as_f64();
        number.with_context(|| format!("no {value} of {metric} in {}", self.0))
    }

    /// The count of a counter; zero for one that isn't there, since counters without samples aren't shown.
    #[must_use]
    pub fn count(&self, metric: &str) -> u64 {
        self.0["metrics"][metric]["count"].as_f64().unwrap_or(0.0) as u64
    }

    /// How many samples of a rate were not zero, and how many zero.
    #[must_use]
    pub fn rate_counts(&self, metric: &str) -> (u64, u64) {
        let values = &self.0["metrics"][metric];
        let count = |key: &str| values[key].as_u64().unwrap_or(0);
        (count("passes"), count("fails"))
    }

    /// That there are checks, and all have passed.
    ///
    /// # Errors
    /// Which haven't.
    pub fn checks_passed(&self) -> Result<u64> {
        let (passed, failed) = self.rate_counts("checks");
        ensure!(passed > 0 && failed == 0, "{failed} of {} checks failed: {}", passed + failed, self.0["root_group"]);
        Ok(passed)
    }
}
