//! Samples on their way from a shard to the writers.

use throng_stats::{MetricId, TagSet};

/// When samples were taken, and with which tags. Samples of one exchange have it in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Nanoseconds since 1970.
    pub at_unix_ns: u64,
    /// All tags.
    pub tags: TagSet,
    /// Number of the VU, where samples are to tell it.
    pub vu: Option<u64>,
    /// Number of the VU's iteration, from 0, where samples are to tell it.
    pub iteration: Option<u64>,
}

/// One value of a metric, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The metric.
    pub metric: MetricId,
    /// The value: 1 or 0 for a rate.
    pub value: f64,
}

/// Samples in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// Each with the number of samples that are its.
    pub(crate) contexts: Vec<(Context, usize)>,
    pub(crate) samples: Vec<Sample>,
}

impl Batch {
    pub(crate) fn push(&mut self, context: Context, samples: &[Sample]) {
        self.contexts.push((context, samples.len()));
        self.samples.extend_from_slice(samples);
    }

    /// The contexts, each with its samples.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Context, &[Sample])> {
        let mut left = self.samples.as_slice();
        self.contexts.iter().map(move |(context, count)| {
            let (own, others) = left.split_at((*count).min(left.len()));
            left = others;
            (context, own)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }
}
