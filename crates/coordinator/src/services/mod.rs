//! What a node answers, all on one port.

mod agents;
mod archives;
mod cluster;
mod listening;
mod raft;
mod routes;

pub(crate) use agents::AgentsService;
pub(crate) use archives::Archives;
pub(crate) use cluster::ClusterService;
pub(crate) use listening::admit;
pub(crate) use raft::RaftService;
pub(crate) use routes::Routes;
