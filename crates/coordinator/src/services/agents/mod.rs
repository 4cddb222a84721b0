//! What a node says to agents: orders and checkpoints, as long as it leads; where the leader is, else.

mod from_agent;
mod session;
#[cfg(any(test, feature = "simulation"))]
mod spoiling;
mod to_agent;

use throng_protocol::agent::{Agents, JoinRequest, JoinResponse};
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::leader::Leader;
use session::Session;

/// Messages that wait for an agent's stream to take them; then what is new waits in the state.
const ANSWERS_MAX: usize = 16;
/// How long the last word on a stream may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The service of a node.
#[derive(Clone)]
pub(crate) struct AgentsService {
    leader: Leader,
}

impl AgentsService {
    pub(crate) fn new(leader: Leader) -> Self {
        Self { leader }
    }
}

#[tonic::async_trait]
impl Agents for AgentsService {
    type JoinStream = ReceiverStream<Result<JoinResponse, Status>>;

    async fn join(&self, request: Request<Streaming<JoinRequest>>) -> Result<Response<Self::JoinStream>, Status> {
        let (sender, receiver) = mpsc::channel(ANSWERS_MAX);
        let caller = request.extensions().get().cloned();
        let (leader, requests) = (self.leader.clone(), request.into_inner());
        tokio::spawn(async move {
            if let Err(status) = Session::serve(leader, caller, requests, sender.clone()).await {
                // An agent that takes nothing finds the stream closed.
                let _ = timeout(FAREWELL, sender.send(Err(status))).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
