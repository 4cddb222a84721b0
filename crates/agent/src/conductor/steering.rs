//! What a conductor does when it is asked for something; see [`RunHandle`](super::RunHandle).

use throng_plan::{ControlledVus, LoadModel, Plan};

use super::phases::Conductor;
use crate::handle::{PauseError, Request, ScaleError};
use crate::worker::Step;

/// What can be changed of a run, and how it stands.
#[derive(Debug)]
pub(super) struct Steering {
    /// By scenario; none where VUs aren't up to commands.
    controlled: Vec<Option<ControlledVus>>,
    /// Whether the run is kept from beginning.
    pub(super) is_held: bool,
    /// Whether the run has begun.
    pub(super) has_begun: bool,
}

impl Steering {
    pub(super) fn new(plan: &Plan, is_held: bool) -> Self {
        let controlled = plan.scenarios().iter().map(|planned| match planned.scenario().model {
            LoadModel::ExternallyControlled { vus, max_vus, .. } => Some(ControlledVus::new(vus, max_vus)),
            _ => None,
        });
        Self { controlled: controlled.collect(), is_held, has_begun: false }
    }

    pub(super) fn is_paused(&self) -> bool {
        let mut controlled = self.controlled.iter().flatten().peekable();
        if self.has_begun {
            controlled.peek().is_some() && controlled.all(ControlledVus::is_paused)
        } else {
            self.is_held
        }
    }

    /// Changes a scenario's VUs; its index and new state.
    fn scale(
        &mut self,
        plan: &Plan,
        scenario: Option<&str>,
        vus: Option<u64>,
        max_vus: Option<u64>,
    ) -> Result<(usize, ControlledVus), ScaleError> {
        let (index, planned_max) = find(plan, scenario)?;
        let Some(state) = self.controlled.get_mut(index).and_then(Option::as_mut) else {
            return Err(ScaleError::NoneControlled);
        };
        let mut new = *state;
        if let Some(max_vus) = max_vus {
            if max_vus < planned_max {
                let scenario = plan.scenarios()[index].scenario().name.clone();
                return Err(ScaleError::MaxBelowPlanned { scenario, planned: planned_max });
            }
            new.set_max_vus(max_vus);
        }
        // Without a number it keeps those that it was told last.
        new.scale(vus.unwrap_or(state.vus()))?;
        *state = new;
        Ok((index, new))
    }

    /// Pauses what can be paused, or lets it go on; the scenarios that changed.
    fn pause(&mut self, paused: bool) -> Result<Vec<(usize, ControlledVus)>, PauseError> {
        let refusal = if paused { PauseError::Paused } else { PauseError::NotPaused };
        if !self.has_begun {
            return match std::mem::replace(&mut self.is_held, paused) == paused {
                true => Err(refusal),
                false => Ok(Vec::new()),
            };
        }
        if self.controlled.iter().all(Option::is_none) {
            return Err(PauseError::NoneControlled);
        }
        let mut changed = Vec::new();
        for (index, state) in self.controlled.iter_mut().enumerate() {
            if let Some(state) = state.as_mut().filter(|state| state.is_paused() != paused) {
                state.pause(paused);
                changed.push((index, *state));
            }
        }
        if changed.is_empty() { Err(refusal) } else { Ok(changed) }
    }
}

/// The scenario that is meant, and its limit in the options.
fn find(plan: &Plan, name: Option<&str>) -> Result<(usize, u64), ScaleError> {
    let scenarios = plan.scenarios().iter().map(|planned| planned.scenario()).enumerate();
    let mut meant = Vec::new();
    for (index, scenario) in scenarios {
        let executor = scenario.model.executor_name();
        match scenario.model {
            LoadModel::ExternallyControlled { max_vus, .. } if name.is_none_or(|name| name == scenario.name) => {
                meant.push((index, max_vus, scenario.name.clone()));
            }
            _ if name.is_some_and(|name| name == scenario.name) => {
                return Err(ScaleError::NotControlled { scenario: scenario.name.clone(), executor });
            }
            _ => {}
        }
    }
    match (&meant[..], name) {
        ([(index, max_vus, _)], _) => Ok((*index, *max_vus)),
        ([], Some(name)) => Err(ScaleError::UnknownScenario(name.to_owned())),
        ([], None) => Err(ScaleError::NoneControlled),
        _ => Err(ScaleError::Ambiguous(meant.into_iter().map(|(_, _, name)| name).collect())),
    }
}

impl Conductor<'_> {
    /// Does what was asked for, and answers. An answer that nobody waits for any more is lost.
    pub(super) fn answer(&mut self, request: Request) {
        match request {
            Request::Scale { scenario, vus, max_vus, reply } => {
                let scaled = self.steering.scale(&self.plan, scenario.as_deref(), vus, max_vus);
                let _ = reply.send(scaled.map(|changed| {
                    self.tell_worker(&[changed]);
                    let (index, vus) = changed;
                    (self.plan.scenarios()[index].scenario().name.clone(), vus.vus())
                }));
            }
            Request::Pause { paused, reply } => {
                let done = self.steering.pause(paused);
                let _ = reply.send(done.map(|changed| self.tell_worker(&changed)));
            }
            Request::Look => {}
        }
    }

    fn tell_worker(&self, changed: &[(usize, ControlledVus)]) {
        for (scenario, vus) in changed {
            self.worker.tell(Step::Control { scenario: *scenario, vus: *vus });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use throng_plan::{Functions, Layer, resolve};
    use throng_stats::Registry;

    use super::*;

    fn plan(scenarios: Value) -> Plan {
        let options = resolve(&[Layer::new("script", json!({ "scenarios": scenarios }))]).unwrap().options;
        let functions = Functions { iterations: &["default".to_owned()], setups: &[] };
        Plan::new(options, functions, &Registry::new()).unwrap()
    }

    fn controlled(vus: u64, max_vus: u64) -> Value {
        json!({ "executor": "externally-controlled", "vus": vus, "maxVUs": max_vus, "duration": "1m" })
    }

    #[test]
    fn only_externally_controlled_scenarios_are_scaled_and_within_their_limit() {
        let plan = plan(json!({ "a": controlled(1, 10), "b": { "executor": "constant-vus", "duration": "1m" } }));
        let mut steering = Steering::new(&plan, false);
        let mut scale =
            |name, vus, max| steering.scale(&plan, name, vus, max).map(|(index, state)| (index, state.vus()));
        let mut scale = |name, vus: u64, max| scale(name, Some(vus), max);
        assert_eq!(scale(None, 4, None), Ok((0, 4)));
        assert_eq!(scale(Some("a"), 10, None), Ok((0, 10)));
        assert_eq!(
            scale(Some("a"), 11, None),
            Err(ScaleError::TooMany(throng_plan::TooManyVus { vus: 11, max_vus: 10 }))
        );
        assert_eq!(scale(Some("a"), 11, Some(20)), Ok((0, 11)));
        let below = ScaleError::MaxBelowPlanned { scenario: "a".into(), planned: 10 };
        assert_eq!(scale(Some("a"), 1, Some(9)), Err(below));
        let not_controlled = ScaleError::NotControlled { scenario: "b".into(), executor: "constant-vus" };
        assert_eq!(scale(Some("b"), 1, None), Err(not_controlled));
        assert_eq!(scale(Some("c"), 1, None), Err(ScaleError::UnknownScenario("c".into())));
    }

    #[test]
    fn a_limit_alone_keeps_the_vus_that_were_told_last() {
        let plan = plan(json!({ "a": controlled(3, 10) }));
        let mut steering = Steering::new(&plan, false);
        let mut scale =
            |vus, max| steering.scale(&plan, None, vus, max).map(|(_, state)| (state.vus(), state.max_vus()));
        assert_eq!(scale(None, Some(12)), Ok((3, 12)));
        assert_eq!(scale(Some(7), None), Ok((7, 12)));
        assert_eq!(scale(None, Some(20)), Ok((7, 20)));
        steering.has_begun = true;
        steering.pause(true).unwrap();
        let paused = steering.scale(&plan, None, None, Some(30)).unwrap().1;
        assert_eq!((paused.vus(), paused.max_vus(), paused.is_paused()), (7, 30, true));
    }

    #[test]
    fn a_name_is_needed_where_several_may_be_meant() {
        let both = plan(json!({ "a": controlled(1, 2), "b": controlled(1, 2) }));
        let refused = Steering::new(&both, false).scale(&both, None, Some(2), None).unwrap_err();
        assert_eq!(refused, ScaleError::Ambiguous(vec!["a".into(), "b".into()]));
        let neither = plan(json!({ "a": { "executor": "constant-vus", "duration": "1m" } }));
        let mut steering = Steering::new(&neither, false);
        assert_eq!(steering.scale(&neither, None, Some(2), None).unwrap_err(), ScaleError::NoneControlled);
        steering.has_begun = true;
        assert_eq!(steering.pause(true).unwrap_err(), PauseError::NoneControlled);
    }

    #[test]
    fn a_run_is_held_before_it_begins_and_its_scenarios_are_paused_later() {
        let plan = plan(json!({ "a": controlled(1, 2), "b": controlled(1, 2) }));
        let mut steering = Steering::new(&plan, true);
        assert!(steering.is_paused());
        assert_eq!(steering.pause(true).unwrap_err(), PauseError::Paused);
        assert_eq!(steering.pause(false).unwrap().len(), 0);
        assert_eq!(steering.pause(false).unwrap_err(), PauseError::NotPaused);
        steering.has_begun = true;
        assert!(!steering.is_paused());
        let changed = steering.pause(true).unwrap();
        assert_eq!(
            changed.iter().map(|(index, vus)| (*index, vus.is_paused())).collect::<Vec<_>>(),
            [(0, true), (1, true)]
        );
        assert!(steering.is_paused());
        assert_eq!(steering.pause(true).unwrap_err(), PauseError::Paused);
        assert_eq!(steering.pause(false).unwrap().len(), 2);
    }
}
