//! Whether the generator itself was the bottleneck.

use std::time::Duration;

use serde_json::{Value, json};
use throng_stats::{Aggregate, Totals, builtin};

use super::window::{Seconds, ShardUsage};

/// A shard whose core was busier than this over the whole load can't have followed its schedule freely.
const BUSY_SHARE: f64 = 0.9;
/// Of its seconds, this share makes a shard a bottleneck; a single second never does.
const SECONDS_SHARE: f64 = 0.1;
/// Iterations may start so late, by their 95th percentile.
const START_LAG_MS: f64 = 100.0;
/// What [`Seconds::late`] counts: shards that didn't look at their sockets for so long.
const LATE_LAG: Duration = Duration::from_millis(100);

/// A shard of a run.
pub(super) struct RunShard {
    /// Its number, after the agent's name where there are several.
    pub(super) name: String,
    /// The agent's name where there are several.
    pub(super) agent: Option<String>,
    /// What it had used before the load.
    pub(super) before: ShardUsage,
    /// What it has used with it.
    pub(super) after: ShardUsage,
}

/// What the summary says of the generator.
pub(super) struct HealthReport {
    /// For the JSON: CPU by shard over the time of the load, and a verdict.
    pub(super) json: Value,
    /// Why the generator was the bottleneck, and what helps.
    pub(super) bottleneck: Option<String>,
}

/// Sums up what the shards have used.
pub(super) fn report(shards: &[RunShard], load_time: Duration, sockets: u32, totals: &Totals) -> HealthReport {
    let seconds = load_time.as_secs_f64();
    let share = |shard: &RunShard| {
        let used = shard.after.cpu.saturating_sub(shard.before.cpu).as_secs_f64();
        if seconds > 0.0 { used / seconds } else { 0.0 }
    };
    let shares: Vec<f64> = shards.iter().map(share).collect();
    let each = shards.iter().zip(&shares).map(|(shard, share)| {
        let RunShard { agent, before, after, .. } = shard;
        let mut json = json!({
            "cpu": (share * 1000.0).round() / 1000.0,
            "turns": after.turns.saturating_sub(before.turns),
            "turnGapMaxMs": after.seconds.lag_max.as_secs_f64() * 1000.0,
            "seconds": after.seconds.all,
            "busySeconds": after.seconds.busy,
            "lateSeconds": after.seconds.late,
            "socketsMax": after.sockets_max,
            "receiveBuffersRanOut": after.starved,
        });
        if let (Some(agent), Some(fields)) = (agent, json.as_object_mut()) {
            fields.insert("agent".to_owned(), Value::from(agent.as_str()));
        }
        json
    });
    let each: Vec<Value> = each.collect();
    let seconds: Vec<(&str, Seconds)> = shards.iter().map(|shard| (shard.name.as_str(), shard.after.seconds)).collect();
    let bottleneck = bottleneck(&seconds, &shares, start_lag_ms(totals));
    let json = json!({
        "shards": each,
        "socketsPeak": sockets,
        "saturated": bottleneck.is_some(),
        "bottleneck": bottleneck,
    });
    HealthReport { json, bottleneck }
}

/// The 95th percentile of how late iterations started; none if that isn't measured.
fn start_lag_ms(totals: &Totals) -> Option<f64> {
    match totals.metric(builtin::ITERATION_START_LAG)? {
        Aggregate::Trend(lag) => Some(lag.percentile(95.0)),
        _ => None,
    }
}

fn bottleneck(shards: &[(&str, Seconds)], shares: &[f64], start_lag_ms: Option<f64>) -> Option<String> {
    const REMEDY: &str = "measured times include the generator's own delays: use more cores or machines, or less load";
    let many = |some: u64, all: u64| some > 1 && some as f64 > all as f64 * SECONDS_SHARE;
    let names = |is_one: &dyn Fn(usize) -> bool| -> String {
        let names = shards.iter().enumerate().filter(|(n, _)| is_one(*n)).map(|(_, (name, _))| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    let worst = |of: fn(&Seconds) -> u64| shards.iter().map(|(_, seconds)| (of(seconds), seconds.all)).max();
    let is_busy =
        |n: usize| many(shards[n].1.busy, shards[n].1.all) || shares.get(n).is_some_and(|share| *share > BUSY_SHARE);
    let busy = names(&is_busy);
    if !busy.is_empty() {
        let share = shares.iter().fold(0.0_f64, |most, share| most.max(*share)) * 100.0;
        let (some, all) = worst(|seconds| seconds.busy).unwrap_or_default();
        return Some(format!(
            "the generator was the bottleneck: the core of shard {busy} was busy ({some} of {all} seconds above 90 %, \
             {share:.0} % on average); {REMEDY}"
        ));
    }
    let late = names(&|n| many(shards[n].1.late, shards[n].1.all));
    if !late.is_empty() {
        let (some, all) = worst(|seconds| seconds.late).unwrap_or_default();
        let most = shards.iter().map(|(_, seconds)| seconds.lag_max).max().unwrap_or_default();
        return Some(format!(
            "the generator was the bottleneck: shard {late} was kept from its sockets for more than {LATE_LAG:?} in \
             {some} of {all} seconds, {:.0} ms at most, be it by scripts that compute or by other programs; {REMEDY}",
            most.as_secs_f64() * 1000.0
        ));
    }
    start_lag_ms.filter(|lag| *lag > START_LAG_MS).map(|lag| {
        format!("the generator was the bottleneck: one iteration in 20 started {lag:.0} ms late or more; {REMEDY}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(name: &str, all: u64, busy: u64, late: u64) -> (&str, Seconds) {
        (name, Seconds { all, busy, late, lag_max: Duration::from_millis(250) })
    }

    #[test]
    fn a_shard_that_is_busy_often_is_a_bottleneck_and_is_named() {
        let message = bottleneck(&[seconds("0", 30, 0, 0), seconds("1", 30, 4, 9)], &[0.2, 0.75], None).unwrap();
        assert!(message.contains("shard 1 was busy (4 of 30 seconds above 90 %, 75 % on average)"), "{message}");
        assert!(message.contains("use more cores"), "{message}");
        // A steady run may be too short for seconds.
        let message = bottleneck(&[seconds("0", 0, 0, 0), seconds("1", 0, 0, 0)], &[0.95, 0.99], None).unwrap();
        assert!(message.contains("shard 0, 1"), "{message}");
    }

    #[test]
    fn a_shard_that_is_late_often_is_a_bottleneck_and_is_named() {
        let message = bottleneck(&[seconds("0", 10, 0, 3), seconds("1", 10, 0, 0)], &[0.5, 0.5], None).unwrap();
        assert!(message.contains("shard 0 was kept from its sockets for more than 100ms in 3 of 10 seconds, 250 ms"));
    }

    #[test]
    fn iterations_that_start_late_show_it_too() {
        let message = bottleneck(&[seconds("0", 10, 0, 0)], &[0.5], Some(140.0)).unwrap();
        assert!(message.contains("one iteration in 20 started 140 ms late"), "{message}");
    }

    #[test]
    fn a_second_or_two_are_no_bottleneck() {
        assert_eq!(bottleneck(&[seconds("0", 10, 1, 1), seconds("1", 60, 6, 6)], &[0.5, 0.5], Some(3.0)), None);
        assert_eq!(bottleneck(&[], &[], None), None);
    }
}
