//! openraft behind a module of ours: nothing outside of it and of `node` names its types.

mod encoding;
mod identity;
mod links;
mod machine;
mod snapshot_file;
mod store;

use std::fmt;

use openraft::impls::TokioRuntime;
use openraft::rt::deterministic_rng::DeterministicRng;
use serde::{Deserialize, Serialize};
use throng_control::{Command, Reply};

pub(crate) use encoding::{DecodeError, decode, encode};
pub(crate) use identity::{ClusterId, Identity, Refused};
pub(crate) use links::{LinkFactory, Links, connect, distrust, raft_client};
pub(crate) use machine::Machine;
pub use snapshot_file::SNAPSHOT_BYTES_MAX;
pub use store::LOG_BYTES_MAX;
pub(crate) use store::{LogStore, StoreError};

/// The largest message between nodes, and so the largest command.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The runtime of openraft: tokio, with random numbers from a seed that a task has from the one that started it. So
/// every call into openraft is within a [`scope`]; outside of one it panics.
pub(crate) type Runtime = DeterministicRng<TokioRuntime>;

openraft::declare_raft_types!(
    /// What openraft is told about us.
    pub(crate) Types: D = Proposal, R = Option<Reply>, Node = openraft::BasicNode, AsyncRuntime = Runtime,
);

pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<Types, bytes::Bytes>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type Raft = openraft::Raft<Types, Machine>;
pub(crate) type Metrics = openraft::RaftMetrics<Types>;

/// A command as an entry of the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal(pub(crate) Command);

impl fmt::Display for Proposal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a command of {}", self.0.now.0)
    }
}

/// Does something with openraft, whose random numbers come from this seed.
pub(crate) fn scope<F: Future>(seed: u64, work: F) -> impl Future<Output = F::Output> {
    Runtime::scope(seed, work)
}
