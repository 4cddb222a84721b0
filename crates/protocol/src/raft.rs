//! The service `throng.raft.v1`: what nodes of a group of coordinators say to each other.

/// The package's messages, the module of its client and that of its server.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "it is generated; messages and fields have the comments of their .proto file"
)]
mod v1 {
    include!("generated/throng.raft.v1.rs");
}

pub use v1::raft_client::RaftClient;
pub use v1::raft_server::{Raft, RaftServer, SERVICE_NAME};
pub use v1::*;
