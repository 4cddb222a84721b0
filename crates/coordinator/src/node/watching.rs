//! What a node looks after by itself: who leads, whether its disk and its consensus are well, how long the log is.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal;
use openraft::{Instant as _, ServerState};
use tokio::time::{Instant, interval, sleep_until};

use super::{Leadership, Node, Stopped, state};
use crate::raft::{LOG_BYTES_MAX, LogId, Metrics};

/// How often it looks at what nobody tells.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a snapshot was asked for on account of the log's length: the log gets shorter once it is made.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn watch(node: Node) {
    let (mut metrics, mut server) = (node.raft().metrics(), node.raft().server_metrics());
    let mut failed = node.shared().log.failed();
    let mut stopped = node.stopped();
    let mut ticks = interval(LOOK_EVERY);
    let (mut cut, mut is_over) = (None, false);
    loop {
        let now = metrics.borrow_watched().clone();
        let is_settled = tell_leadership(&node, &now);
        if let Some(why) = trouble(&node, &now) {
            return node.end(why).await;
        }
        if is_over {
            return;
        }
        let members: BTreeSet<u64> = now.membership_config.membership().nodes().map(|(id, _)| *id).collect();
        if !members.is_empty() {
            // An error is that of the disk, which the next round finds.
            let _ = node.shared().identity.keep(&members).await;
        }
        cut_log(&node, &mut cut).await;
        let unanswered_max = node.shared().pace.unanswered_max();
        let unanswered_at = answered(&now).map(|answered| answered + unanswered_max).filter(|at| *at > Instant::now());
        tokio::select! {
            // Every heartbeat changes the one, and only what matters here the other.
            // Once there is no consensus any more, its last word is looked at.
            changed = metrics.changed(), if !is_settled => is_over = changed.is_err(),
            changed = server.changed() => is_over = changed.is_err(),
            _ = failed.changed() => {}
            _ = stopped.changed() => {}
            _ = ticks.tick() => {}
            () = sleep_until(unanswered_at.unwrap_or_else(Instant::now)), if unanswered_at.is_some() => {}
        }
        if stopped.borrow().is_some() {
            return;
        }
    }
}

/// When most nodes have last answered this one, if it leads and isn't alone.
pub(super) fn answered(now: &Metrics) -> Option<Instant> {
    let answered = now.last_quorum_acked.as_ref().and_then(|at| Instant::now().checked_sub(at.elapsed()));
    answered.filter(|_| now.state == ServerState::Leader && !is_alone(now))
}

/// Whether it needs nobody's answer.
pub(super) fn is_alone(now: &Metrics) -> bool {
    now.membership_config.voter_ids().count() < 2
}

/// False while it will lead as soon as it has applied what was committed before, or others answer it again.
fn tell_leadership(node: &Node, now: &Metrics) -> bool {
    // Two nodes may lead in one term, one after the other: what counts is an entry of its own.
    let is_of_its_own = |applied: LogId| {
        let by = applied.committed_leader_id();
        (by.term, by.node_id) == (now.current_term, now.id)
    };
    let is_unanswered = answered(now).is_some_and(|answered| answered.elapsed() >= node.shared().pace.unanswered_max());
    let leader = state::leader(now).filter(|leader| *leader != now.id || !is_unanswered);
    let is_leader = state::leader(now) == Some(now.id);
    let leads = leader == Some(now.id) && now.last_applied.is_some_and(is_of_its_own);
    let leadership = Leadership { leader, term: now.current_term, leads };
    node.shared().leadership.send_if_modified(|known| {
        let is_new = *known != leadership;
        if known.leader != leadership.leader
            && let Some(leader) = leadership.leader
        {
            node.shared().notices.tell(format!("node {leader} leads since term {}", leadership.term));
        }
        *known = leadership;
        is_new
    });
    leads || !is_leader
}

/// Why the node can't go on, if it can't.
fn trouble(node: &Node, now: &Metrics) -> Option<Stopped> {
    if let Some(why) = node.shared().log.failed().borrow().clone() {
        return Some(Stopped::Disk { place: node.shared().environment.disk.place(), why });
    }
    match &now.running_state {
        Ok(()) | Err(Fatal::Stopped) => None,
        Err(Fatal::StorageError(error)) => {
            Some(Stopped::Disk { place: node.shared().environment.disk.place(), why: error.to_string() })
        }
        Err(error) => Some(Stopped::Fault(error.to_string())),
    }
}

async fn cut_log(node: &Node, asked: &mut Option<Instant>) {
    let is_due = asked.is_none_or(|asked| asked.elapsed() > SNAPSHOT_EVERY);
    if node.shared().log.bytes() > LOG_BYTES_MAX && is_due {
        *asked = Some(Instant::now());
        let _ = node.scoped(node.raft().trigger().snapshot()).await;
    }
}
