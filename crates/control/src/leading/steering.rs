//! What clients may change of a run, checked by what it was planned with.

use throng_plan::{ControlledVus, LoadModel, Plan, TooManyVus};

use crate::command::{Action, Scale};
use crate::run::{Run, RunState};

/// Why the number of VUs can't be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// No load is under way, or to come.
    #[error("no run is under way whose VUs could be changed")]
    NotRunning,
    /// There is no such scenario.
    #[error("there is no scenario `{0}`")]
    UnknownScenario(String),
    /// Its VUs aren't changed by commands.
    #[error(
        "the VUs of scenario `{scenario}` are up to its executor, {executor}: only externally-controlled takes a number"
    )]
    NotControlled {
        /// Its name.
        scenario: String,
        /// k6's name of its load model.
        executor: &'static str,
    },
    /// No scenario's are.
    #[error("the run has no externally-controlled scenario: the VUs of all others are up to their executors")]
    NoneControlled,
    /// Several may be meant.
    #[error("say which scenario is meant: {} are externally-controlled", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// A limit below the one that the plan was made with.
    #[error("maxVUs of scenario `{scenario}` can't go below {planned}, with which it was planned")]
    MaxBelowPlanned {
        /// Its name.
        scenario: String,
        /// maxVUs in the options.
        planned: u64,
    },
    /// More VUs than there may be.
    #[error(transparent)]
    TooMany(#[from] TooManyVus),
}

/// Why a run can't be paused or resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PauseError {
    /// No load is under way, or to come.
    #[error("no run is under way that could be paused or resumed")]
    NotRunning,
    /// Once it goes, nothing of it can be paused.
    #[error("the run has no externally-controlled scenario, and only these can be paused once the load has begun")]
    NoneControlled,
    /// It is.
    #[error("it is paused already")]
    Paused,
    /// It isn't.
    #[error("it isn't paused")]
    NotPaused,
}

/// A change of a scenario's VUs that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// What is to be proposed.
    pub action: Action,
    /// The scenario.
    pub scenario: String,
    /// How many VUs it has then.
    pub vus: u64,
}

/// A scenario whose VUs are up to commands: its place in the plan, name, and numbers there.
struct Controlled<'a> {
    place: u32,
    name: &'a str,
    vus: u64,
    max_vus: u64,
}

/// What changes the VUs of a scenario; without a name of the only one that takes commands, without a number the limit alone.
///
/// # Errors
///
/// When there is no such scenario, or it may not have so many.
pub fn scale(run: &Run, plan: &Plan, name: Option<&str>, wanted: Scale) -> Result<Scaled, ScaleError> {
    if run.state() >= RunState::Draining {
        return Err(ScaleError::NotRunning);
    }
    let Controlled { place, name, vus, max_vus } = find(plan, name)?;
    if wanted.max_vus.is_some_and(|max| max < max_vus) {
        return Err(ScaleError::MaxBelowPlanned { scenario: name.to_owned(), planned: max_vus });
    }
    let known = run.scales().get(&place).copied().unwrap_or_default();
    let mut controlled = ControlledVus::new(known.vus.unwrap_or(vus), known.max_vus.unwrap_or(max_vus));
    if let Some(max) = wanted.max_vus {
        controlled.set_max_vus(max);
    }
    // Without a number it keeps those that it was told last.
    controlled.scale(wanted.vus.unwrap_or(controlled.vus()))?;
    Ok(Scaled {
        action: Action::ScaleScenario {
            run: run.id().clone(),
            scenario: place,
            scale: Scale { vus: Some(controlled.vus()), max_vus: wanted.max_vus },
        },
        scenario: name.to_owned(),
        vus: controlled.vus(),
    })
}

/// What pauses a run, or lets it go on: all its externally-controlled scenarios, or all of it before its load begins.
///
/// # Errors
///
/// When nothing can be paused, or is already.
pub fn pause(run: &Run, plan: &Plan, paused: bool) -> Result<Action, PauseError> {
    if run.state() >= RunState::Draining {
        return Err(PauseError::NotRunning);
    }
    if run.start().is_some() && controlled(plan).next().is_none() {
        return Err(PauseError::NoneControlled);
    }
    if run.is_paused() == paused {
        return Err(if paused { PauseError::Paused } else { PauseError::NotPaused });
    }
    Ok(Action::PauseRun { run: run.id().clone(), paused })
}

fn controlled(plan: &Plan) -> impl Iterator<Item = Controlled<'_>> {
    let scenarios = (0..).zip(plan.scenarios()).map(|(place, planned)| (place, planned.scenario()));
    scenarios.filter_map(|(place, scenario)| match scenario.model {
        LoadModel::ExternallyControlled { vus, max_vus, .. } => {
            Some(Controlled { place, name: &scenario.name, vus, max_vus })
        }
        _ => None,
    })
}

/// The scenario that is meant.
fn find<'a>(plan: &'a Plan, name: Option<&str>) -> Result<Controlled<'a>, ScaleError> {
    let mut meant: Vec<_> = controlled(plan).filter(|one| name.is_none_or(|name| name == one.name)).collect();
    match (meant.len(), name) {
        (1, _) => Ok(meant.remove(0)),
        (0, Some(name)) => {
            let named = plan.scenarios().iter().map(|planned| planned.scenario()).find(|one| one.name == name);
            Err(match named {
                Some(scenario) => {
                    ScaleError::NotControlled { scenario: name.to_owned(), executor: scenario.model.executor_name() }
                }
                None => ScaleError::UnknownScenario(name.to_owned()),
            })
        }
        (0, None) => Err(ScaleError::NoneControlled),
        _ => Err(ScaleError::Ambiguous(meant.into_iter().map(|one| one.name.to_owned()).collect())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::plan_of;
    use super::*;
    use crate::tests::{Group, run_id, submission};
    use crate::{Submission, Wants};

    /// A run with these scenarios, and its plan.
    struct Planned {
        group: Group,
        plan: std::sync::Arc<Plan>,
    }

    impl Planned {
        fn new(scenarios: Value, paused: bool) -> Self {
            let options = json!({ "scenarios": scenarios }).to_string().into_bytes();
            let wants = Wants { paused, ..Wants::default() };
            let submission = Submission { options, ..submission(wants) };
            let (_, plan) = plan_of(&submission).unwrap();
            let mut group = Group::new(&["a"]);
            group.ok(Action::SubmitRun(Box::new(submission)));
            Self { group, plan }
        }

        fn scale(&mut self, name: Option<&str>, vus: Option<u64>, max_vus: Option<u64>) -> Result<u64, ScaleError> {
            let scale = Scale { vus, max_vus };
            let scaled = super::scale(self.group.run(), &self.plan, name, scale)?;
            self.group.ok(scaled.action);
            Ok(scaled.vus)
        }

        fn pause(&mut self, paused: bool) -> Result<(), PauseError> {
            let action = super::pause(self.group.run(), &self.plan, paused)?;
            self.group.ok(action);
            Ok(())
        }

        fn start(&mut self) {
            self.group.ok(Action::AgentReady { run: run_id(), assignment: crate::tests::part("a", 1) });
            let at = crate::Timestamp(self.group.now);
            self.group.ok(Action::StartRun { run: run_id(), at });
        }
    }

    fn controlled(vus: u64, max_vus: u64) -> Value {
        json!({ "executor": "externally-controlled", "vus": vus, "maxVUs": max_vus, "duration": "1m" })
    }

    #[test]
    fn only_externally_controlled_scenarios_are_scaled_and_within_their_limit() {
        let other = json!({ "executor": "constant-vus", "duration": "1m" });
        let mut planned = Planned::new(json!({ "a": controlled(1, 10), "b": other }), false);
        let mut scale = |name, vus, max| planned.scale(name, Some(vus), max);
        assert_eq!(scale(None, 4, None), Ok(4));
        assert_eq!(scale(Some("a"), 10, None), Ok(10));
        let too_many = TooManyVus { vus: 11, max_vus: 10 };
        assert_eq!(scale(Some("a"), 11, None), Err(ScaleError::TooMany(too_many)));
        assert_eq!(scale(Some("a"), 11, Some(20)), Ok(11));
        let below = ScaleError::MaxBelowPlanned { scenario: "a".into(), planned: 10 };
        assert_eq!(scale(Some("a"), 1, Some(9)), Err(below));
        let not_controlled = ScaleError::NotControlled { scenario: "b".into(), executor: "constant-vus" };
        assert_eq!(scale(Some("b"), 1, None), Err(not_controlled));
        assert_eq!(scale(Some("c"), 1, None), Err(ScaleError::UnknownScenario("c".into())));
    }

    #[test]
    fn a_limit_alone_keeps_the_vus_that_were_told_last() {
        let mut planned = Planned::new(json!({ "a": controlled(3, 10) }), false);
        assert_eq!(planned.scale(None, None, Some(12)), Ok(3));
        assert_eq!(planned.scale(None, Some(7), None), Ok(7));
        assert_eq!(planned.scale(None, None, Some(20)), Ok(7));
        let known = planned.group.run().scales()[&0];
        assert_eq!(known, Scale { vus: Some(7), max_vus: Some(20) });
    }

    #[test]
    fn a_name_is_needed_where_several_may_be_meant_and_each_has_its_own_vus() {
        let mut both = Planned::new(json!({ "a": controlled(1, 2), "b": controlled(1, 2) }), false);
        let refused = both.scale(None, Some(2), None).unwrap_err();
        assert_eq!(refused, ScaleError::Ambiguous(vec!["a".into(), "b".into()]));
        assert_eq!(both.scale(Some("b"), Some(2), None), Ok(2));
        assert_eq!(both.scale(Some("a"), Some(0), None), Ok(0));
        let agent = crate::AgentName::new("a").unwrap();
        let scales = both.group.state.orders(&agent).parts[0].steering.scales.clone();
        let vus: Vec<_> = scales.into_iter().map(|(scenario, scale)| (scenario, scale.vus)).collect();
        assert_eq!(vus, [(0, Some(0)), (1, Some(2))]);
        let mut neither = Planned::new(json!({ "a": { "executor": "constant-vus", "duration": "1m" } }), false);
        assert_eq!(neither.scale(None, Some(2), None).unwrap_err(), ScaleError::NoneControlled);
        neither.start();
        assert_eq!(neither.pause(true).unwrap_err(), PauseError::NoneControlled);
    }

    #[test]
    fn a_run_is_held_before_it_begins_and_its_scenarios_are_paused_later() {
        let mut planned = Planned::new(json!({ "a": controlled(1, 2) }), true);
        assert_eq!(planned.pause(true), Err(PauseError::Paused));
        assert_eq!(planned.pause(false), Ok(()));
        assert_eq!(planned.pause(false), Err(PauseError::NotPaused));
        planned.start();
        assert_eq!(planned.pause(true), Ok(()));
        assert_eq!(planned.pause(true), Err(PauseError::Paused));
        assert_eq!(planned.pause(false), Ok(()));
        planned.group.ok(Action::AbortRun { run: run_id(), reason: crate::AbortReason::TotalsTooLarge });
        assert_eq!(planned.pause(true), Err(PauseError::NotRunning));
        assert_eq!(planned.scale(None, Some(1), None), Err(ScaleError::NotRunning));
    }
}
