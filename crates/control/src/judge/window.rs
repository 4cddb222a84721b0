//! What an agent says of a second.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use throng_stats::{Window, WindowMerger};

use super::sources::SourceUsage;

/// Full seconds whose VUs a merged window tells; of more the newest are kept.
pub const VUS_SECONDS_MAX: usize = 60;

/// What changed at an agent in a second, or in several: all its shards merged.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentWindow {
    /// The number of the first window that it stands for. An agent numbers its windows from 1 without gaps.
    pub first: u64,
    /// That of the last. They are the same unless several windows became one.
    pub last: u64,
    /// The changes of its metrics.
    pub window: Window,
    /// How many VUs it had at the full seconds that became known, the oldest first.
    pub vus: Vec<VuCount>,
    /// How it stood when the window was taken.
    pub standing: Standing,
}

/// How many VUs there were at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VuCount {
    /// From the run's beginning.
    pub at: Duration,
    /// VUs in a scenario.
    pub active: u64,
    /// VUs made.
    pub initialized: u64,
}

/// How an agent's part of a run stands: everything is counted from its beginning, so that the newest says it all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// By scenario, in the plan's order.
    pub scenarios: Vec<ScenarioCounts>,
    /// VUs made.
    pub vus_initialized: u64,
    /// What each shard has used.
    pub shards: Vec<ShardUsage>,
    /// Where its connections come from, by destination; see [`gathered`](super::gathered).
    pub sources: Vec<SourceUsage>,
}

/// One scenario's counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioCounts {
    /// VUs that run it; in open models those within an iteration.
    pub vus: u64,
    /// VUs that it has, or may have.
    pub vus_max: u64,
    /// Iterations begun.
    pub begun: u64,
    /// Iterations that ended by themselves.
    pub completed: u64,
    /// Iterations that were cut.
    pub interrupted: u64,
    /// Those of the completed that failed.
    pub failed: u64,
    /// Iterations that could not be started.
    pub dropped: u64,
    /// Whether it is over.
    pub ended: bool,
}

/// What a shard has used since its thread began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardUsage {
    /// CPU time of its thread.
    pub cpu: Duration,
    /// Turns of its driver.
    pub turns: u64,
    /// Sockets in use.
    pub sockets: u32,
    /// The most sockets that were in use.
    pub sockets_max: u32,
    /// How often it had no buffer left to receive into.
    pub starved: u64,
    /// The seconds of the load.
    pub seconds: Seconds,
}

/// The seconds of the load, as a shard has had them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seconds {
    /// How many.
    pub all: u64,
    /// Those in which the core was busy.
    pub busy: u64,
    /// Those in which an event may have been seen late.
    pub late: u64,
    /// The longest time between two turns of the driver: how late any event may have been seen.
    pub lag_max: Duration,
}

impl AgentWindow {
    /// This window and the one that follows it as one that says the same, seconds aside.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        let mut merger = WindowMerger::new(self.window.source);
        merger.add(self.window);
        merger.add(later.window);
        let mut vus = self.vus;
        vus.extend(later.vus);
        vus.drain(..vus.len().saturating_sub(VUS_SECONDS_MAX));
        Self { first: self.first, last: later.last, window: merger.take(), vus, standing: later.standing }
    }
}

impl Standing {
    /// Whether all scenarios are over.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.scenarios.iter().all(|counts| counts.ended)
    }

    /// VUs in a scenario.
    #[must_use]
    pub fn vus(&self) -> u64 {
        self.scenarios.iter().map(|counts| counts.vus).sum()
    }
}

impl ScenarioCounts {
    /// Adds those of another part of the same scenario. What is over is so when both are.
    pub fn add(&mut self, other: &Self) {
        self.vus += other.vus;
        self.vus_max += other.vus_max;
        self.begun += other.begun;
        self.completed += other.completed;
        self.interrupted += other.interrupted;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.ended &= other.ended;
    }

    /// What [`ScenarioCounts::add`] begins with.
    #[must_use]
    pub fn none() -> Self {
        Self { ended: true, ..Self::default() }
    }
}
