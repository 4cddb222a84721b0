//! Trying whether shards could be started, by starting them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{cores, first_port, sockets_per_shard};
use crate::source::PortShare;
use crate::{Clock, RingError, ShardConfig, ShardError, ShardThread};

/// How often a shard looks whether the trial is over.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Names of the operations that throng uses and this kernel's io_uring doesn't have.
///
/// # Errors
/// When there is no ring at all; the text names the remedy.
pub fn missing_operations() -> Result<Vec<&'static str>, RingError> {
    crate::ring::missing_operations()
}

/// Starts a shard on every core as a run would, all at once, and ends them. Returns how many there were.
///
/// # Errors
/// When one can't be had; the text names the remedy.
pub fn try_shards() -> Result<usize, ShardError> {
    let (cores, sockets) = (cores(), sockets_per_shard());
    let is_over = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    let mut result = Ok(cores.len());
    for (index, core) in cores.iter().enumerate() {
        let config = ShardConfig {
            name: format!("throng-trial-{index}"),
            cpu: Some(*core),
            sockets_max: sockets,
            ports: PortShare::of_all(index as u16, cores.len() as u16, first_port()),
            sources: Arc::default(),
        };
        let is_over = Arc::clone(&is_over);
        let waiting = move |shard: crate::Shard| async move {
            while !is_over.load(Ordering::Relaxed) {
                shard.sleep_until(Clock::now().after(LOOK_EVERY)).await;
            }
        };
        match ShardThread::start(config, waiting) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                result = Err(error);
                break;
            }
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in threads {
        let ended = thread.join();
        if result.is_ok() {
            ended?;
        }
    }
    result
}
