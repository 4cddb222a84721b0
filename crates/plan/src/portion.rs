//! What one shard of one agent does of a run.

use std::sync::Arc;
use std::time::Duration;

use crate::load_model::{Arrivals, ControlledVus, LoadModel, ScheduleError, Ticks, VuCurve, VuReserve, VuSteps};
use crate::plan::Shard;
use crate::requirements::{Part, Requirements};
use crate::scenario::Scenario;
use crate::segment::{SegmentError, SegmentTuple, Share};

#[cfg(test)]
mod tests;

/// A shard's part of all scenarios.
///
/// Each scenario's VUs, and what it does, are dealt out to the agents and further to an agent's shards. So that several
/// small scenarios don't all fall to the first shard, each begins with the shard after those that hold the VUs of the
/// scenarios under way. All shards of all agents together do exactly what one alone would.
#[derive(Debug, Clone)]
pub struct Portion {
    agent: SegmentTuple,
    shard: Shard,
    scenarios: Vec<ScenarioPortion>,
    requirements: Requirements,
}

/// A shard's part of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioPortion {
    model: LoadModel,
    share: Share,
    /// By what iterations are dealt out; none if there are no VUs for them.
    work: Option<Share>,
    curve: Option<Arc<VuCurve>>,
    arrivals: Option<Arc<Arrivals>>,
}

/// A VU's numbers, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VuNumbers {
    /// Among the agent's VUs: k6's `idInInstance`.
    pub in_agent: u64,
    /// Among all VUs of the run: k6's `idInTest`.
    pub in_run: u64,
}

/// Why scenarios can't be divided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortionError {
    /// By the segments and the number of VUs.
    #[error("the scenario `{scenario}` can't be divided")]
    Segment {
        /// Its name.
        scenario: String,
        /// Why.
        #[source]
        source: SegmentError,
    },
    /// By its schedule.
    #[error("the scenario `{scenario}` has no schedule")]
    Schedule {
        /// Its name.
        scenario: String,
        /// Why.
        #[source]
        source: ScheduleError,
    },
}

impl Portion {
    /// The part of a shard, in the order of the scenarios, which has to be the same for all.
    ///
    /// # Errors
    ///
    /// When a scenario can't be divided by these segments, or has no schedule.
    pub fn new(scenarios: &[Scenario], agent: &SegmentTuple, shard: Shard) -> Result<Self, PortionError> {
        let mut portions = Vec::with_capacity(scenarios.len());
        for (n, scenario) in scenarios.iter().enumerate() {
            let before = scenarios[..n].iter().filter(|earlier| earlier.hard_end() > scenario.start);
            let vus = before.map(|earlier| agent.scale(earlier.model.vus())).fold(0, u64::wrapping_add);
            portions.push(ScenarioPortion::new(scenario, agent, shard.after(vus))?);
        }
        let parts = scenarios.iter().zip(&portions);
        let parts = parts.map(|(scenario, own)| Part { scenario, share: &own.share, curve: own.curve.clone() });
        let requirements = Requirements::of_parts(parts);
        Ok(Self { agent: agent.clone(), shard, scenarios: portions, requirements })
    }

    /// The scenarios, in the order given.
    pub fn scenarios(&self) -> &[ScenarioPortion] {
        &self.scenarios
    }

    /// How many VUs the shard makes before the run, and up to how many there may be. Scenarios take any that are idle.
    pub fn requirements(&self) -> Requirements {
        self.requirements
    }

    /// The numbers of the n-th VU that the shard makes, from 0.
    pub fn vu_numbers(&self, n: u64) -> VuNumbers {
        let (index, count) = (u64::from(self.shard.index()), u64::from(self.shard.count()));
        let local = n.saturating_mul(count).saturating_add(index);
        VuNumbers { in_agent: local.saturating_add(1), in_run: self.agent.nth(local).saturating_add(1) }
    }
}

impl ScenarioPortion {
    fn new(scenario: &Scenario, agent: &SegmentTuple, shard: Shard) -> Result<Self, PortionError> {
        let segment = |source| PortionError::Segment { scenario: scenario.name.clone(), source };
        let schedule = |source| PortionError::Schedule { scenario: scenario.name.clone(), source };
        let model = scenario.model.clone();
        let share = Share::new(agent.clone(), SegmentTuple::equal(shard.index(), shard.count()));
        let work = match &model {
            // An agent's shards take them off one counter, so that no shard has any to itself.
            LoadModel::SharedIterations { vus, .. } => {
                let has_vus = share.scale(*vus) > 0;
                let agent = agent.derived(*vus).map_err(segment)?;
                agent.filter(|_| has_vus).map(Share::of_agent)
            }
            model if model.deals_out_by_vus() => share.derived(model.vus()).map_err(segment)?,
            model => (share.scale(model.vus()) > 0).then(|| share.clone()),
        };
        let curve = model.vu_curve().map_err(schedule)?.map(Arc::new);
        let arrivals = model.arrivals().map_err(schedule)?.map(Arc::new);
        Ok(Self { model, share, work, curve, arrivals })
    }

    /// Whether the shard takes part at all: it has a VU in it at some time.
    pub fn has_work(&self) -> bool {
        self.work.is_some()
    }

    /// The share of the scenario's VUs.
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// VUs of its own that are made before the run.
    pub fn planned_vus(&self) -> u64 {
        self.share.scale(self.model.planned_vus())
    }

    /// The most VUs of its own.
    pub fn max_vus(&self) -> u64 {
        self.share.scale(self.model.vus())
    }

    /// How many iterations it has; none where time decides. Those of `shared-iterations` are the agent's: its shards
    /// take them off one counter.
    pub fn planned_iterations(&self) -> Option<u64> {
        let work = self.work.as_ref();
        match self.model {
            LoadModel::SharedIterations { iterations, .. } => Some(work.map_or(0, |work| work.scale(iterations))),
            LoadModel::PerVuIterations { iterations, .. } => Some(self.max_vus().saturating_mul(iterations)),
            _ => None,
        }
    }

    /// Whether one of its VUs may start an iteration now, as [`LoadModel::admits`] says of the whole: `taken` is the number
    /// that was taken off the agent's counter in `shared-iterations`, and doesn't matter elsewhere.
    pub fn admits(&self, elapsed: Duration, done_by_this_vu: u64, taken: u64) -> bool {
        match self.model {
            LoadModel::SharedIterations { max_duration, .. } => {
                elapsed < max_duration && taken < self.planned_iterations().unwrap_or_default()
            }
            _ => self.has_work() && self.model.admits(elapsed, done_by_this_vu, taken),
        }
    }

    /// The number in the whole scenario, from 0, of the n-th iteration started here, from 0: k6's `iterationInTest`. For
    /// `shared-iterations` n is what was taken off the agent's counter, else it counts the shard's own.
    pub fn iteration_number(&self, n: u64) -> u64 {
        self.work.as_ref().map_or(u64::MAX, |work| work.nth(n))
    }

    /// The same counted at the agent: k6's `iterationInInstance`.
    pub fn iteration_number_at_agent(&self, n: u64) -> u64 {
        self.work.as_ref().map_or(u64::MAX, |work| work.nth_at_agent(n))
    }

    /// The starts of an arrival-rate scenario; none for other models, and without work.
    pub fn ticks(&self) -> Option<Ticks> {
        let (arrivals, work) = self.arrivals.as_ref().zip(self.work.as_ref())?;
        Some(Ticks::new(Arc::clone(arrivals), work.clone()))
    }

    /// The VUs of an arrival-rate scenario; none for other models.
    pub fn reserve(&self) -> Option<VuReserve> {
        self.arrivals.as_ref().map(|_| VuReserve::new(self.planned_vus(), self.max_vus()))
    }

    /// The steps of `ramping-vus`; none for other models.
    pub fn vu_steps(&self) -> Option<VuSteps> {
        self.curve.as_ref().map(|curve| VuSteps::new(Arc::clone(curve), self.share.clone()))
    }

    /// When the iteration of a VU that `ramping-vus` stops at a time is cut, all from the scenario's beginning.
    /// `graceful_stop` is the scenario's, which caps it.
    pub fn cut_at(&self, stopped: Duration, graceful_stop: Duration) -> Duration {
        let hard_end = self.model.regular_duration().saturating_add(graceful_stop);
        match &self.model {
            LoadModel::RampingVus { graceful_ramp_down, .. } => {
                stopped.saturating_add(*graceful_ramp_down).min(hard_end)
            }
            _ => hard_end,
        }
    }

    /// The state that commands change in `externally-controlled`; none for other models.
    pub fn controlled(&self) -> Option<ControlledVus> {
        match self.model {
            LoadModel::ExternallyControlled { vus, max_vus, .. } => Some(ControlledVus::new(vus, max_vus)),
            _ => None,
        }
    }
}
