//! What a node needs of the world, so that a simulation can give it another one.

mod disk;
mod network;
mod security;
#[cfg(any(test, feature = "simulation"))]
mod simulated_disk;
#[cfg(any(test, feature = "simulation"))]
mod simulation;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use disk::DATABASE;
pub use disk::{DirectoryError, Disk, SystemDisk};
pub use network::{Dialed, DuplexStream, Listener, Network, Pending, SecuredNetwork, SystemNetwork};
pub use security::Security;
#[cfg(any(test, feature = "simulation"))]
pub use simulated_disk::{DiskImage, SimulatedDisk};
#[cfg(any(test, feature = "simulation"))]
pub use simulation::{Bug, Simulation, Witness, WrittenBy};

/// Network, disk, clock and randomness of one node. Time that passes is tokio's.
#[derive(Clone)]
pub struct Environment {
    /// Where it connects and listens.
    pub network: Arc<dyn Network>,
    /// Its data directory.
    pub disk: Arc<dyn Disk>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What all of its random numbers come from. Two nodes, and two lives of one, must have different ones.
    pub seed: u64,
    /// What a simulation sees and spoils.
    #[cfg(any(test, feature = "simulation"))]
    pub simulation: Simulation,
}

/// The time of day.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> u64;

    /// Microseconds since the epoch.
    fn now_us(&self) -> u64 {
        self.now_ms().saturating_mul(1_000)
    }
}

/// That of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn now_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Environment {
    /// The machine's, with this disk. Those that the node speaks with are known by `security`.
    #[must_use]
    pub fn system(disk: SystemDisk, security: Security) -> Self {
        // A hasher's keys are the standard library's way to the kernel's randomness.
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        Self {
            network: Arc::new(SecuredNetwork::new(security)),
            disk: Arc::new(disk),
            clock: Arc::new(SystemClock),
            seed,
            #[cfg(any(test, feature = "simulation"))]
            simulation: Simulation::default(),
        }
    }

    /// Does something with the disk that takes its time. It goes on when nobody waits for it any more.
    pub(crate) async fn on_disk<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Disk) -> io::Result<T> + Send + 'static,
    {
        let disk = Arc::clone(&self.disk);
        match disk.simulated_delay() {
            Some(delay) => {
                tokio::time::sleep(delay).await;
                work(&*disk)
            }
            None => tokio::task::spawn_blocking(move || work(&*disk)).await.map_err(io::Error::other)?,
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("disk", &self.disk)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
