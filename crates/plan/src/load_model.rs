//! Load models: what may start when.

use std::time::Duration;

pub use arrivals::Arrivals;
pub use controlled::{ControlledVus, TooManyVus};
pub use stage::{ScheduleError, Stage};
pub use ticks::{Tick, Ticks};
pub use vu_curve::VuCurve;
pub use vu_handle::VuHandle;
pub use vu_reserve::{Missed, VuReserve};
pub use vu_steps::{VuStep, VuSteps};

mod arrivals;
mod controlled;
mod stage;
#[cfg(test)]
mod tests;
mod ticks;
mod vu_curve;
mod vu_handle;
mod vu_reserve;
mod vu_steps;

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
    /// `ramping-vus`: as `constant-vus`, with a number of VUs that changes; see [`VuCurve`].
    RampingVus {
        /// VUs at the beginning.
        start_vus: u64,
        /// At least one; targets are VUs.
        stages: Vec<Stage>,
        /// How long a VU that is no longer wanted may take to end its iteration.
        graceful_ramp_down: Duration,
    },
    /// `constant-arrival-rate`: iterations start at a rate, on whichever VU is idle; see [`Arrivals`].
    ConstantArrivalRate {
        /// Iterations per `time_unit`, at least 1.
        rate: u64,
        /// More than none.
        time_unit: Duration,
        /// How long, at least a second.
        duration: Duration,
        /// VUs that are made before.
        pre_allocated_vus: u64,
        /// Up to how many there may be when they are missed, at least `pre_allocated_vus`.
        max_vus: u64,
    },
    /// `ramping-arrival-rate`: the same with a rate that changes.
    RampingArrivalRate {
        /// The rate at the beginning, per `time_unit`.
        start_rate: u64,
        /// More than none.
        time_unit: Duration,
        /// At least one; targets are rates.
        stages: Vec<Stage>,
        /// VUs that are made before.
        pre_allocated_vus: u64,
        /// Up to how many there may be when they are missed, at least `pre_allocated_vus`.
        max_vus: u64,
    },
    /// `externally-controlled`: as `constant-vus`, with a number of VUs that commands change; see [`ControlledVus`].
    ExternallyControlled {
        /// VUs at the beginning.
        vus: u64,
        /// Up to how many there may be, at least `vus`.
        max_vus: u64,
        /// How long; until it is stopped without.
        duration: Option<Duration>,
    },
}

impl LoadModel {
    /// k6's default for `maxDuration`.
    pub const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(600);

    /// k6's default for `gracefulRampDown`.
    pub const DEFAULT_GRACEFUL_RAMP_DOWN: Duration = Duration::from_secs(30);

    /// k6's default for `timeUnit`.
    pub const DEFAULT_TIME_UNIT: Duration = Duration::from_secs(1);

    /// k6's name of the model, as users write it.
    pub fn executor_name(&self) -> &'static str {
        match self {
            Self::SharedIterations { .. } => "shared-iterations",
            Self::PerVuIterations { .. } => "per-vu-iterations",
            Self::ConstantVus { .. } => "constant-vus",
            Self::RampingVus { .. } => "ramping-vus",
            Self::ConstantArrivalRate { .. } => "constant-arrival-rate",
            Self::RampingArrivalRate { .. } => "ramping-arrival-rate",
            Self::ExternallyControlled { .. } => "externally-controlled",
        }
    }

    /// The most VUs it uses at a time.
    pub fn vus(&self) -> u64 {
        match self {
            Self::SharedIterations { vus, .. } | Self::PerVuIterations { vus, .. } | Self::ConstantVus { vus, .. } => {
                *vus
            }
            Self::RampingVus { start_vus, stages, .. } => {
                stages.iter().map(|stage| stage.target).fold(*start_vus, u64::max)
            }
            Self::ConstantArrivalRate { max_vus, .. }
            | Self::RampingArrivalRate { max_vus, .. }
            | Self::ExternallyControlled { max_vus, .. } => *max_vus,
        }
    }

    /// How many of these are made before the run: all, but in models that make some when they are missed.
    pub fn planned_vus(&self) -> u64 {
        match self {
            Self::ConstantArrivalRate { pre_allocated_vus, .. }
            | Self::RampingArrivalRate { pre_allocated_vus, .. } => *pre_allocated_vus,
            _ => self.vus(),
        }
    }

    /// How long iterations may start; graceful periods aren't counted.
    pub fn regular_duration(&self) -> Duration {
        match self {
            Self::SharedIterations { max_duration, .. } | Self::PerVuIterations { max_duration, .. } => *max_duration,
            Self::ConstantVus { duration, .. } | Self::ConstantArrivalRate { duration, .. } => *duration,
            Self::RampingVus { stages, .. } | Self::RampingArrivalRate { stages, .. } => stage::total(stages),
            Self::ExternallyControlled { duration, .. } => duration.unwrap_or(Duration::MAX),
        }
    }

    /// How many iterations it is to start; none where time decides.
    pub fn planned_iterations(&self) -> Option<u64> {
        match self {
            Self::SharedIterations { iterations, .. } => Some(*iterations),
            Self::PerVuIterations { vus, iterations, .. } => Some(vus.saturating_mul(*iterations)),
            _ => None,
        }
    }

    /// Whether iterations begin at planned instants, on whichever VU is idle.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::ConstantArrivalRate { .. } | Self::RampingArrivalRate { .. })
    }

    /// When the iterations of an arrival-rate model are due; none for other models.
    ///
    /// # Errors
    ///
    /// When they can't be numbered, or a time is beyond 292 years.
    pub fn arrivals(&self) -> Result<Option<Arrivals>, ScheduleError> {
        match self {
            Self::ConstantArrivalRate { rate, time_unit, duration, .. } => {
                Arrivals::constant(*rate, *time_unit, *duration).map(Some)
            }
            Self::RampingArrivalRate { start_rate, time_unit, stages, .. } => {
                Arrivals::ramping(*start_rate, *time_unit, stages).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// How many VUs `ramping-vus` wants at a time; none for other models.
    ///
    /// # Errors
    ///
    /// When a time is beyond 292 years.
    pub fn vu_curve(&self) -> Result<Option<VuCurve>, ScheduleError> {
        match self {
            Self::RampingVus { start_vus, stages, .. } => VuCurve::new(*start_vus, stages).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether work is dealt out by the scenario's VUs, so that none falls to who has no VU; see
    /// [`crate::segment::SegmentTuple::derived`]. Where VUs themselves are dealt out, or each has its own iterations, it
    /// isn't.
    pub fn deals_out_by_vus(&self) -> bool {
        matches!(
            self,
            Self::SharedIterations { .. } | Self::ConstantArrivalRate { .. } | Self::RampingArrivalRate { .. }
        )
    }

    /// Whether a VU may start an iteration now, as far as time and counts say; open models have [`Ticks`] too, and models
    /// that start and stop VUs a [`VuHandle`] for each.
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
                _ => true,
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
