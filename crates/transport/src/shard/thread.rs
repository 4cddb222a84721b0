//! Starting a shard's thread and waiting for its end.

use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Pid;

use super::{Remote, Shard};
use crate::ring::{Driver, RingError, probe_ring};
use crate::source::{PortShare, SourceAddresses, Sources};

/// Locked memory below which glommio refuses to make a shard; its rings and ours together take about 900 KiB.
const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// What a shard is made with.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The thread's name.
    pub name: String,
    /// The core it is pinned to; none leaves that to the scheduler.
    pub cpu: Option<usize>,
    /// Most sockets at once.
    pub sockets_max: u32,
    /// Which source ports are this shard's.
    pub ports: PortShare,
    /// The addresses that its connections come from.
    pub sources: Arc<SourceAddresses>,
}

/// Why a shard could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// No ring.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// Too little lockable memory for glommio.
    #[error(
        "the limit of locked memory is {limit_bytes} bytes, and a shard needs about 900 KiB: \
         raise it with `ulimit -l 8192` (LimitMEMLOCK=8M in a systemd unit)"
    )]
    LockedMemory {
        /// RLIMIT_MEMLOCK.
        limit_bytes: u64,
    },
    /// The executor could not be made.
    #[error("no shard could be started: {0}")]
    Executor(String),
}

/// A running shard.
#[derive(Debug)]
pub struct ShardThread {
    handle: ExecutorJoinHandle<()>,
    remote: Remote,
}

impl ShardThread {
    /// Starts a thread whose first task is `main`; the shard ends when every task has.
    ///
    /// # Errors
    /// When the ring or the executor can't be had; the texts name the remedy.
    pub fn start<F>(config: ShardConfig, main: impl FnOnce(Shard) -> F + Send + 'static) -> Result<Self, ShardError>
    where
        F: Future<Output = ()> + 'static,
    {
        let (limit_bytes, _) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap_or((u64::MAX, u64::MAX));
        if limit_bytes < LOCKED_BYTES_MIN {
            return Err(ShardError::LockedMemory { limit_bytes });
        }
        // glommio panics in its thread where there is no io_uring.
        probe_ring()?;
        let (ready, started) = mpsc::channel();
        // The executor never parks (the driver waits in its own ring) and has one task queue, so its preemption timer
        // has nothing to do: an hour keeps it out of the way.
        let builder = LocalExecutorBuilder::new(Placement::Unbound)
            .name(&config.name)
            .io_memory(64 * 1024)
            .ring_depth(128)
            .preempt_timer(Duration::from_secs(3600));
        let handle = builder
            .spawn(move || async move {
                match prepare(&config) {
                    Ok(shard) => {
                        let _ = ready.send(Ok(shard.remote()));
                        run(shard, main).await;
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })
            .map_err(|error| ShardError::Executor(error.to_string()))?;
        match started.recv() {
            Ok(Ok(remote)) => Ok(Self { handle, remote }),
            Ok(Err(error)) => {
                let _ = handle.join();
                Err(error)
            }
            // The executor itself failed in its thread: only joining it says why.
            Err(_) => Err(ShardError::Executor(match handle.join() {
                Err(error) => error.to_string(),
                Ok(()) => "the thread ended at once".into(),
            })),
        }
    }

    /// A handle for reaching the shard.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Waits until the shard has ended.
    ///
    /// # Errors
    /// When its thread panicked.
    pub fn join(self) -> Result<(), ShardError> {
        self.handle.join().map_err(|error| ShardError::Executor(error.to_string()))
    }
}

fn prepare(config: &ShardConfig) -> Result<Shard, ShardError> {
    if let Some(cpu) = config.cpu {
        pin_to(cpu);
    }
    // Timers are to be exact: the default slack of 50 µs would show in every sleep.
    let _ = nix::sys::prctl::set_timerslack(1);
    let wake = || EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC);
    let wake_fd = wake().map_err(|error| ShardError::Executor(format!("no eventfd: {error}")))?;
    let wake_fd = std::os::fd::OwnedFd::from(wake_fd);
    let ours = wake_fd.try_clone().map_err(|error| ShardError::Executor(format!("no eventfd: {error}")))?;
    let driver = Driver::new(config.sockets_max, ours)?;
    Ok(Shard::new(driver, Sources::new(config.ports, Arc::clone(&config.sources)), Remote::new(wake_fd)))
}

/// Pinning is for speed alone: where it is forbidden the shard runs where the scheduler puts it.
fn pin_to(cpu: usize) {
    let mut set = CpuSet::new();
    if set.set(cpu).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

async fn run<F: Future<Output = ()> + 'static>(shard: Shard, main: impl FnOnce(Shard) -> F) {
    let main = main(shard.clone());
    let ending = shard.clone();
    shard.spawn(async move {
        main.await;
        ending.0.stopping.set(true);
    });
    shard.drive().await;
}
