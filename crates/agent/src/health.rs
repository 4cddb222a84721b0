//! Whether the generator itself was the bottleneck.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// A shard whose core was busier than this can't have followed its schedule freely.
const BUSY_SHARE: f64 = 0.9;

/// What a shard has used since its thread began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardUsage {
    pub(crate) cpu: Duration,
    pub(crate) turns: u64,
    pub(crate) sockets: u32,
    pub(crate) sockets_max: u32,
    pub(crate) starved: u64,
    /// The longest time between two turns of the driver since the run began: how late any event may have been seen.
    pub(crate) turn_gap_max: Duration,
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map_or(Duration::ZERO, |time| Duration::new(time.tv_sec() as u64, time.tv_nsec() as u32))
}

/// What the summary says of the generator: CPU by shard over the time of the load, and a verdict.
pub(crate) fn report(shards: &[(ShardUsage, ShardUsage)], load_time: Duration, sockets: u32) -> Value {
    let seconds = load_time.as_secs_f64();
    let share = |(before, after): &(ShardUsage, ShardUsage)| {
        if seconds > 0.0 { after.cpu.saturating_sub(before.cpu).as_secs_f64() / seconds } else { 0.0 }
    };
    let shares: Vec<f64> = shards.iter().map(share).collect();
    let each: Vec<Value> = shards
        .iter()
        .zip(&shares)
        .map(|((before, after), share)| {
            json!({
                "cpu": (share * 1000.0).round() / 1000.0,
                "turns": after.turns - before.turns,
                "turnGapMaxMs": after.turn_gap_max.as_secs_f64() * 1000.0,
                "socketsMax": after.sockets_max,
                "receiveBuffersRanOut": after.starved,
            })
        })
        .collect();
    json!({ "shards": each, "socketsPeak": sockets, "saturated": shares.iter().any(|share| *share > BUSY_SHARE) })
}
