//! Leading, as long as this node does.

use std::time::Duration;

use throng_control::leading::{Desk, Proposal};
use throng_control::{Accepted, Action, Duty, Reply, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Leader;
use crate::node::{Leadership, ProposeError, Repeat};

/// After something has happened: what happens meanwhile is looked at together.
const LOOK_GAP: Duration = Duration::from_millis(5);
/// How often the leader looks by itself: leases and runs' deadlines pass silently.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The same while there is no run.
const IDLE_LOOK_EVERY: Duration = Duration::from_millis(500);
/// Before it is tried once more to take over.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A proposal that has been answered.
type Answered = (Proposal, Result<Reply, ProposeError>);

impl Leader {
    /// Leads whenever this node does, until the node ends.
    pub(crate) async fn lead(self) {
        let (mut leadership, mut stopped) = (self.node().leadership(), self.node().stopped());
        loop {
            let leads = tokio::select! {
                biased;
                _ = stopped.wait_for(Option::is_some) => return,
                leads = leadership.wait_for(|now| now.leads) => match leads {
                    Ok(leads) => *leads,
                    Err(_) => return,
                },
            };
            let take_over = Action::TakeOver { leader: self.node().id() };
            let taken = self.node().propose(take_over, Repeat::Idempotent).await;
            if taken.is_err() || *leadership.borrow() != leads {
                sleep(AGAIN_AFTER).await;
                continue;
            }
            self.begin(leads.term);
            tokio::select! {
                biased;
                _ = stopped.wait_for(Option::is_some) => {}
                () = self.work(leads) => {}
            }
            self.end();
        }
    }

    /// Does what is to be done until this node leads no more.
    async fn work(&self, as_of: Leadership) {
        let (mut leadership, mut applied) = (self.node().leadership(), self.node().applied());
        let mut proposals: JoinSet<Answered> = JoinSet::new();
        let mut has_news = true;
        loop {
            let Some(next) = self.look(std::mem::take(&mut has_news), &mut proposals) else { return };
            tokio::select! {
                biased;
                changed = leadership.wait_for(|now| *now != as_of) => {
                    drop(changed);
                    return;
                }
                Some(answered) = proposals.join_next() => {
                    if let Ok((task, answer)) = answered {
                        self.answered(&task, answer);
                    }
                    has_news = true;
                }
                _ = applied.changed() => has_news = true,
                () = self.poked() => {}
                () = sleep_until(next) => continue,
            }
            sleep(LOOK_GAP).await;
        }
    }

    /// Looks what is to be done, and begins it; when to look again. None if everything has to begin anew.
    fn look(&self, has_news: bool, proposals: &mut JoinSet<Answered>) -> Option<Instant> {
        let clock = self.clock();
        let (tasks, wait, notices) = self.node().read(|state| {
            let mut desk = self.desk();
            let desk: &mut Desk<_> = desk.as_mut()?;
            let now = state.clock().at(clock);
            if has_news {
                desk.observe(state, now);
            }
            let tasks = desk.proposals(state, clock);
            if desk.begins_anew() {
                return None;
            }
            let due = desk.due(state).map(|due| Duration::from_millis(due.since(now).max(1)));
            let usual = if desk.is_idle() { IDLE_LOOK_EVERY } else { LOOK_EVERY };
            Some((tasks, due.unwrap_or(usual).min(usual), desk.take_notices()))
        })?;
        notices.into_iter().for_each(|notice| self.node().shared().notices.tell(notice));
        for (task, action) in tasks {
            let node = self.node().clone();
            proposals.spawn(async move { (task, node.propose(action, Repeat::Idempotent).await) });
        }
        Some(Instant::now() + wait)
    }

    fn answered(&self, task: &Proposal, answer: Result<Reply, ProposeError>) {
        if let Ok(Reply::Accepted(Accepted::Renewed { unknown })) = &answer {
            // They may have been forgotten while nobody heard them.
            unknown.iter().for_each(|agent| self.unseat(agent));
        }
        let mut desk = self.desk();
        let Some(desk) = desk.as_mut() else { return };
        desk.is_done(task, self.clock());
        match (answer, task) {
            (Ok(Reply::Refused(refusal)), _) => desk.is_refused(task, &refusal),
            (Err(error @ ProposeError::TooLarge(_)), Proposal::Duty(Duty::Checkpoint(run))) => {
                desk.give_up(run, format!("a checkpoint: {error}"));
            }
            _ => {}
        }
    }

    /// What this node's clock shows.
    pub(super) fn clock(&self) -> Timestamp {
        Timestamp(self.node().now_us() / 1_000)
    }
}
