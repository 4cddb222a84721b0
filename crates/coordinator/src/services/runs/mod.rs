//! What a node answers to clients that want runs.

mod message;
mod steering;
mod submission;
mod watching;

use std::time::Duration;

use throng_control::{AbortReason, Action, Refusal, Reply, RunId, State};
use throng_protocol::run::{
    AbortKind, AbortRunRequest, AbortRunResponse, ControlRunRequest, ControlRunResponse, GetRunRequest, GetRunResponse,
    GetSummaryRequest, GetSummaryResponse, ListRunsRequest, ListRunsResponse, Run, Runs, RunsClient, SubmitRunRequest,
    SubmitRunResponse, WatchRunRequest, WatchRunResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::passing::pass_on;
use crate::leader::Leader;
use crate::node::{Node, Repeat};
use message::Detail;
use watching::Watchers;

/// How long a call that is passed on may take.
const PASS_TIME_MAX: Duration = Duration::from_secs(15);
/// The largest answer of another node that is passed on: a run's end, with its summary in all forms.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// The service of a node.
#[derive(Clone)]
pub(crate) struct RunsService {
    leader: Leader,
    watchers: Watchers,
}

/// What a refusal is to a client.
fn refused(refusal: &Refusal) -> Status {
    let text = refusal.to_string();
    match refusal {
        Refusal::UnknownRun { .. } => Status::not_found(text),
        Refusal::TooMany { .. } | Refusal::TooLarge { .. } => Status::resource_exhausted(text),
        Refusal::Invalid(_) => Status::invalid_argument(text),
        _ => Status::failed_precondition(text),
    }
}

fn accepted(reply: Reply) -> Result<throng_control::Accepted, Status> {
    reply.into_result().map_err(|refusal| refused(&refusal))
}

/// The run that is meant: the one that is named, or the only one of its kind.
fn meant(state: &State, id: &str, of_ended: bool) -> Result<RunId, Status> {
    if !id.is_empty() {
        let id = RunId::new(id).map_err(|error| Status::invalid_argument(error.to_string()))?;
        return match state.run(&id) {
            Some(_) => Ok(id),
            None => Err(refused(&Refusal::UnknownRun { run: id })),
        };
    }
    let mut runs: Vec<_> = state.runs().filter(|run| run.state().has_ended() == of_ended).collect();
    runs.sort_by_key(|run| run.number());
    match (&runs[..], of_ended) {
        ([.., last], true) => Ok(last.id().clone()),
        ([one], false) => Ok(one.id().clone()),
        ([], true) => Err(Status::not_found("no run has ended yet; `throng runs` lists them")),
        ([], false) => Err(Status::not_found("no run goes on; `throng runs` lists those that have ended")),
        (several, false) => {
            let ids: Vec<_> = several.iter().map(|run| run.id().as_str()).collect();
            let text = format!("{} runs go on: say which by --run ID; they are {}", ids.len(), ids.join(", "));
            Err(Status::invalid_argument(text))
        }
    }
}

fn runs(channel: tonic::transport::Channel) -> RunsClient<tonic::transport::Channel> {
    RunsClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// Passes a call on, if another node leads, and returns its answer.
macro_rules! pass_on {
    ($self:ident, $request:ident, $method:ident) => {
        let call = |channel, request| async move { runs(channel).$method(request).await };
        if let Some(answer) = pass_on($self.node(), &$request, PASS_TIME_MAX, call).await? {
            return Ok(answer);
        }
    };
}

impl RunsService {
    pub(crate) fn new(leader: Leader) -> Self {
        Self { leader, watchers: Watchers::new() }
    }

    fn node(&self) -> &Node {
        self.leader.node()
    }

    /// A run as it stands, with what this node knows of it.
    fn run(&self, id: &RunId, detail: Detail) -> Result<Run, Status> {
        let view = self.leader.feeds().get(id).and_then(|feed| feed.view().borrow().clone());
        self.node().read(|state| match state.run(id) {
            Some(run) => Ok(message::run(run, view.as_deref(), detail)),
            None => Err(refused(&Refusal::UnknownRun { run: id.clone() })),
        })
    }

    /// Whether a run has ended, as far as this node has applied: then nothing more changes.
    fn has_ended(&self, id: &str) -> bool {
        let Ok(id) = RunId::new(id) else { return false };
        self.node().read(|state| state.run(&id).is_some_and(|run| run.state().has_ended()))
    }

    /// The run that is meant, by all that has been committed.
    async fn meant(&self, id: &str, of_ended: bool) -> Result<RunId, Status> {
        self.node().linearize().await?;
        self.node().read(|state| meant(state, id, of_ended))
    }
}

#[tonic::async_trait]
impl Runs for RunsService {
    async fn submit_run(&self, request: Request<SubmitRunRequest>) -> Result<Response<SubmitRunResponse>, Status> {
        pass_on!(self, request, submit_run);
        let submission = submission::read(request.into_inner())?;
        let id = submission.run.clone();
        let action = Action::SubmitRun(Box::new(submission));
        let reply = accepted(self.node().propose(action, Repeat::Idempotent).await?)?;
        let again = matches!(reply, throng_control::Accepted::Run { again: true, .. });
        Ok(Response::new(SubmitRunResponse { run: Some(self.run(&id, Detail::Whole)?), again }))
    }

    async fn list_runs(&self, request: Request<ListRunsRequest>) -> Result<Response<ListRunsResponse>, Status> {
        pass_on!(self, request, list_runs);
        self.node().linearize().await?;
        let feeds = self.leader.feeds();
        let runs = self.node().read(|state| {
            let mut runs: Vec<_> = state.runs().collect();
            runs.sort_by_key(|run| std::cmp::Reverse(run.number()));
            let view = |id: &RunId| feeds.get(id).and_then(|feed| feed.view().borrow().clone());
            runs.into_iter().map(|run| message::run(run, view(run.id()).as_deref(), Detail::Headline)).collect()
        });
        Ok(Response::new(ListRunsResponse { runs }))
    }

    async fn get_run(&self, request: Request<GetRunRequest>) -> Result<Response<GetRunResponse>, Status> {
        if !self.has_ended(&request.get_ref().run_id) {
            pass_on!(self, request, get_run);
        }
        let id = self.meant(&request.get_ref().run_id, false).await?;
        Ok(Response::new(GetRunResponse { run: Some(self.run(&id, Detail::Whole)?) }))
    }

    async fn get_summary(&self, request: Request<GetSummaryRequest>) -> Result<Response<GetSummaryResponse>, Status> {
        let asked = &request.get_ref().run_id;
        if self.has_ended(asked) {
            let id = self.node().read(|state| meant(state, asked, true))?;
            return Ok(Response::new(GetSummaryResponse {
                end: Some(self.node().read(|state| message::end(state, &id))?),
            }));
        }
        pass_on!(self, request, get_summary);
        let id = self.meant(&request.get_ref().run_id, true).await?;
        Ok(Response::new(GetSummaryResponse { end: Some(self.node().read(|state| message::end(state, &id))?) }))
    }

    type WatchRunStream = ReceiverStream<Result<WatchRunResponse, Status>>;

    async fn watch_run(&self, request: Request<WatchRunRequest>) -> Result<Response<Self::WatchRunStream>, Status> {
        let place = self.watchers.place()?;
        let (sender, events) = mpsc::channel(watching::EVENTS_WAITING_MAX);
        if !self.has_ended(&request.get_ref().run_id) {
            let call = |channel, request| async move { runs(channel).watch_run(request).await };
            if let Some(answer) = pass_on(self.node(), &request, PASS_TIME_MAX, call).await? {
                tokio::spawn(watching::relay(answer.into_inner(), sender, place));
                return Ok(Response::new(ReceiverStream::new(events)));
            }
        }
        let asked = request.into_inner();
        let id = if self.has_ended(&asked.run_id) {
            self.node().read(|state| meant(state, &asked.run_id, true))?
        } else {
            self.meant(&asked.run_id, false).await?
        };
        tokio::spawn(watching::follow(self.leader.clone(), id, asked, sender, place));
        Ok(Response::new(ReceiverStream::new(events)))
    }

    async fn abort_run(&self, request: Request<AbortRunRequest>) -> Result<Response<AbortRunResponse>, Status> {
        pass_on!(self, request, abort_run);
        let kind = request.get_ref().kind();
        let AbortRunRequest { run_id, client: by, .. } = request.into_inner();
        let run = self.meant(&run_id, false).await?;
        let by = if by.is_empty() { "a client".to_owned() } else { by };
        let reason = match kind {
            AbortKind::Unspecified | AbortKind::Stopped => AbortReason::Stopped { by },
            AbortKind::Interrupted => AbortReason::Interrupted { by },
        };
        accepted(self.node().propose(Action::AbortRun { run: run.clone(), reason }, Repeat::Idempotent).await?)?;
        Ok(Response::new(AbortRunResponse { run: Some(self.run(&run, Detail::Whole)?) }))
    }

    async fn control_run(&self, request: Request<ControlRunRequest>) -> Result<Response<ControlRunResponse>, Status> {
        pass_on!(self, request, control_run);
        let request = request.into_inner();
        let run = self.meant(&request.run_id, false).await?;
        let (actions, scenario) = self.node().read(|state| match state.run(&run) {
            Some(run) => steering::read(run, &request),
            None => Err(refused(&Refusal::UnknownRun { run: run.clone() })),
        })?;
        for action in actions {
            accepted(self.node().propose(action, Repeat::Idempotent).await?)?;
        }
        let run = Some(self.run(&run, Detail::Whole)?);
        Ok(Response::new(ControlRunResponse { run, scenario: scenario.unwrap_or_default() }))
    }
}

#[cfg(test)]
mod tests {
    use throng_control::{Accepted, Command, Digest, Submission, Timestamp, Wants};
    use tonic::Code;

    use super::*;

    fn state(ids: &[&str]) -> State {
        let mut state = State::new();
        let archive = Digest([1; 32]);
        let mut apply = |action| state.apply(Command::new(Timestamp(1), action));
        assert!(apply(Action::AddManifest { digest: archive, bytes: 1 }).is_accepted());
        for id in ids {
            let run = RunId::new(id).unwrap();
            let (client, options, wants) = ("me".to_owned(), b"{}".to_vec(), Wants::default());
            let submission = Submission { run, archive, client, options, metrics: Vec::new(), wants };
            assert!(matches!(
                apply(Action::SubmitRun(Box::new(submission))).into_result(),
                Ok(Accepted::Run { again: false, .. })
            ));
        }
        state
    }

    #[test]
    fn without_a_name_the_only_run_is_meant() {
        let meant = |ids: &[&str], id: &str| meant(&state(ids), id, false).map_err(|status| status.code());
        assert_eq!(meant(&["a"], "").unwrap().as_str(), "a");
        assert_eq!(meant(&["a", "b"], "b").unwrap().as_str(), "b");
        assert_eq!(meant(&["a", "b"], ""), Err(Code::InvalidArgument));
        assert_eq!(meant(&[], ""), Err(Code::NotFound));
        assert_eq!(meant(&["a"], "c"), Err(Code::NotFound));
        assert_eq!(meant(&["a"], "no name"), Err(Code::InvalidArgument));
    }

    #[test]
    fn several_runs_are_named_so_that_one_can_be_chosen() {
        let status = super::meant(&state(&["one", "two"]), "", false).unwrap_err();
        assert!(status.message().contains("one, two") && status.message().contains("--run"), "{status}");
    }
}
