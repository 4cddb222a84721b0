//! Changes of a run's VUs and pauses, checked by what the run was planned with.

use throng_control::leading::plan_of;
use throng_control::{Run, RunControl, RunState};
use throng_plan::{ControlledVus, LoadModel};
use throng_protocol::run::ControlRunRequest;
use tonic::Status;

/// What is to be changed, and the scenario whose VUs are.
///
/// # Errors
/// When nothing is, or it can't be.
pub(super) fn read(run: &Run, request: &ControlRunRequest) -> Result<(RunControl, Option<String>), Status> {
    let ControlRunRequest { paused, vus, max_vus, scenario, .. } = request;
    if paused.is_none() && vus.is_none() && max_vus.is_none() {
        let text =
            "nothing is to be changed: say whether it pauses, or give a number of VUs (--vus) or the most (--max)";
        return Err(Status::invalid_argument(text));
    }
    if run.state() >= RunState::Draining {
        let text = format!("the run `{}` is {}, so it can't be paused, resumed or scaled", run.id(), run.state());
        return Err(Status::failed_precondition(text));
    }
    let (_, plan) = plan_of(run.submission()).map_err(|error| Status::internal(error.to_string()))?;
    let scenarios: Vec<_> = plan.scenarios().iter().map(|planned| planned.scenario()).collect();
    let controlled: Vec<(&str, u64, u64)> = scenarios
        .iter()
        .filter_map(|scenario| match scenario.model {
            LoadModel::ExternallyControlled { vus, max_vus, .. } => Some((scenario.name.as_str(), vus, max_vus)),
            _ => None,
        })
        .collect();
    if let Some(paused) = *paused {
        pause(run, paused, !controlled.is_empty())?;
    }
    let mut scaled = None;
    if vus.is_some() || max_vus.is_some() {
        let model = |name: &str| scenarios.iter().find(|one| one.name == name).map(|one| one.model.executor_name());
        scaled = Some(scale(run, (*vus, *max_vus), &controlled, scenario, model(scenario))?);
    }
    Ok((RunControl { paused: *paused, vus: *vus, max_vus: *max_vus }, scaled))
}

fn pause(run: &Run, paused: bool, is_controlled: bool) -> Result<(), Status> {
    let refuse = |text: &str| Err(Status::failed_precondition(text));
    if run.is_paused() == paused {
        return refuse(if paused { "it is paused already" } else { "it isn't paused" });
    }
    if run.start().is_some() && !is_controlled {
        return refuse(
            "the run has no externally-controlled scenario, and only these can be paused once the load has begun",
        );
    }
    Ok(())
}

/// The scenario whose VUs are changed. `executor` is that of the one that was named, if there is such a one.
fn scale(
    run: &Run,
    (vus, max_vus): (Option<u64>, Option<u64>),
    controlled: &[(&str, u64, u64)],
    name: &str,
    executor: Option<&str>,
) -> Result<String, Status> {
    let invalid = |text: String| Err(Status::invalid_argument(text));
    let refuse = |text: String| Err(Status::failed_precondition(text));
    let is_named = controlled.iter().any(|(own, ..)| *own == name);
    let (own, planned, planned_max) = match (controlled, executor) {
        (_, None) if !name.is_empty() => return invalid(format!("there is no scenario `{name}`")),
        (_, Some(executor)) if !is_named => {
            return refuse(format!(
                "the VUs of scenario `{name}` are up to its executor, {executor}: only externally-controlled takes a number"
            ));
        }
        ([], _) => {
            return refuse(
                "the run has no externally-controlled scenario: the VUs of all others are up to their executors"
                    .to_owned(),
            );
        }
        ([one], _) => *one,
        (several, _) => {
            let names: Vec<_> = several.iter().map(|(name, ..)| *name).collect();
            return refuse(format!(
                "a group changes the VUs of runs that have one externally-controlled scenario; this one has {}",
                names.join(", ")
            ));
        }
    };
    if let Some(max) = max_vus.filter(|max| *max < planned_max) {
        return invalid(format!(
            "maxVUs of scenario `{own}` can't go below {planned_max}, with which it was planned, to {max}"
        ));
    }
    let (before, before_max) = run.scale();
    let mut state = ControlledVus::new(before.unwrap_or(planned), max_vus.or(before_max).unwrap_or(planned_max));
    match vus.map(|vus| state.scale(vus)) {
        Some(Err(error)) => invalid(error.to_string()),
        _ => Ok(own.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use throng_control::{Action, Command, Digest, RunId, State, Submission, Timestamp, Wants};
    use tonic::Code;

    use super::*;

    fn control(options: &str, request: ControlRunRequest) -> Result<Option<String>, Code> {
        let (mut state, run, archive) = (State::new(), RunId::new("r").unwrap(), Digest([1; 32]));
        let (client, options, wants) = ("me".to_owned(), options.as_bytes().to_vec(), Wants::default());
        let submission = Submission { run: run.clone(), archive, client, options, metrics: Vec::new(), wants };
        for action in [Action::AddManifest { digest: archive, bytes: 1 }, Action::SubmitRun(Box::new(submission))] {
            assert!(state.apply(Command::new(Timestamp(1), action)).is_accepted());
        }
        read(state.run(&run).unwrap(), &request).map(|(_, scenario)| scenario).map_err(|status| status.code())
    }

    fn scaling(vus: Option<u64>, max_vus: Option<u64>, scenario: &str) -> ControlRunRequest {
        ControlRunRequest { vus, max_vus, scenario: scenario.to_owned(), ..ControlRunRequest::default() }
    }

    const ONE: &str = r#"{"scenarios": {"a": {"executor": "externally-controlled", "vus": 2, "maxVUs": 5, "duration": "9s"},
        "b": {"executor": "constant-vus", "duration": "9s"}}}"#;

    #[test]
    fn only_an_externally_controlled_scenario_is_scaled_and_within_its_limits() {
        assert_eq!(control(ONE, scaling(Some(5), None, "")), Ok(Some("a".to_owned())));
        assert_eq!(control(ONE, scaling(Some(9), Some(10), "a")), Ok(Some("a".to_owned())));
        assert_eq!(control(ONE, scaling(Some(6), None, "a")), Err(Code::InvalidArgument));
        assert_eq!(control(ONE, scaling(None, Some(4), "a")), Err(Code::InvalidArgument));
        assert_eq!(control(ONE, scaling(Some(1), None, "b")), Err(Code::FailedPrecondition));
        assert_eq!(control(ONE, scaling(Some(1), None, "c")), Err(Code::InvalidArgument));
        assert_eq!(control("{}", scaling(Some(1), None, "")), Err(Code::FailedPrecondition));
        assert_eq!(control(ONE, ControlRunRequest::default()), Err(Code::InvalidArgument));
    }

    #[test]
    fn a_run_is_paused_once() {
        let pausing = |paused| ControlRunRequest { paused: Some(paused), ..ControlRunRequest::default() };
        assert_eq!(control("{}", pausing(true)), Ok(None));
        assert_eq!(control("{}", pausing(false)), Err(Code::FailedPrecondition));
    }
}
