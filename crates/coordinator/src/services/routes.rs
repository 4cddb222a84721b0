//! Which service a call is for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use throng_protocol::agent::{AgentsServer, SERVICE_NAME as AGENTS};
use throng_protocol::cluster::{ClusterServer, SERVICE_NAME as CLUSTER};
use throng_protocol::raft::{RaftServer, SERVICE_NAME as RAFT};
use throng_protocol::run::{RunsServer, SERVICE_NAME as RUNS};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower_service::Service;

use super::{AgentsService, ClusterService, Gate, RaftService, RunsService};
use crate::raft::MESSAGE_BYTES_MAX;

/// The largest request of a client: a part of an archive, with room.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The largest request for a run: its options, its metrics, and what is around them.
const RUN_BYTES_MAX: usize = 4 << 20;

/// The largest message of an agent: a window, or what setup returned, and what is around it.
const AGENT_BYTES_MAX: usize = 20 << 20;

/// All services of a node.
#[derive(Clone)]
pub(crate) struct Routes {
    gate: Gate,
    raft: RaftServer<RaftService>,
    cluster: ClusterServer<ClusterService>,
    agents: AgentsServer<AgentsService>,
    runs: RunsServer<RunsService>,
}

impl Routes {
    pub(crate) fn new(
        gate: Gate,
        raft: RaftService,
        cluster: ClusterService,
        agents: AgentsService,
        runs: RunsService,
    ) -> Self {
        let raft = RaftServer::new(raft)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let cluster = ClusterServer::new(cluster).max_decoding_message_size(REQUEST_BYTES_MAX);
        let agents = AgentsServer::new(agents).max_decoding_message_size(AGENT_BYTES_MAX);
        let runs = RunsServer::new(runs).max_decoding_message_size(RUN_BYTES_MAX);
        Self { gate, raft, cluster, agents, runs }
    }
}

impl Service<Request<Body>> for Routes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // All are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Err(status) = self.gate.admit(&request) {
            return Box::pin(std::future::ready(Ok(status.into_http())));
        }
        match request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default() {
            RAFT => Box::pin(self.raft.call(request)),
            CLUSTER => Box::pin(self.cluster.call(request)),
            AGENTS => Box::pin(self.agents.call(request)),
            RUNS => Box::pin(self.runs.call(request)),
            other => {
                // What somebody sends comes back to them alone, and not much of it.
                let shown: String = other.chars().take(80).collect();
                let text = format!(
                    "there is no service {shown} here, only {AGENTS}, {CLUSTER}, {RAFT} and {RUNS}: use a throng of the coordinators' version"
                );
                Box::pin(std::future::ready(Ok(Status::unimplemented(text).into_http())))
            }
        }
    }
}
