//! The service `throng.run.v1`: runs of a group of coordinators, as clients see them.

mod metrics;

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
    include!("generated/throng.run.v1.rs");
}

pub use v1::runs_client::RunsClient;
pub use v1::runs_server::{Runs, RunsServer, SERVICE_NAME};
pub use v1::watch_run_response::Event;
pub use v1::*;
