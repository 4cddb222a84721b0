//! Samples of iterations for the outputs, one by one.

use throng_output::Sample;
use throng_stats::{TagSet, builtin};
use throng_transport::{Clock, Nanos};

use super::ScenarioShare;
use super::iteration::Iteration;
use crate::host::VuHost;
use crate::samples::Who;
use crate::shard::ShardContext;

impl ScenarioShare {
    /// What an iteration that came to its end is to the outputs. Of ticks that found no VU there are no samples of their
    /// own but `dropped_iterations`.
    #[inline]
    pub(super) fn sample_iteration(
        &self,
        host: &VuHost,
        iteration: Iteration,
        now: Nanos,
        (sent, received): (u64, u64),
        has_failed: bool,
    ) {
        host.sample(|host, samples| {
            let ms = |from: Nanos, to: Nanos| to.since(from) as f64 / 1e6;
            let mut values = vec![
                (builtin::DATA_SENT, sent as f64),
                (builtin::DATA_RECEIVED, received as f64),
                (builtin::ITERATION_DURATION, ms(iteration.began, now)),
                (builtin::ITERATIONS, 1.0),
            ];
            values.extend(has_failed.then_some((builtin::ITERATIONS_FAILED, 1.0)));
            if let Some(planned) = iteration.planned {
                values.push((builtin::ITERATION_START_LAG, ms(planned.intended, iteration.began)));
                values.push((builtin::ITERATION_DURATION_CORRECTED, ms(planned.intended, now)));
            }
            let values: Vec<_> = values.into_iter().map(|(metric, value)| Sample { metric, value }).collect();
            samples.add(now, host.identity.who(), host.ground(), &TagSet::empty(), &values);
        });
    }

    /// Iterations that found no VU, or no time.
    #[inline]
    pub(super) fn sample_dropped(&self, shard: &ShardContext, count: u64) {
        if let Some(samples) = &shard.samples {
            let sample = Sample { metric: builtin::DROPPED_ITERATIONS, value: count as f64 };
            let place = shard.series.place(&self.tags);
            samples.add(Clock::now(), Who::default(), &place, &TagSet::empty(), &[sample]);
        }
    }
}
