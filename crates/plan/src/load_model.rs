//! Load models: what may start when.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// How a scenario's iterations are spread over VUs and time; k6 calls it an executor.
///
/// Times are from the scenario's beginning. A model holds no state: the caller says what
/// was done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadModel {
    /// `shared-iterations`: VUs take iterations off one counter.
    SharedIterations {
        /// VUs, at least 1.
        vus: u64,
        /// Iterations of all VUs together, at least `vus`.
        iterations: u64,
        /// When it ends even with iterations left.
        max_duration: Duration,
    },
    /// `per-vu-iterations`: each VU runs the same number of iterations.
    PerVuIterations {
        /// VUs, at least 1.
        vus: u64,
        /// Iterations of each VU, at least 1.
        iterations: u64,
        /// When it ends even with iterations left.
        max_duration: Duration,
    },
    /// `constant-vus`: VUs run iterations until the time is over.
    ConstantVus {
        /// VUs, at least 1.
        vus: u64,
        /// How long, at least a second.
        duration: Duration,
    },
}

impl LoadModel {
    /// k6's default for `maxDuration`.
    pub const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(600);

    /// k6's name of the model, as users write it.
    pub fn executor_name(&self) -> &'static str {
        match self {
            Self::SharedIterations { .. } => "shared-iterations",
            Self::PerVuIterations { .. } => "per-vu-iterations",
            Self::ConstantVus { .. } => "constant-vus",
        }
    }

    /// The most VUs it uses at a time.
    pub fn vus(&self) -> u64 {
        match self {
            Self::SharedIterations { vus, .. } | Self::PerVuIterations { vus, .. } | Self::ConstantVus { vus, .. } => {
                *vus
            }
        }
    }

    /// How long iterations may start; graceful periods aren't counted.
    pub fn regular_duration(&self) -> Duration {
        match self {
            Self::SharedIterations { max_duration, .. } | Self::PerVuIterations { max_duration, .. } => *max_duration,
            Self::ConstantVus { duration, .. } => *duration,
        }
    }

    /// How many iterations it is to start; none where time decides.
    pub fn planned_iterations(&self) -> Option<u64> {
        match self {
            Self::SharedIterations { iterations, .. } => Some(*iterations),
            Self::PerVuIterations { vus, iterations, .. } => Some(vus.saturating_mul(*iterations)),
            Self::ConstantVus { .. } => None,
        }
    }

    /// Whether a VU may start an iteration now.
    ///
    /// `elapsed` is the time since the scenario began, `done_by_this_vu` how many iterations
    /// this VU has started in it, `taken_by_all` how many all VUs have. Where VUs run in
    /// parallel, take a number off a shared counter first and pass the number
    /// that was taken: the answer is yes for exactly the planned ones.
    pub fn admits(&self, elapsed: Duration, done_by_this_vu: u64, taken_by_all: u64) -> bool {
        elapsed < self.regular_duration()
            && match self {
                Self::SharedIterations { iterations, .. } => taken_by_all < *iterations,
                Self::PerVuIterations { iterations, .. } => done_by_this_vu < *iterations,
                Self::ConstantVus { .. } => true,
            }
    }

    /// Iterations that were never started when the scenario is over, as one sample for all:
    /// k6's rule for `shared-iterations`. 0 for other models.
    pub fn dropped_by_all(&self, taken_by_all: u64) -> u64 {
        match self {
            Self::SharedIterations { iterations, .. } => iterations.saturating_sub(taken_by_all),
            _ => 0,
        }
    }

    /// Iterations that a VU never started when the scenario is over, as a sample of its own:
    /// k6's rule for `per-vu-iterations`. 0 for other models.
    pub fn dropped_by_vu(&self, done_by_this_vu: u64) -> u64 {
        match self {
            Self::PerVuIterations { iterations, .. } => iterations.saturating_sub(done_by_this_vu),
            _ => 0,
        }
    }

    /// The share of the scenario that is over, 0 to 1: of its iterations, or where time
    /// decides, of its duration.
    pub fn progress(&self, elapsed: Duration, completed_by_all: u64) -> f64 {
        let share = match self.planned_iterations() {
            Some(planned) => completed_by_all as f64 / planned.max(1) as f64,
            None => {
                let whole = self.regular_duration().as_secs_f64();
                elapsed.as_secs_f64() / whole.max(f64::MIN_POSITIVE)
            }
        };
        share.clamp(0.0, 1.0)
    }
}
