//! Changes of a run's VUs and pauses, as clients ask for them.

use throng_control::leading::{PauseError, ScaleError, pause, plan_of, scale};
use throng_control::{Action, Run, RunState, Scale};
use throng_protocol::run::ControlRunRequest;
use tonic::Status;

/// What is to be proposed, and the scenario whose VUs are changed.
///
/// # Errors
/// When nothing is to be changed, or it can't be.
pub(super) fn read(run: &Run, request: &ControlRunRequest) -> Result<(Vec<Action>, Option<String>), Status> {
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
    let mut actions = Vec::new();
    if let Some(paused) = *paused {
        actions.push(pause(run, &plan, paused).map_err(|error| pause_refused(&error))?);
    }
    let mut scaled = None;
    if vus.is_some() || max_vus.is_some() {
        let name = Some(scenario.as_str()).filter(|name| !name.is_empty());
        let change = scale(run, &plan, name, Scale { vus: *vus, max_vus: *max_vus });
        let change = change.map_err(|error| scale_refused(&error))?;
        actions.push(change.action);
        scaled = Some(change.scenario);
    }
    Ok((actions, scaled))
}

fn pause_refused(error: &PauseError) -> Status {
    Status::failed_precondition(error.to_string())
}

fn scale_refused(error: &ScaleError) -> Status {
    let text = error.to_string();
    match error {
        ScaleError::NotRunning | ScaleError::NotControlled { .. } | ScaleError::NoneControlled => {
            Status::failed_precondition(text)
        }
        ScaleError::UnknownScenario(_)
        | ScaleError::Ambiguous(_)
        | ScaleError::MaxBelowPlanned { .. }
        | ScaleError::TooMany(_) => Status::invalid_argument(text),
    }
}

#[cfg(test)]
mod tests {
    use throng_control::{Command, Digest, RunId, State, Submission, Timestamp, Wants};
    use tonic::Code;

    use super::*;

    fn control(options: &str, request: ControlRunRequest) -> Result<(usize, Option<String>), Code> {
        let (mut state, run, archive) = (State::new(), RunId::new("r").unwrap(), Digest([1; 32]));
        let (client, options, wants) = ("me".to_owned(), options.as_bytes().to_vec(), Wants::default());
        let submission = Submission { run: run.clone(), archive, client, options, metrics: Vec::new(), wants };
        for action in [Action::AddManifest { digest: archive, bytes: 1 }, Action::SubmitRun(Box::new(submission))] {
            assert!(state.apply(Command::new(Timestamp(1), action)).is_accepted());
        }
        let read = read(state.run(&run).unwrap(), &request);
        read.map(|(actions, scenario)| (actions.len(), scenario)).map_err(|status| status.code())
    }

    fn scaling(vus: Option<u64>, max_vus: Option<u64>, scenario: &str) -> ControlRunRequest {
        ControlRunRequest { vus, max_vus, scenario: scenario.to_owned(), ..ControlRunRequest::default() }
    }

    const TWO: &str = r#"{"scenarios": {"a": {"executor": "externally-controlled", "vus": 2, "maxVUs": 5, "duration": "9s"},
        "b": {"executor": "constant-vus", "duration": "9s"},
        "c": {"executor": "externally-controlled", "vus": 1, "maxVUs": 1, "duration": "9s"}}}"#;

    #[test]
    fn what_cannot_be_is_told_as_whose_fault_it_is() {
        assert_eq!(control(TWO, scaling(Some(5), None, "a")), Ok((1, Some("a".to_owned()))));
        assert_eq!(control(TWO, scaling(Some(6), None, "a")), Err(Code::InvalidArgument));
        assert_eq!(control(TWO, scaling(Some(1), None, "")), Err(Code::InvalidArgument));
        assert_eq!(control(TWO, scaling(Some(1), None, "b")), Err(Code::FailedPrecondition));
        assert_eq!(control(TWO, scaling(Some(1), None, "d")), Err(Code::InvalidArgument));
        assert_eq!(control("{}", scaling(Some(1), None, "")), Err(Code::FailedPrecondition));
        assert_eq!(control(TWO, ControlRunRequest::default()), Err(Code::InvalidArgument));
    }

    #[test]
    fn a_pause_and_a_number_are_changed_together() {
        let pausing = |paused| ControlRunRequest { paused: Some(paused), ..ControlRunRequest::default() };
        assert_eq!(control("{}", pausing(true)), Ok((1, None)));
        assert_eq!(control("{}", pausing(false)), Err(Code::FailedPrecondition));
        let both = ControlRunRequest { paused: Some(true), ..scaling(Some(1), None, "c") };
        assert_eq!(control(TWO, both), Ok((2, Some("c".to_owned()))));
    }
}
