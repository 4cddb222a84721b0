//! The service `throng.cluster.v1`: a group of coordinators as clients and agents see it.

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
    include!("generated/throng.cluster.v1.rs");
}

pub use v1::cluster_client::ClusterClient;
pub use v1::cluster_server::{Cluster, ClusterServer, SERVICE_NAME};
pub use v1::*;
