//! The service `throng.control.v1`.

mod convert;
mod scaling;

pub use convert::{from_ms, to_ms};
pub use scaling::{Scaled, Scaling};

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
    include!("generated/throng.control.v1.rs");
}

pub use v1::control_client::ControlClient;
pub use v1::control_server::{Control, ControlServer, SERVICE_NAME};
pub use v1::watch_response::Event;
pub use v1::*;

/// What names of this service begin with, in all of its versions.
pub const ANY_VERSION: &str = "throng.control.";

/// The longest id of a run.
pub const RUN_ID_BYTES_MAX: usize = 64;
/// The largest summary that [`RunEnd`] carries, as text and as JSON each.
pub const SUMMARY_BYTES_MAX: usize = 1 << 20;
