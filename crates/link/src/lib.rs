//! The process behind `throng agent`: its link to a group of coordinators, and the parts of runs that it has of it.
//!
//! [`run`] finds the node that leads, registers there, and does what it orders until the agent isn't needed any more. What
//! is to be done when is thought out in [`throng_agent::link`], which does no IO; here are the stream, the clock and the
//! disk. The stream may break at any point: work goes on, another leader is looked for, and what isn't in a checkpoint is
//! said again.
//!
//! [`Workers`] run the parts. [`MachineWorkers`] are those of this machine: archives come from any node into an
//! [`ArchiveCache`], and each part gets a [`throng_agent::Worker`]. Between their threads and the link's, which is one with a
//! runtime of its own, are channels with a limit.
//!
//! Not here: what a node says (`coordinator`), arguments, printing, exit codes.

mod archives;
mod config;
mod dial;
mod error;
mod from_group;
mod machine;
mod member;
mod nodes;
mod outbox;
mod search;
mod surroundings;
mod text;
mod times;
mod to_group;
mod workers;

use std::hash::{BuildHasher, Hasher, RandomState};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

pub use archives::{ArchiveCache, CACHE_BYTES_MAX};
pub use config::{LinkConfig, is_address};
pub use error::{Left, LinkError};
pub use machine::{MachineConfig, MachineWorkers, NEWS_WAITING_MAX, Notify};
pub use surroundings::{Dial, Dialing, Duplex};
pub use workers::{Notes, PartNews, Workers};

/// Is an agent of a group until it isn't needed any more; blocks the calling thread.
///
/// # Errors
/// When the group refuses it, or isn't found for too long.
pub fn run<W: Workers>(
    config: LinkConfig,
    workers: (W, mpsc::Receiver<PartNews>),
    notes: &mut dyn Notes,
) -> Result<Left, LinkError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(LinkError::Runtime)?;
    // A number that no other process draws: the standard library's keys of hashes are random.
    let incarnation = RandomState::new().build_hasher().finish();
    runtime.block_on(async { member::Member::new((config, None), incarnation, workers, notes).run().await })
}

/// Is an agent within the caller's runtime and by connections of the caller's, as a simulation does. Its incarnation has to
/// be another one than that of the agent's other lives.
///
/// # Errors
/// When the group refuses it, or isn't found for too long.
pub async fn run_within<W: Workers>(
    config: LinkConfig,
    (incarnation, dial): (u64, Dial),
    workers: (W, mpsc::Receiver<PartNews>),
    notes: &mut dyn Notes,
) -> Result<Left, LinkError> {
    member::Member::new((config, Some(dial)), incarnation, workers, notes).run().await
}
