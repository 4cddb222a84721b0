//! Whether the generator itself was the bottleneck.

use std::cell::Cell;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use throng_stats::{Aggregate, TagSet, Totals, builtin};
use throng_transport::{Clock, Nanos};

use crate::shard::ShardContext;

/// A shard whose core was busier than this in a second can't have followed its schedule freely.
const BUSY_SHARE: f64 = 0.9;
/// A shard that didn't look at its sockets for so long has measured its own delay.
const LATE_LAG: Duration = Duration::from_millis(100);
/// Of its seconds, this share makes a shard a bottleneck; a single second never does.
const SECONDS_SHARE: f64 = 0.1;
/// Iterations may start so late, by their 95th percentile.
const START_LAG_MS: f64 = 100.0;
/// Less than this between two samples says nothing.
const SAMPLED_MIN: Duration = Duration::from_millis(500);

/// What a shard has used since its thread began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardUsage {
    pub(crate) cpu: Duration,
    pub(crate) turns: u64,
    pub(crate) sockets: u32,
    pub(crate) sockets_max: u32,
    pub(crate) starved: u64,
    pub(crate) seconds: Seconds,
}

/// The seconds of the load, as a shard has had them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seconds {
    all: u64,
    /// Those in which the core was busy.
    busy: u64,
    /// Those in which an event may have been seen late.
    late: u64,
    /// The longest time between two turns of the driver: how late any event may have been seen.
    lag_max: Duration,
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map_or(Duration::ZERO, |time| Duration::new(time.tv_sec() as u64, time.tv_nsec() as u32))
}

/// Looks at a shard once a second.
#[derive(Debug, Default)]
pub(crate) struct Health {
    seconds: Cell<Seconds>,
    looked: Cell<Option<(Nanos, Duration)>>,
}

impl Health {
    /// Begins to look: what was before isn't the load's.
    pub(crate) fn begin(&self, context: &ShardContext) {
        context.shard.reset_gap();
        self.looked.set(Some((Clock::now(), thread_cpu())));
    }

    /// Records how busy the shard was since the last call, and how late it may have seen an event.
    pub(crate) fn sample(&self, context: &ShardContext) {
        let Some((looked, cpu_then)) = self.looked.get() else { return };
        let (now, cpu) = (Clock::now(), thread_cpu());
        let elapsed = Duration::from_nanos(now.since(looked));
        if elapsed < SAMPLED_MIN {
            return;
        }
        self.looked.set(Some((now, cpu)));
        let share = cpu.saturating_sub(cpu_then).as_secs_f64() / elapsed.as_secs_f64();
        let lag = Duration::from_nanos(context.shard.counts().gap_max_ns);
        context.shard.reset_gap();
        let mut seconds = self.seconds.get();
        seconds.all += 1;
        seconds.busy += u64::from(share > BUSY_SHARE);
        seconds.late += u64::from(lag > LATE_LAG);
        seconds.lag_max = seconds.lag_max.max(lag);
        self.seconds.set(seconds);

        let place = context.series.place(&context.settings.tags);
        let own = TagSet::from_pairs([("shard", context.settings.shard.to_string())]);
        let [busy, late] =
            [builtin::GENERATOR_CPU, builtin::GENERATOR_LOOP_LAG].map(|metric| context.series.of(metric, &place, &own));
        let mut recorder = context.series.recorder.borrow_mut();
        recorder.add(busy, share);
        recorder.record_ns(late, u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn seconds(&self) -> Seconds {
        self.seconds.get()
    }
}

/// What the summary says of the generator.
pub(crate) struct HealthReport {
    /// For the JSON: CPU by shard over the time of the load, and a verdict.
    pub(crate) json: Value,
    /// Why the generator was the bottleneck, and what helps.
    pub(crate) bottleneck: Option<String>,
}

/// Sums up what the shards have used, before the load and with it.
pub(crate) fn report(
    shards: &[(ShardUsage, ShardUsage)],
    load_time: Duration,
    sockets: u32,
    totals: &Totals,
) -> HealthReport {
    let seconds = load_time.as_secs_f64();
    let share = |(before, after): &(ShardUsage, ShardUsage)| {
        if seconds > 0.0 { after.cpu.saturating_sub(before.cpu).as_secs_f64() / seconds } else { 0.0 }
    };
    let shares: Vec<f64> = shards.iter().map(share).collect();
    let each = shards.iter().zip(&shares).map(|((before, after), share)| {
        json!({
            "cpu": (share * 1000.0).round() / 1000.0,
            "turns": after.turns - before.turns,
            "turnGapMaxMs": after.seconds.lag_max.as_secs_f64() * 1000.0,
            "seconds": after.seconds.all,
            "busySeconds": after.seconds.busy,
            "lateSeconds": after.seconds.late,
            "socketsMax": after.sockets_max,
            "receiveBuffersRanOut": after.starved,
        })
    });
    let each: Vec<Value> = each.collect();
    let seconds: Vec<Seconds> = shards.iter().map(|(_, after)| after.seconds).collect();
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

fn bottleneck(shards: &[Seconds], shares: &[f64], start_lag_ms: Option<f64>) -> Option<String> {
    const REMEDY: &str = "measured times include the generator's own delays: use more cores or machines, or less load";
    let many = |some: u64, all: u64| some > 1 && some as f64 > all as f64 * SECONDS_SHARE;
    let names = |is_one: &dyn Fn(usize) -> bool| -> String {
        let names = (0..shards.len()).filter(|n| is_one(*n)).map(|n| n.to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let worst = |of: fn(&Seconds) -> u64| shards.iter().map(|seconds| (of(seconds), seconds.all)).max();
    let is_busy =
        |n: usize| many(shards[n].busy, shards[n].all) || shares.get(n).is_some_and(|share| *share > BUSY_SHARE);
    let busy = names(&is_busy);
    if !busy.is_empty() {
        let share = shares.iter().fold(0.0_f64, |most, share| most.max(*share)) * 100.0;
        let (some, all) = worst(|seconds| seconds.busy).unwrap_or_default();
        return Some(format!(
            "the generator was the bottleneck: the core of shard {busy} was busy ({some} of {all} seconds above 90 %, \
             {share:.0} % on average); {REMEDY}"
        ));
    }
    let late = names(&|n| many(shards[n].late, shards[n].all));
    if !late.is_empty() {
        let (some, all) = worst(|seconds| seconds.late).unwrap_or_default();
        let most = shards.iter().map(|seconds| seconds.lag_max).max().unwrap_or_default();
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

    fn seconds(all: u64, busy: u64, late: u64) -> Seconds {
        Seconds { all, busy, late, lag_max: Duration::from_millis(250) }
    }

    #[test]
    fn a_shard_that_is_busy_often_is_a_bottleneck_and_is_named() {
        let message = bottleneck(&[seconds(30, 0, 0), seconds(30, 4, 9)], &[0.2, 0.75], None).unwrap();
        assert!(message.contains("shard 1 was busy (4 of 30 seconds above 90 %, 75 % on average)"), "{message}");
        assert!(message.contains("use more cores"), "{message}");
        // A steady run may be too short for seconds.
        let message = bottleneck(&[seconds(0, 0, 0), seconds(0, 0, 0)], &[0.95, 0.99], None).unwrap();
        assert!(message.contains("shard 0, 1"), "{message}");
    }

    #[test]
    fn a_shard_that_is_late_often_is_a_bottleneck_and_is_named() {
        let message = bottleneck(&[seconds(10, 0, 3), seconds(10, 0, 0)], &[0.5, 0.5], None).unwrap();
        assert!(message.contains("shard 0 was kept from its sockets for more than 100ms in 3 of 10 seconds, 250 ms"));
    }

    #[test]
    fn iterations_that_start_late_show_it_too() {
        let message = bottleneck(&[seconds(10, 0, 0)], &[0.5], Some(140.0)).unwrap();
        assert!(message.contains("one iteration in 20 started 140 ms late"), "{message}");
    }

    #[test]
    fn a_second_or_two_are_no_bottleneck() {
        assert_eq!(bottleneck(&[seconds(10, 1, 1), seconds(60, 6, 6)], &[0.5, 0.5], Some(3.0)), None);
        assert_eq!(bottleneck(&[], &[], None), None);
    }
}
