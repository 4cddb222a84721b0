//! When openraft's own timer runs. It wakes a node some fifty times a second, and in a group that is well nothing is due then:
//! so it rests while a follower hears its leader, and a leader is told when to say that it is there: less often while no run is
//! live, since these messages are then all that a group does. A coordinator that has nothing to do is to cost next to nothing.

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

/// Between two messages of a leader's while no run is live: its lease, the upper bound of elections, doesn't end meanwhile, so
/// that it goes on taking commands and the others go on refusing votes.
fn rare_heartbeat(timing: &Timing) -> Duration {
    timing.heartbeat.max(timing.election.1.saturating_sub(timing.heartbeat / 2))
}

/// After so much silence of the leader's the timer runs: later than its next message comes, even a rare one, and earlier than
/// an election could be due, which is a time drawn after the lease.
fn silence(timing: &Timing) -> Duration {
    (rare_heartbeat(timing) + timing.election.1 + timing.election.0) / 2
}

/// Has the timer run or rest until the node ends.
pub(super) async fn pace(node: Node) {
    let timing = node.shared().config.timing.clone();
    let (mut stopped, mut server) = (node.stopped(), node.raft().server_metrics());
    loop {
        let (runs, wait) = if node.metrics().state == ServerState::Leader {
            // An error says that there is no consensus any more, which is seen by its end.
            let _ = node.scoped(node.raft().trigger().heartbeat()).await;
            let is_busy = node.read(|state| state.runs().any(|run| !run.state().has_ended()));
            (false, if is_busy { timing.heartbeat } else { rare_heartbeat(&timing) })
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
        let ms = Duration::from_millis;
        let slow = Timing { heartbeat: ms(500), election: (ms(2_000), ms(2_200)), ..Timing::default() };
        let tight = Timing { heartbeat: ms(50), election: (ms(51), ms(52)), ..Timing::default() };
        for timing in [Timing::default(), slow, tight] {
            let (rare, lease) = (rare_heartbeat(&timing), timing.election.1);
            assert!(rare >= timing.heartbeat && rare < lease, "{timing:?}");
            assert!(silence(&timing) > rare && silence(&timing) < lease + timing.election.0, "{timing:?}");
        }
    }
}
