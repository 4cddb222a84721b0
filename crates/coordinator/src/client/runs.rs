//! Asking a group for runs.

use std::future::Future;
use std::time::Duration;

use throng_protocol::run::{
    AbortKind, AbortRunRequest, ControlRunRequest, ControlRunResponse, GetRunRequest, GetSummaryRequest,
    ListRunsRequest, Run, RunEnd, RunsClient, SubmitRunRequest, SubmitRunResponse,
};
use throng_protocol::{ControlError, ErrorKind};
use tonic::{Response, Status};

use super::{Client, LEADER_TIME_MAX, Way};

/// How long a node may take to answer; it may have to wait for a leader, or ask it.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// How often something is asked whose outcome nobody knows, since a leader was lost meanwhile.
const TRIES_MAX: u32 = 3;
/// The largest answer: a run's end, with its summary in all forms.
const ANSWER_BYTES_MAX: usize = 32 << 20;

pub(super) fn runs(way: Way) -> RunsClient<Way> {
    RunsClient::new(way).max_decoding_message_size(ANSWER_BYTES_MAX)
}

impl Client {
    /// Asks for a run; it is in the log of a majority then. Asking again with its id and archive changes nothing.
    ///
    /// # Errors
    /// When the group refuses, or there is no answer.
    pub fn submit(&self, request: &SubmitRunRequest) -> Result<SubmitRunResponse, ControlError> {
        self.ask_runs(|mut service| {
            let request = request.clone();
            async move { service.submit_run(request).await }
        })
    }

    /// All runs, the one that was submitted last first.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn runs(&self) -> Result<Vec<Run>, ControlError> {
        Ok(self.ask_runs(|mut service| async move { service.list_runs(ListRunsRequest {}).await })?.runs)
    }

    /// How far a run is; without an id the only one that goes on.
    ///
    /// # Errors
    /// When there is no such run, or no answer.
    pub fn run(&self, run_id: &str) -> Result<Run, ControlError> {
        let answer = self.ask_runs(|mut service| {
            let request = GetRunRequest { run_id: run_id.to_owned() };
            async move { service.get_run(request).await }
        });
        Ok(answer?.run.unwrap_or_default())
    }

    /// What became of a run that has ended; without an id of the last one.
    ///
    /// # Errors
    /// When there is no such run, it hasn't ended, or there is no answer.
    pub fn summary(&self, run_id: &str) -> Result<RunEnd, ControlError> {
        let answer = self.ask_runs(|mut service| {
            let request = GetSummaryRequest { run_id: run_id.to_owned() };
            async move { service.get_summary(request).await }
        });
        Ok(answer?.end.unwrap_or_default())
    }

    /// Ends a run; how far it was then.
    ///
    /// # Errors
    /// When there is no such run, it is ending already, or there is no answer.
    pub fn abort(&self, run_id: &str, client: &str, kind: AbortKind) -> Result<Run, ControlError> {
        let request = AbortRunRequest { run_id: run_id.to_owned(), client: client.to_owned(), kind: kind.into() };
        let answer = self.ask_runs(|mut service| {
            let request = request.clone();
            async move { service.abort_run(request).await }
        });
        Ok(answer?.run.unwrap_or_default())
    }

    /// Pauses a run, lets it go on, or changes its VUs.
    ///
    /// # Errors
    /// When there is no such run, it can't be, or there is no answer.
    pub fn control(&self, request: &ControlRunRequest) -> Result<ControlRunResponse, ControlError> {
        self.ask_runs(|mut service| {
            let request = request.clone();
            async move { service.control_run(request).await }
        })
    }

    /// Asks until there is an answer: nothing of this changes anything when it is said twice.
    fn ask_runs<A, F>(&self, call: impl Fn(RunsClient<Way>) -> F) -> Result<A, ControlError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut tries = 1;
        loop {
            let asking = self.ask_channel(ANSWER_TIME_MAX, LEADER_TIME_MAX, |channel| call(runs(channel)));
            match self.runtime.block_on(asking) {
                Err(error) if error.kind == ErrorKind::TimedOut && tries < TRIES_MAX => tries += 1,
                answer => return answer,
            }
        }
    }
}
