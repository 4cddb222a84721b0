//! What a client asks for as what enters the log.

use throng_control::leading::plan_of;
use throng_control::{Digest, RunId, Submission, Wants};
use throng_protocol::run::SubmitRunRequest;
use tonic::Status;

/// Reads a request, and finds all that is wrong with it before it is in the log.
///
/// # Errors
/// What is wrong, for the client.
pub(super) fn read(request: SubmitRunRequest) -> Result<Submission, Status> {
    let invalid = |text: String| Status::invalid_argument(text);
    let run = RunId::new(&request.run_id).map_err(|error| invalid(format!("the run's id: {error}")))?;
    let archive = Digest::parse(&request.archive)
        .ok_or_else(|| invalid("the archive's digest isn't 64 hexadecimal digits".to_owned()))?;
    let metrics = request.metrics.iter().map(|metric| {
        let unknown = || invalid(format!("the metric `{}` has a kind that this version doesn't know", metric.name));
        Ok((&metric.definition().ok_or_else(unknown)?).into())
    });
    let mut submission = Submission {
        run,
        archive,
        client: request.client,
        options: request.options.into(),
        metrics: metrics.collect::<Result<_, Status>>()?,
        wants: Wants { test: request.test, machine_summary: request.machine_summary, ..Wants::default() },
    };
    let (_, plan) = plan_of(&submission).map_err(|error| invalid(error.to_string()))?;
    let options = plan.options();
    if options.segment != throng_plan::segment::SegmentTuple::whole() {
        let text = "executionSegment can't be given to a run of a group, which deals it out to its agents by itself";
        return Err(invalid(text.to_owned()));
    }
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let scenarios = || plan.scenarios().iter().map(|planned| planned.scenario());
    let setups = scenarios().filter(|scenario| scenario.setup.is_some()).count() + usize::from(request.has_setup);
    let wants = &mut submission.wants;
    wants.agents.clone_from(&options.throng.agents);
    wants.agents_wait_ms = request.agents_wait_ms;
    wants.on_agent_loss = options.throng.on_agent_loss;
    wants.paused = options.paused;
    // Each of them has the time that setupTimeout gives.
    let has_setup = setups > 0 && !options.no_setup;
    wants.setup_ms = has_setup.then(|| ms(options.setup_timeout).saturating_mul(setups as u64));
    wants.teardown_ms = (request.has_teardown && !options.no_teardown).then(|| ms(options.teardown_timeout));
    wants.summary_ms = request.has_summary.then(|| ms(options.handle_summary_timeout));
    wants.graceful_stop_ms = scenarios().map(|scenario| ms(scenario.graceful_stop)).max().unwrap_or(0);
    Ok(submission)
}

#[cfg(test)]
mod tests {
    use throng_plan::OnAgentLoss;

    use super::*;

    fn request(options: &str) -> SubmitRunRequest {
        SubmitRunRequest {
            run_id: "r".to_owned(),
            archive: "ab".repeat(32),
            options: options.to_owned().into_bytes().into(),
            has_setup: true,
            has_teardown: true,
            ..SubmitRunRequest::default()
        }
    }

    #[test]
    fn what_the_group_has_to_know_is_in_the_options() {
        let options = r#"{"duration": "3s", "setupTimeout": "4s", "noTeardown": true, "paused": true,
            "throng": {"agents": 2, "onAgentLoss": "reassign"}}"#;
        let wants = read(request(options)).unwrap().wants;
        assert_eq!((wants.setup_ms, wants.teardown_ms, wants.summary_ms), (Some(4_000), None, None));
        assert_eq!((wants.agents.len(), wants.on_agent_loss, wants.paused), (1, OnAgentLoss::Reassign, true));
        assert_eq!(wants.graceful_stop_ms, 30_000);
    }

    #[test]
    fn each_scenarios_setup_has_its_own_time() {
        let options = r#"{"setupTimeout": "1s", "scenarios":
            {"a": {"executor": "constant-vus", "duration": "1s", "setup": "prepare"}}}"#;
        assert_eq!(read(request(options)).unwrap().wants.setup_ms, Some(2_000));
    }

    #[test]
    fn what_is_wrong_is_told_before_it_is_in_the_log() {
        let wrong = |change: fn(&mut SubmitRunRequest)| {
            let mut request = request("{}");
            change(&mut request);
            read(request).unwrap_err().message().to_owned()
        };
        assert!(wrong(|request| request.run_id = "no name".to_owned()).contains("can't be a name"));
        assert!(wrong(|request| request.archive.truncate(9)).contains("64 hexadecimal digits"));
        assert!(wrong(|request| request.options = b"{\"vsu\": 1}".to_vec().into()).contains("vsu"));
        let segment = wrong(|request| request.options = b"{\"executionSegment\": \"0:1/2\"}".to_vec().into());
        assert!(segment.contains("executionSegment"), "{segment}");
    }
}
