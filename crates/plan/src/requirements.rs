//! How many VUs scenarios need together.

use std::sync::Arc;
use std::time::Duration;

use crate::load_model::{LoadModel, ScheduleError, VuCurve, VuSteps};
use crate::scenario::Scenario;
use crate::segment::Share;

#[cfg(test)]
mod tests;

/// How many levels are looked up before ramps that overlap others count with their highest level instead.
const LOOKS_MAX: u64 = 4_000_000;

/// What scenarios need of one share: k6's execution requirements.
///
/// VUs are shared: a scenario gets those that others have given back, so what is needed is the highest sum at any time,
/// graceful periods counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requirements {
    /// VUs that have to be made before the run.
    pub planned_vus: u64,
    /// VUs that there may be in the end, with those made because they were missed.
    pub max_vus: u64,
    /// When the last of the scenarios that have a VU here is over, graceful periods counted; [`Duration::MAX`] if one has
    /// no end.
    pub end: Duration,
}

/// A scenario and the share of it that is performed.
#[derive(Debug, Clone)]
pub(crate) struct Part<'s> {
    pub(crate) scenario: &'s Scenario,
    pub(crate) share: &'s Share,
    /// Of `ramping-vus`.
    pub(crate) curve: Option<Arc<VuCurve>>,
}

/// VUs that a part needs while it runs.
struct Demand<'s> {
    start: Duration,
    end: Duration,
    planned: u64,
    max: u64,
    /// Of a ramp whose course matters: it overlaps others.
    ramp: Option<Ramp<'s>>,
}

struct Ramp<'s> {
    curve: Arc<VuCurve>,
    graceful: Duration,
    share: &'s Share,
}

impl Requirements {
    /// What a share of scenarios needs.
    ///
    /// # Errors
    ///
    /// When a ramp takes longer than 292 years.
    pub fn of(scenarios: &[Scenario], share: &Share) -> Result<Self, ScheduleError> {
        let curves = scenarios.iter().map(|scenario| scenario.model.vu_curve()).collect::<Result<Vec<_>, _>>()?;
        let parts = scenarios.iter().zip(curves);
        Ok(Self::of_parts(parts.map(|(scenario, curve)| Part { scenario, share, curve: curve.map(Arc::new) })))
    }

    pub(crate) fn of_parts<'s>(parts: impl Iterator<Item = Part<'s>>) -> Self {
        let mut demands: Vec<_> = parts.map(demand).collect();
        // Who has no VU here takes no part.
        demands.retain(|demand| demand.max > 0);
        let end = demands.iter().map(|demand| demand.end).max().unwrap_or_default();
        flatten_ramps(&mut demands);
        let mut instants: Vec<_> = demands.iter().map(|demand| demand.start).collect();
        instants.extend(demands.iter().flat_map(Demand::rises));
        instants.sort_unstable();
        instants.dedup();
        let mut all = Self { end, ..Self::default() };
        for now in instants {
            let running = demands.iter().filter(|demand| demand.start <= now && now < demand.end);
            let (mut planned, mut max) = (0_u64, 0_u64);
            for (needs_planned, needs_max) in running.map(|demand| demand.at(now)) {
                planned = planned.saturating_add(needs_planned);
                max = max.saturating_add(needs_max);
            }
            (all.planned_vus, all.max_vus) = (all.planned_vus.max(planned), all.max_vus.max(max));
        }
        all
    }
}

impl Demand<'_> {
    /// VUs that are planned, and that there may be, while it runs.
    fn at(&self, now: Duration) -> (u64, u64) {
        match &self.ramp {
            None => (self.planned, self.max),
            Some(ramp) => {
                let reserved = ramp.curve.reserved_at(now.saturating_sub(self.start), ramp.graceful);
                let own = ramp.share.scale(reserved);
                (own, own)
            }
        }
    }

    /// When it needs more than before: a sum is highest only at such a time.
    fn rises(&self) -> impl Iterator<Item = Duration> {
        let steps = self.ramp.as_ref().map(|ramp| VuSteps::new(ramp.curve.clone(), ramp.share.clone()));
        let rises = steps.into_iter().flatten().filter(|step| step.wanted);
        rises.map(|step| self.start.saturating_add(step.at))
    }
}

fn demand(part: Part<'_>) -> Demand<'_> {
    let (model, share) = (&part.scenario.model, part.share);
    let (start, mut end) = (part.scenario.start, part.scenario.hard_end());
    let ramp = match (model, part.curve) {
        (LoadModel::RampingVus { graceful_ramp_down, .. }, Some(curve)) => {
            // A ramp down to nothing is over when the last VU has left.
            let left = curve.left_at(share).map(|at| at.saturating_add(*graceful_ramp_down));
            end = left.map_or(end, |left| start.saturating_add(left).min(end));
            Some(Ramp { curve, graceful: *graceful_ramp_down, share })
        }
        _ => None,
    };
    Demand { start, end, planned: share.scale(model.planned_vus()), max: share.scale(model.vus()), ramp }
}

/// Ramps that overlap nothing need what their highest level needs, and so do all if there are too many steps: that is
/// never too little.
fn flatten_ramps(demands: &mut [Demand<'_>]) {
    let overlaps = |demands: &[Demand<'_>], n: usize| {
        let own = &demands[n];
        let meets = |other: &Demand<'_>| other.start < own.end && own.start < other.end;
        demands.iter().enumerate().any(|(index, other)| index != n && meets(other))
    };
    for n in 0..demands.len() {
        if demands[n].ramp.is_some() && !overlaps(demands, n) {
            demands[n].ramp = None;
        }
    }
    let rises = demands.iter().filter_map(|demand| demand.ramp.as_ref()).map(|ramp| ramp.curve.rises(ramp.share));
    let looks = rises.fold(0, u64::saturating_add).saturating_mul(demands.len() as u64);
    if looks > LOOKS_MAX {
        demands.iter_mut().for_each(|demand| demand.ramp = None);
    }
}
