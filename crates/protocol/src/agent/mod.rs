//! The service `throng.agent.v1`: what agents and the group of coordinators say to each other.

mod version;

pub use version::{VersionMismatch, check_version};

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
    include!("../generated/throng.agent.v1.rs");
}

pub use v1::agents_client::AgentsClient;
pub use v1::agents_server::{Agents, AgentsServer, SERVICE_NAME};
pub use v1::*;
