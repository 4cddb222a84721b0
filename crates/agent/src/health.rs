//! How busy a shard is, and how late.

use std::cell::Cell;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use throng_control::judge::Seconds;
use throng_stats::{TagSet, builtin};
use throng_transport::{Clock, Nanos};

use crate::shard::ShardContext;

/// A shard whose core was busier than this in a second can't have followed its schedule freely.
const BUSY_SHARE: f64 = 0.9;
/// A shard that didn't look at its sockets for so long has measured its own delay.
const LATE_LAG: Duration = Duration::from_millis(100);
/// Less than this between two samples says nothing.
const SAMPLED_MIN: Duration = Duration::from_millis(500);

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
