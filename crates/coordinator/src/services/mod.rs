//! What a node answers, all on one port.

mod agents;
mod archives;
mod cluster;
mod gate;
mod listening;
mod passing;
mod raft;
mod routes;
mod runs;

pub(crate) use agents::AgentsService;
pub(crate) use archives::Archives;
pub(crate) use cluster::ClusterService;
pub(crate) use gate::Gate;
pub(crate) use listening::admit;
pub(crate) use raft::RaftService;
pub(crate) use routes::Routes;
pub(crate) use runs::RunsService;
