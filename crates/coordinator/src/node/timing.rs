//! Heartbeats, elections, snapshots.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// Calls that wait for the consensus, and news for it; who has more waits. openraft takes memory for all of them at once.
const CALLS_MAX: u64 = 4_096;

/// How fast a node notices and does things. All nodes of a group should have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often the leader says that it is there while a run is live.
    pub heartbeat: Duration,
    /// Bounds of the time after which a node that hears no leader wants to lead: drawn anew each time. A vote has to be
    /// on disk within it, so it lies well above the slowest sync. Fail-over takes about the upper one and a time drawn.
    pub election: (Duration, Duration),
    /// Entries after which a snapshot is made.
    pub snapshot_entries: u64,
    /// Entries that are kept beside a snapshot, for nodes that are a little behind.
    pub kept_entries: u64,
}

/// Why a timing can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: heartbeats have to be shorter than the lower bound of elections, and that shorter than the upper one")]
pub struct TimingError(String);

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election: (Duration::from_millis(200), Duration::from_millis(300)),
            snapshot_entries: 5_000,
            kept_entries: 1_000,
        }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Timing {
    pub(super) fn config(&self) -> Result<Config, TimingError> {
        let config = Config {
            cluster_name: "throng".to_owned(),
            heartbeat_interval: ms(self.heartbeat).max(1),
            election_timeout_min: ms(self.election.0),
            election_timeout_max: ms(self.election.1),
            enable_pre_vote: Some(true),
            // The state is in memory: a node that was leader has to win again before it answers for the group.
            enable_leader_restore: Some(false),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_entries.max(1)),
            max_in_snapshot_log_to_keep: self.kept_entries,
            replication_lag_threshold: self.snapshot_entries.saturating_mul(2),
            max_payload_entries: 256,
            api_channel_size: Some(CALLS_MAX),
            notification_channel_size: Some(CALLS_MAX),
            // Of a node that is back: it is heard of within the longest of these.
            backoff: "50ms 100ms 200ms ...400ms".to_owned(),
            ..Config::default()
        };
        config.validate().map_err(|error| TimingError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_make_no_sense_are_refused() {
        assert!(Timing::default().config().is_ok());
        let ms = Duration::from_millis;
        for (heartbeat, election) in [(50, (50, 60)), (50, (200, 200)), (300, (200, 250))] {
            let timing =
                Timing { heartbeat: ms(heartbeat), election: (ms(election.0), ms(election.1)), ..Timing::default() };
            assert!(timing.config().is_err(), "{timing:?}");
        }
    }
}
