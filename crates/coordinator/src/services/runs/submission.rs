//! What a client asks for as what enters the log.

use throng_control::leading::{Calls, plan_of, wants};
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
        wants: Wants::default(),
    };
    let (_, plan) = plan_of(&submission).map_err(|error| invalid(error.to_string()))?;
    let options = plan.options();
    if options.segment != throng_plan::segment::SegmentTuple::whole() {
        let text = "executionSegment can't be given to a run of a group, which deals it out to its agents by itself";
        return Err(invalid(text.to_owned()));
    }
    let calls = Calls { setup: request.has_setup, teardown: request.has_teardown, summary: request.has_summary };
    submission.wants = Wants {
        agents_wait_ms: request.agents_wait_ms,
        test: request.test,
        machine_summary: request.machine_summary,
        ..wants(&plan, calls)
    };
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
