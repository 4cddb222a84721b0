//! When openraft's own timer runs. It wakes a node some fifty times a second, and in a group that is well nothing is due then:
//! so it rests while a follower hears its leader, and a leader is told when to say that it is there: rarely while nothing
//! happens, since these messages are then all that a group does. A coordinator that has nothing to do is to cost next to nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::{Instant, sleep};

use super::{Node, Timing, watching};

/// A group in which nothing has happened for so long is at rest, by its followers' account. The leader's own is longer:
/// while it speaks rarely, nobody may expect more.
const AWAKE: Duration = Duration::from_secs(2);
const LEADER_AWAKE: Duration = Duration::from_secs(3);
/// Between two messages of the leader of a group at rest.
const REST_HEARTBEAT: Duration = Duration::from_secs(1);
/// A leader that most nodes haven't answered for so long leads no more by its own account: they may have another one by now,
/// and whoever speaks with this one is to look for it.
const UNANSWERED_MAX: Duration = Duration::from_secs(1);

/// What a node knows of its group's pace.
#[derive(Debug)]
pub(crate) struct Pace {
    heard: Mutex<Heard>,
    rests: AtomicBool,
    /// Since when the node leads.
    led: Mutex<Option<Instant>>,
}

/// When messages of a leader's were last taken.
#[derive(Clone, Copy, Debug)]
struct Heard {
    any: Instant,
    with_entries: Option<Instant>,
}

impl Pace {
    /// Of a node that has just started: a leader gets the time to be heard.
    pub(super) fn new() -> Self {
        let heard = Heard { any: Instant::now(), with_entries: None };
        Self { heard: Mutex::new(heard), rests: AtomicBool::new(false), led: Mutex::new(None) }
    }

    /// A message was taken now.
    pub(crate) fn note_message(&self, has_entries: bool) {
        let now = Instant::now();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.any = now;
        if has_entries {
            heard.with_entries = Some(now);
        }
    }

    fn heard(&self) -> Heard {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_leading(&self, leads: bool) {
        let mut led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
        *led = leads.then(|| led.unwrap_or_else(Instant::now));
    }

    /// How long most nodes may not answer a leader until it leads no more by its own account.
    pub(super) fn unanswered_max(&self) -> Duration {
        UNANSWERED_MAX + if self.rests.load(Ordering::Relaxed) { 2 * REST_HEARTBEAT } else { Duration::ZERO }
    }
}

/// How fast a group goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gait {
    /// A run is live.
    Busy,
    /// None is, and something happens now and then.
    Awake,
    /// Nothing has happened for a while.
    AtRest,
}

impl Gait {
    fn of(is_busy: bool, last_entry: Option<Instant>, awake: Duration) -> Self {
        match last_entry {
            _ if is_busy => Self::Busy,
            Some(at) if at.elapsed() < awake => Self::Awake,
            _ => Self::AtRest,
        }
    }

    /// Between two messages of a leader's. While the group is awake its lease, the upper bound of elections, doesn't end
    /// meanwhile, so that it goes on taking commands and the others go on refusing votes; of a group at rest it has to be
    /// [renewed](Node::read_index) for a command.
    fn heartbeat(self, timing: &Timing) -> Duration {
        let rare = timing.heartbeat.max(timing.election.1.saturating_sub(timing.heartbeat / 2));
        match self {
            Self::Busy => timing.heartbeat,
            Self::Awake => rare,
            Self::AtRest => rare.max(REST_HEARTBEAT),
        }
    }

    /// After so much silence of the leader's a follower's timer runs: later than its next message comes, and earlier than an
    /// election could be due, which is a time drawn after the lease.
    fn silence(self, timing: &Timing) -> Duration {
        let (least, lease) = timing.election;
        match self {
            // The leader may be awake by now, for all that a follower knows.
            Self::Busy | Self::Awake => (Self::Awake.heartbeat(timing) + lease + least) / 2,
            Self::AtRest => Self::AtRest.heartbeat(timing) + (lease + least) / 2,
        }
    }

    /// Whether a leader speaks that most nodes haven't answered for so long. One that is heard and hears nobody lets others
    /// elect one of them: it is silent for two leases, then speaks for as long, and so on.
    fn speaks(self, unanswered: Duration, timing: &Timing) -> bool {
        let period = 2 * timing.election.1;
        let Some(late) = unanswered.checked_sub(self.heartbeat(timing) + timing.election.1) else { return true };
        late.as_nanos() / period.as_nanos().max(1) % 2 == 1
    }
}

impl Node {
    /// How fast the group goes, and whether this node leads it.
    fn gait(&self, last_applied: Option<Instant>) -> (Gait, bool) {
        let leads = self.metrics().state == ServerState::Leader;
        let is_busy = self.read(|state| state.runs().any(|run| !run.state().has_ended()));
        let gait = if leads {
            Gait::of(is_busy, last_applied, LEADER_AWAKE)
        } else {
            Gait::of(is_busy, self.shared().pace.heard().with_entries, AWAKE)
        };
        (gait, leads)
    }

    /// Whether a leader's lease, which ends while its group is at rest, may be renewed for a command or a question.
    pub(super) fn may_renew(&self) -> bool {
        self.speaks(Gait::AtRest)
    }

    /// Whether it is to say that it leads.
    fn speaks(&self, gait: Gait) -> bool {
        let now = self.metrics();
        if watching::is_alone(&now) {
            return true;
        }
        let led = *self.shared().pace.led.lock().unwrap_or_else(PoisonError::into_inner);
        let unanswered = watching::answered(&now).or(led).map_or(Duration::ZERO, |since| since.elapsed());
        gait.speaks(unanswered, &self.shared().config.timing)
    }
}

/// Has the timer run or rest until the node ends.
pub(super) async fn pace(node: Node) {
    let timing = node.shared().config.timing.clone();
    let (mut stopped, mut server, mut applied) = (node.stopped(), node.raft().server_metrics(), node.applied());
    let (mut seen, mut last_applied) = (*applied.borrow(), None);
    loop {
        let count = *applied.borrow_and_update();
        if count != seen {
            (seen, last_applied) = (count, Some(Instant::now()));
        }
        let (gait, leads) = node.gait(last_applied);
        node.shared().pace.note_leading(leads);
        let (runs, wait) = if leads {
            if node.speaks(gait) {
                // An error says that there is no consensus any more, which is seen by its end.
                let _ = node.scoped(node.raft().trigger().heartbeat()).await;
            }
            (false, gait.heartbeat(&timing))
        } else {
            match gait.silence(&timing).checked_sub(node.shared().pace.heard().any.elapsed()) {
                Some(left) if !left.is_zero() => (false, left),
                _ => (true, timing.heartbeat / 2),
            }
        };
        node.raft().runtime_config().tick(runs);
        let is_at_rest = gait == Gait::AtRest;
        node.shared().pace.rests.store(is_at_rest, Ordering::Relaxed);
        tokio::select! {
            _ = stopped.wait_for(Option::is_some) => return,
            // It leads, or doesn't any more.
            changed = server.changed() => if changed.is_err() { return },
            // The group wakes.
            _ = applied.changed(), if is_at_rest => {}
            () = sleep(wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timings() -> [Timing; 3] {
        let ms = Duration::from_millis;
        let slow = Timing { heartbeat: ms(500), election: (ms(2_000), ms(2_200)), ..Timing::default() };
        let tight = Timing { heartbeat: ms(50), election: (ms(51), ms(52)), ..Timing::default() };
        [Timing::default(), slow, tight]
    }

    #[test]
    fn the_timer_runs_after_a_message_is_late_and_before_an_election_is_due() {
        for timing in timings() {
            let (least, lease) = timing.election;
            let awake = Gait::Awake.heartbeat(&timing);
            assert!(awake >= timing.heartbeat && awake < lease, "{timing:?}");
            for gait in [Gait::Busy, Gait::Awake, Gait::AtRest] {
                assert!(gait.silence(&timing) > gait.heartbeat(&timing), "{gait:?}, {timing:?}");
            }
            assert!(Gait::Busy.silence(&timing) < lease + least, "{timing:?}");
            assert_eq!(Gait::Busy.silence(&timing), Gait::Awake.silence(&timing), "{timing:?}");
        }
    }

    #[test]
    fn a_leader_speaks_rarely_after_its_followers_have_ceased_to_expect_more() {
        assert!(LEADER_AWAKE > AWAKE);
        let now = Some(Instant::now());
        assert_eq!(Gait::of(true, None, AWAKE), Gait::Busy);
        assert_eq!(Gait::of(false, now, AWAKE), Gait::Awake);
        assert_eq!(Gait::of(false, now, Duration::ZERO), Gait::AtRest);
        assert_eq!(Gait::of(false, None, AWAKE), Gait::AtRest);
    }

    #[test]
    fn a_leader_that_nobody_answers_is_silent_half_the_time() {
        for timing in timings() {
            let lease = timing.election.1;
            for gait in [Gait::Busy, Gait::Awake, Gait::AtRest] {
                let heartbeat = gait.heartbeat(&timing);
                let speaks = |late: Duration| gait.speaks(heartbeat + late, &timing);
                assert!(speaks(lease / 2) && !speaks(lease) && !speaks(lease * 29 / 10), "{gait:?}, {timing:?}");
                assert!(speaks(lease * 31 / 10) && !speaks(lease * 51 / 10), "{gait:?}, {timing:?}");
            }
        }
    }
}
