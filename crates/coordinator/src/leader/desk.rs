//! What the leader has at hand while it leads: its leads of the live runs, who is there, what is under way. No IO.

use std::collections::{BTreeMap, BTreeSet};

use throng_control::judge::{Ending, NotTaken, RunSummary, Standing};
use throng_control::leading::{ResultFacts, RunLead, Settled};
use throng_control::{
    AbortReason, Action, AgentName, AssignmentId, Checkpoint, Duty, Incarnation, Run, RunId, RunState, State,
    Timestamp, Verdict,
};
use throng_protocol::agent::LogLevel;

use super::feed::{Feeds, LogLine};

/// How often leases are renewed, all that are to be at once.
const RENEW_EVERY_MS: u64 = 400;
/// A proposal that takes so long, or a look that comes so late, shows that agents could renew their leases with nobody: the
/// leader begins anew, which gives everyone a whole lease.
const STALL_MS: u64 = 2_000;
/// While a proposal has taken so long, nobody is taken to be lost.
const SLOW_MS: u64 = 500;
/// How often those who watch a run see it anew.
const VIEW_EVERY_MS: u64 = 500;
/// How far ahead of now a run starts, so that all agents know it by then; and more for each agent.
const START_AHEAD_MS: u64 = 250;
const START_AHEAD_US_PER_AGENT: u64 = 500;
/// How far ahead a part begins that was taken over.
const JOIN_AHEAD_MS: u64 = 200;

/// A live run.
enum Lead {
    On(Box<RunLead>),
    /// It can't be led, and is to end.
    Broken(String),
}

/// What is proposed, once at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    Duty(Duty),
    RenewLeases,
    /// To end a run that can't be led.
    GiveUp(RunId),
}

/// See the module.
pub(super) struct Desk {
    feeds: Feeds,
    version: String,
    leads: BTreeMap<RunId, Lead>,
    /// Agents that have said that they are there.
    heard: BTreeMap<AgentName, Incarnation>,
    renewed: Timestamp,
    viewed: Timestamp,
    /// Each with when it was proposed.
    under_way: BTreeMap<Task, Timestamp>,
    looked: Option<Timestamp>,
    /// Runs of which no window of this reign is in the log, though they had load before.
    taken_over: BTreeSet<RunId>,
    notices: Vec<String>,
    /// Somebody else's checkpoint is in the log, or nothing went into it for a while: everything has to begin anew.
    pub(super) begins_anew: bool,
}

impl Desk {
    pub(super) fn new(feeds: Feeds, version: String) -> Self {
        let never = Timestamp(0);
        Self {
            feeds,
            version,
            leads: BTreeMap::new(),
            heard: BTreeMap::new(),
            renewed: never,
            viewed: never,
            under_way: BTreeMap::new(),
            looked: None,
            taken_over: BTreeSet::new(),
            notices: Vec::new(),
            begins_anew: false,
        }
    }

    /// Takes note of what has been applied.
    pub(super) fn observe(&mut self, state: &State, now: Timestamp) {
        let is_live = |run: &RunId| state.run(run).is_some_and(|run| !run.state().has_ended());
        self.leads.retain(|run, _| is_live(run));
        self.feeds.close(|run| !is_live(run));
        for run in state.runs().filter(|run| !run.state().has_ended()) {
            match self.leads.get_mut(run.id()) {
                Some(Lead::On(lead)) => lead.observe(run, now),
                Some(Lead::Broken(_)) => {}
                None => {
                    if run.state() == RunState::Running && run.elapsed_ms() > 0 {
                        self.taken_over.insert(run.id().clone());
                    }
                    let lead = RunLead::new(run, now);
                    let lead =
                        lead.map_or_else(|error| Lead::Broken(error.to_string()), |lead| Lead::On(Box::new(lead)));
                    self.leads.insert(run.id().clone(), lead);
                    self.feeds.open(run.id());
                    self.viewed = Timestamp(0);
                }
            }
        }
    }

    /// What is to be proposed now, each until [`Desk::is_done`] says what came of it.
    pub(super) fn tasks(&mut self, state: &State, clock: Timestamp) -> Vec<(Task, Action)> {
        let now = state.clock().at(clock);
        let mut tasks = Vec::new();
        let late = self.looked.replace(clock).map_or(0, |looked| clock.since(looked));
        self.begins_anew |= late > STALL_MS;
        let is_stalled = self.under_way.values().any(|since| clock.since(*since) > SLOW_MS);
        for duty in state.duties(clock) {
            let task = Task::Duty(duty.clone());
            let waits = duty == Duty::ExpireLeases && is_stalled;
            if !waits && !self.under_way.contains_key(&task) {
                tasks.extend(self.perform(state, duty, now).map(|action| (task, action)));
            }
        }
        for (id, lead) in &self.leads {
            let is_aborting = state.run(id).is_none_or(|run| run.reason().is_some());
            if let (Lead::Broken(message), false) = (lead, is_aborting) {
                let reason = AbortReason::Unled { message: message.clone() };
                tasks.push((Task::GiveUp(id.clone()), Action::AbortRun { run: id.clone(), reason }));
            }
        }
        let is_due = clock.since(self.renewed) >= RENEW_EVERY_MS && !self.under_way.contains_key(&Task::RenewLeases);
        if is_due && !self.heard.is_empty() {
            self.renewed = clock;
            let heard = std::mem::take(&mut self.heard);
            tasks.push((Task::RenewLeases, Action::RenewLeases(heard.into_iter().collect())));
        }
        tasks.retain(|(task, _)| !self.under_way.contains_key(task));
        self.under_way.extend(tasks.iter().map(|(task, _)| (task.clone(), clock)));
        self.show(state, now);
        tasks
    }

    fn perform(&mut self, state: &State, duty: Duty, now: Timestamp) -> Option<Action> {
        match duty {
            Duty::ExpireLeases => Some(Action::ExpireLeases),
            Duty::StartRun(run) => {
                let agents = state.run(&run)?.assignments().len() as u64;
                let ahead = START_AHEAD_MS + agents * START_AHEAD_US_PER_AGENT / 1_000;
                Some(Action::StartRun { run, at: now.plus(ahead) })
            }
            Duty::StartAssignment(run, assignment) => {
                let from_ms = now.since(state.run(&run)?.start()?) + JOIN_AHEAD_MS;
                Some(Action::StartAssignment { run, assignment, from_ms })
            }
            Duty::Checkpoint(run) => {
                let checkpoint = self.checkpoint(state.run(&run)?, now)?;
                Some(Action::Checkpoint(Box::new(checkpoint)))
            }
            Duty::ConcludeRun(id) => {
                let (run, facts) = (state.run(&id)?, self.facts(now));
                let (verdict, summary) = match self.leads.get_mut(&id)? {
                    // What has been judged is to be in the log first.
                    Lead::On(lead) if lead.is_ahead() => return None,
                    Lead::On(lead) => lead.conclude(run, facts),
                    Lead::Broken(message) => {
                        let ending = Ending::Failed(message.clone());
                        (Verdict::Fail, RunSummary::without_report(ending).encode(usize::MAX))
                    }
                };
                Some(Action::ConcludeRun { run: id, verdict, summary })
            }
        }
    }

    fn checkpoint(&mut self, run: &Run, now: Timestamp) -> Option<Checkpoint> {
        let Lead::On(lead) = self.leads.get_mut(run.id())? else { return None };
        let has_windows = lead.proposed().is_some_and(|proposed| !proposed.windows.is_empty());
        match lead.settle(run) {
            Settled::Applied if has_windows && self.taken_over.remove(run.id()) => {
                self.notices.push(format!("this node goes on with the run {}, and has windows of it", run.id()));
            }
            Settled::Applied => {}
            Settled::Missing => return lead.proposed().cloned(),
            Settled::Overtaken => {
                self.begins_anew = true;
                return None;
            }
        }
        if now < lead.due(run) {
            return None;
        }
        let checkpoint = lead.checkpoint(run, now);
        self.feeds.open(run.id()).show(lead.view(run, now));
        checkpoint
    }

    /// What the node's operator should know.
    pub(super) fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// When the next checkpoint is due.
    pub(super) fn due(&self, state: &State) -> Option<Timestamp> {
        let leads = self.leads.iter().filter_map(|(id, lead)| match lead {
            Lead::On(lead) if lead.proposed().is_none() => {
                let run = state.run(id)?;
                (RunState::Setup..=RunState::Teardown).contains(&run.state()).then(|| lead.due(run))
            }
            _ => None,
        });
        leads.min()
    }

    /// Whether there is anything to look after.
    pub(super) fn is_idle(&self) -> bool {
        self.leads.is_empty() && self.heard.is_empty() && self.under_way.is_empty()
    }

    /// What was proposed has been answered, in whichever way: the state says what holds.
    pub(super) fn is_done(&mut self, task: &Task, clock: Timestamp) {
        let took = self.under_way.remove(task).map_or(0, |since| clock.since(since));
        self.begins_anew |= took > STALL_MS;
    }

    /// A checkpoint can't come into the state, and never will.
    pub(super) fn give_up(&mut self, run: &RunId, why: String) {
        self.leads.insert(run.clone(), Lead::Broken(why));
    }

    /// An agent is there.
    pub(super) fn heard(&mut self, agent: &AgentName, incarnation: Incarnation) {
        self.heard.insert(agent.clone(), incarnation);
    }

    /// The lead of a live run, also of one that has just come.
    pub(super) fn lead(&mut self, state: &State, run: &RunId, now: Timestamp) -> Option<&RunLead> {
        if !self.leads.contains_key(run) {
            self.observe(state, now);
        }
        self.known(run)
    }

    /// The lead of a run, if there is one by now.
    pub(super) fn known(&self, run: &RunId) -> Option<&RunLead> {
        match self.leads.get(run)? {
            Lead::On(lead) => Some(lead),
            Lead::Broken(_) => None,
        }
    }

    fn lead_mut(&mut self, run: &RunId) -> Option<&mut RunLead> {
        match self.leads.get_mut(run)? {
            Lead::On(lead) => Some(lead),
            Lead::Broken(_) => None,
        }
    }

    pub(super) fn note_ready(&mut self, run: &RunId, assignment: &AssignmentId, standing: Standing) {
        if let Some(lead) = self.lead_mut(run) {
            lead.note_ready(assignment, standing);
        }
    }

    /// Takes in a window of a part. Whether it is due at once is seen with the next look.
    pub(super) fn take(
        &mut self,
        run: &Run,
        assignment: &AssignmentId,
        window: throng_control::judge::AgentWindow,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let Some(lead) = self.lead_mut(run.id()) else { return Err(NotTaken::Unknown(assignment.to_string())) };
        if lead.through(assignment).is_none() {
            // The part has just been made.
            lead.observe(run, now);
        }
        let messages = lead.take(assignment, window, run, now)?;
        if !messages.is_empty() {
            let line =
                |message| LogLine { agent: String::new(), level: LogLevel::Warn, message, source: String::new() };
            self.feeds.open(run.id()).log(messages.into_iter().map(line), 0);
        }
        Ok(())
    }

    pub(super) fn summary_data(&mut self, run: &Run, now: Timestamp) -> Option<String> {
        let facts = self.facts(now);
        Some(self.lead_mut(run.id())?.summary_data(run, facts))
    }

    fn facts(&self, now: Timestamp) -> ResultFacts {
        ResultFacts { version: self.version.clone(), generated_at: now.rfc3339() }
    }

    fn show(&mut self, state: &State, now: Timestamp) {
        if now.since(self.viewed) < VIEW_EVERY_MS {
            return;
        }
        self.viewed = now;
        for (id, lead) in &self.leads {
            if let (Lead::On(lead), Some(run)) = (lead, state.run(id)) {
                self.feeds.open(id).show(lead.view(run, now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use throng_control::limits::LEASE_MS;
    use throng_control::{AgentInfo, Command, Digest, Submission, Wants};

    use super::*;

    const BEGIN: u64 = 1_000_000;

    /// A state, the leader's clock, and what the leader has.
    struct Leading {
        state: State,
        clock: u64,
        desk: Desk,
    }

    impl Leading {
        fn new() -> Self {
            let desk = Desk::new(Feeds::default(), "0.1.0".to_owned());
            let mut leading = Self { state: State::new(), clock: BEGIN, desk };
            leading.apply(Action::TakeOver { leader: 1 });
            let info = AgentInfo {
                name: name(),
                incarnation: Incarnation(1),
                addresses: Vec::new(),
                capacity: 1,
                tags: BTreeMap::new(),
                version: "0.1.0".to_owned(),
            };
            leading.apply(Action::RegisterAgent(info));
            leading
        }

        fn apply(&mut self, action: Action) {
            self.state.apply(Command::new(Timestamp(self.clock), action)).into_result().unwrap();
            self.desk.observe(&self.state, Timestamp(self.clock));
        }

        /// What is proposed, some time later.
        fn after(&mut self, ms: u64) -> Vec<(Task, Action)> {
            self.clock += ms;
            self.desk.tasks(&self.state, Timestamp(self.clock))
        }

        fn done(&mut self, task: &Task) {
            self.desk.is_done(task, Timestamp(self.clock));
        }
    }

    fn name() -> AgentName {
        AgentName::new("a").unwrap()
    }

    #[test]
    fn leases_of_all_who_were_heard_are_renewed_at_once() {
        let mut leading = Leading::new();
        leading.desk.heard(&name(), Incarnation(1));
        leading.desk.heard(&name(), Incarnation(1));
        let tasks = leading.after(RENEW_EVERY_MS);
        let renewal = (Task::RenewLeases, Action::RenewLeases(vec![(name(), Incarnation(1))]));
        assert_eq!(tasks, std::slice::from_ref(&renewal));
        assert_eq!(leading.after(RENEW_EVERY_MS), [], "nobody was heard since");
        leading.desk.heard(&name(), Incarnation(1));
        assert_eq!(leading.after(RENEW_EVERY_MS), [], "one at a time");
        leading.done(&renewal.0);
        assert_eq!(leading.after(10), [renewal]);
    }

    #[test]
    fn nobody_is_lost_while_nothing_gets_into_the_log() {
        let mut leading = Leading::new();
        leading.desk.heard(&name(), Incarnation(1));
        let renewal = leading.after(RENEW_EVERY_MS).remove(0).0;
        for _ in 0..50 {
            assert_eq!(leading.after(100), [], "{} ms", leading.clock - BEGIN);
        }
        assert!(leading.clock > BEGIN + LEASE_MS && !leading.desk.begins_anew);
        leading.done(&renewal);
        assert!(leading.desk.begins_anew, "which gives everyone a whole lease");
    }

    #[test]
    fn a_leader_that_was_held_up_begins_anew_and_one_that_waits_expires_leases() {
        let mut leading = Leading::new();
        leading.after(100);
        leading.after(LEASE_MS);
        assert!(leading.desk.begins_anew);
        let mut leading = Leading::new();
        let proposed: Vec<_> = (0..31).flat_map(|_| leading.after(100)).collect();
        assert_eq!(proposed, [(Task::Duty(Duty::ExpireLeases), Action::ExpireLeases)]);
        assert!(!leading.desk.begins_anew);
    }

    #[test]
    fn a_run_that_cannot_be_led_ends_and_its_result_says_why() {
        let mut leading = Leading::new();
        let (run, archive) = (RunId::new("r").unwrap(), Digest([7; 32]));
        leading.apply(Action::AddManifest { digest: archive, bytes: 1 });
        let submission = Submission {
            run: run.clone(),
            archive,
            client: String::new(),
            options: b"[]".to_vec(),
            metrics: Vec::new(),
            wants: Wants::default(),
        };
        leading.apply(Action::SubmitRun(Box::new(submission)));
        let (task, abort) = leading.after(10).remove(0);
        assert_eq!(task, Task::GiveUp(run.clone()));
        leading.apply(abort);
        leading.done(&task);
        let assignment = leading.state.run(&run).unwrap().assignments().keys().next().unwrap().clone();
        leading.apply(Action::AgentDone { run: run.clone(), assignment, last_window: 0 });
        let (_, conclude) = leading.after(10).remove(0);
        leading.apply(conclude);
        let result = leading.state.run(&run).unwrap().result().unwrap();
        let summary = RunSummary::decode(&result.summary).unwrap();
        assert!(matches!(&summary.ending, Ending::Failed(why) if why.contains("options")), "{:?}", summary.ending);
    }
}
