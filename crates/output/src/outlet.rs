//! A shard's end of all outputs.

use std::sync::Arc;

use crate::batch::{Batch, Context, Sample};
use crate::queue::Lane;

/// A batch goes off when it has this many samples, and with each window.
const BATCH_SAMPLES: usize = 2_000;

/// Gathers the samples of one thread, and hands them to all outputs in batches. It never waits.
#[derive(Debug)]
pub struct Outlet {
    lanes: Arc<[Lane]>,
    batch: Batch,
}

impl Outlet {
    pub(crate) fn new(lanes: Arc<[Lane]>) -> Self {
        Self { lanes, batch: Batch::default() }
    }

    /// Adds samples that have time and tags in common.
    pub fn add(&mut self, context: Context, samples: &[Sample]) {
        self.batch.push(context, samples);
        if self.batch.len() >= BATCH_SAMPLES {
            self.flush();
        }
    }

    /// Hands over what has gathered.
    pub fn flush(&mut self) {
        if self.batch.len() == 0 {
            return;
        }
        // The next one will be about as large.
        let (contexts, samples) = (self.batch.contexts.len(), self.batch.samples.len());
        let next = Batch { contexts: Vec::with_capacity(contexts), samples: Vec::with_capacity(samples) };
        let batch = Arc::new(std::mem::replace(&mut self.batch, next));
        for lane in &*self.lanes {
            lane.send(&batch);
        }
    }
}

/// What was recorded is to arrive, whatever the way on which the outlet goes.
impl Drop for Outlet {
    fn drop(&mut self) {
        self.flush();
    }
}
