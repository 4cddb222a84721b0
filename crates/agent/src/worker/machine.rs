//! What of the machine a worker has.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use throng_transport::machine::{cores, first_port, sockets_per_shard};
use throng_transport::source::SourceAddresses;
use throng_transport::{ShardConfig, ShardError, ShardThread};

use crate::command::{Command, Event};
use crate::inbox::{Inbox, Sender};
use crate::shard::{self, Reporting};

/// Shards of one assignment. A machine with more cores than that leaves some unused.
pub const SHARDS_MAX: usize = throng_control::limits::SOURCES_OF_PART as usize;

/// A shard on each core that the process may use, for the `index`th of so many workers at once: all have all cores, and
/// divide source ports and sockets among them, so that none takes another's.
#[must_use]
pub fn machine_share(index: u16, workers: u16, sources: &Arc<SourceAddresses>) -> Vec<ShardConfig> {
    machine_share_on(SHARDS_MAX, index, workers, sources)
}

/// The same with so many shards at most, each of which has the more source ports the fewer they are.
#[must_use]
pub fn machine_share_on(
    shards_max: usize,
    index: u16,
    workers: u16,
    sources: &Arc<SourceAddresses>,
) -> Vec<ShardConfig> {
    let (mut cores, workers) = (cores(), workers.max(1));
    cores.truncate(shards_max.max(1));
    let sockets_max = (sockets_per_shard() / u32::from(workers)).max(1);
    let (count, first_port) = (cores.len().min(SHARDS_MAX) as u16, first_port());
    let prefix = if workers == 1 { String::new() } else { format!("{index}-") };
    let shards = cores.iter().zip(0..count).map(|(core, shard)| ShardConfig {
        name: format!("throng-shard-{prefix}{shard}"),
        cpu: Some(*core),
        sockets_max,
        ports: sources.port_share(index * count + shard, workers * count, first_port),
        sources: Arc::clone(sources),
    });
    shards.collect()
}

/// The way to a shard.
pub(super) struct ShardLink {
    thread: ShardThread,
    sender: Sender<Command>,
    /// Windows that it has sent and that aren't merged yet.
    waiting: Arc<AtomicUsize>,
    pub(super) sockets_max: u32,
    /// Whether its main task has ended by a panic: then its thread never ends.
    pub(super) is_gone: bool,
}

impl fmt::Debug for ShardLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ShardLink").finish_non_exhaustive()
    }
}

impl ShardLink {
    pub(super) fn start(
        config: ShardConfig,
        index: usize,
        events: &mpsc::Sender<(usize, Event)>,
    ) -> Result<Self, ShardError> {
        let inbox = Inbox::new();
        let link = inbox.share();
        let (waiting, sockets_max) = (Arc::new(AtomicUsize::new(0)), config.sockets_max);
        let reporting = Reporting { events: events.clone(), waiting: Arc::clone(&waiting) };
        let thread = ShardThread::start(config, move |shard| shard::main(shard, index, inbox, reporting))?;
        Ok(Self { sender: link.sender(thread.remote()), thread, waiting, sockets_max, is_gone: false })
    }

    pub(super) fn send(&self, command: Command) {
        self.sender.send(command);
    }

    /// One of its windows is merged.
    pub(super) fn merged(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until it has ended.
    pub(super) fn join(self) -> Result<(), ShardError> {
        self.thread.join()
    }
}
