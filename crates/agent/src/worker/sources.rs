//! Where an agent's connections come from: what its shards say of each destination, as one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use throng_control::judge::{SourceUsage, gathered};
use throng_transport::source::DestinationUse;

/// Sums up shards, which have the same addresses and other ports of them.
pub(super) fn of_agent<'a>(shards: impl Iterator<Item = &'a [DestinationUse]>) -> Vec<SourceUsage> {
    let mut all: BTreeMap<SocketAddr, DestinationUse> = BTreeMap::new();
    for used in shards.flatten() {
        match all.get_mut(&used.destination) {
            Some(known) => add(known, used),
            None => drop(all.insert(used.destination, used.clone())),
        }
    }
    gathered(all.into_values().map(usage))
}

fn add(known: &mut DestinationUse, other: &DestinationUse) {
    known.room = known.room.zip(other.room).map(|(one, another)| one + another);
    known.in_use += other.in_use;
    known.in_use_max += other.in_use_max;
    known.taken += other.taken;
    known.exhausted += other.exhausted;
    known.unusable += other.unusable;
    for (one, another) in known.sources.iter_mut().zip(&other.sources) {
        one.in_use += another.in_use;
        one.in_use_max += another.in_use_max;
    }
}

fn usage(used: DestinationUse) -> SourceUsage {
    let each = || used.sources.iter().map(|source| (source.source, u64::from(source.in_use_max)));
    SourceUsage {
        destination: used.destination.to_string(),
        addresses: used.addresses,
        room: used.room,
        in_use: used.in_use,
        in_use_max: used.in_use_max,
        taken: used.taken,
        exhausted: used.exhausted,
        unusable: used.unusable,
        least: each().min_by_key(|(_, max)| *max),
        most: each().max_by_key(|(_, max)| *max),
    }
}
