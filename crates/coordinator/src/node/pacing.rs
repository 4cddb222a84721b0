//! When openraft's own timer runs. It wakes a node some fifty times a second, and in a group that is well nothing is due then:
//! so it rests while a follower hears its leader, and a leader is told when to say that it is there. A coordinator that has
//! nothing to do is to cost next to nothing.

use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::{Instant, sleep};

use super::{Node, Timing};

/// When a message of the leader's was last taken.
#[derive(Debug, Default)]
pub(crate) struct Heard(std::sync::Mutex<Option<Instant>>);

impl Heard {
    /// One was taken now.
    pub(crate) fn note(&self) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Instant::now());
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// After so much silence of the leader's the timer runs: later than its next message comes, and earlier than an election
/// could be due.
fn silence(timing: &Timing) -> Duration {
    (timing.heartbeat + timing.election.0) / 2
}

/// Has the timer run or rest until the node ends.
pub(super) async fn pace(node: Node) {
    let timing = node.shared().config.timing.clone();
    let (mut stopped, mut server) = (node.stopped(), node.raft().server_metrics());
    loop {
        let (runs, wait) = if node.metrics().state == ServerState::Leader {
            // An error says that there is no consensus any more, which is seen by its end.
            let _ = node.scoped(node.raft().trigger().heartbeat()).await;
            (false, timing.heartbeat)
        } else {
            let since = node.shared().heard.get().map_or(Duration::MAX, |heard| heard.elapsed());
            match silence(&timing).checked_sub(since).filter(|left| !left.is_zero()) {
                Some(left) => (false, left),
                None => (true, timing.heartbeat / 2),
            }
        };
        node.raft().runtime_config().tick(runs);
        tokio::select! {
            _ = stopped.wait_for(Option::is_some) => return,
            // It leads, or doesn't any more.
            changed = server.changed() => if changed.is_err() { return },
            () = sleep(wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_runs_after_a_message_is_late_and_before_an_election_is_due() {
        let timing = Timing::default();
        assert!(silence(&timing) > timing.heartbeat && silence(&timing) < timing.election.0);
    }
}
