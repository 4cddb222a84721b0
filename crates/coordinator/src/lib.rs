//! A group of coordinators: a replicated log, the state that it makes, and the services on one port.
//!
//! A [`Coordinator`] is one of the group's processes. Its [`Node`] takes part in the consensus: it keeps the log and the
//! snapshots in the data directory, applies what is committed to a [`throng_control::State`], and passes proposals on to
//! the leader. Archives lie beside the log, in the [`ArchiveStore`]. A [`Client`] asks any node of a group.
//!
//! ```text
//! propose --> Node --> log (fsync) --> majority --> State::apply --> reply, watchers
//!               `---- peers: votes, entries, snapshots, archives
//! ```
//!
//! What a node needs of the world is an [`Environment`]: network, disk, clock and randomness. A simulation gives it
//! others (feature `simulation`), and runs this very code.
//!
//! While a node leads it does a leader's work too: agents' streams end there, and live runs are led. Those who watch a run
//! are given its [`RunFeed`].
//!
//! Not here: what a run does next and how windows are judged (`control`), printing, arguments.

mod archive_store;
mod client;
mod coordinator;
mod environment;
mod leader;
mod node;
mod raft;
mod services;

pub use archive_store::{ARCHIVES_BYTES_MAX, ArchiveError, ArchiveStore, PART_BYTES_MAX, UPLOADS_MAX};
pub use client::{Abort, Client, Watched, Watching};
pub use coordinator::{Coordinator, CoordinatorError, Ended};
#[cfg(any(test, feature = "simulation"))]
pub use environment::{Bug, DiskImage, SimulatedDisk, Simulation, Witness, WrittenBy};
pub use environment::{Clock, Dialed, DirectoryError, Disk, Environment, Listener, Network, Pending};
pub use environment::{DuplexStream, SecuredNetwork, Security, SystemClock, SystemDisk, SystemNetwork};
pub use leader::{Feeds, LOGS_KEPT_MAX, LogLine, LogReader, LogsRead, RunFeed};
pub use node::{
    GroupError, Leadership, Member, Node, NodeConfig, NodeState, Peers, PeersError, ProposeError, Repeat, StartError,
    Stopped, Timing, TimingError,
};
pub use raft::{LOG_BYTES_MAX, MESSAGE_BYTES_MAX, SNAPSHOT_BYTES_MAX};
