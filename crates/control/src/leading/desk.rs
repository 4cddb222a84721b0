//! What a leader has at hand while it leads: its leads of the live runs, who is there, what is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throng_plan::Plan;
use throng_stats::Registry;

use super::lead::{RunLead, Settled};
use super::result::{Concluded, ResultFacts};
use super::view::RunView;
use crate::clock::Timestamp;
use crate::command::{Action, Checkpoint};
use crate::duties::Duty;
use crate::id::{AgentName, AssignmentId, Incarnation, RunId};
use crate::judge::{AgentWindow, Ending, NotTaken, RunSummary, Standing, VuCount};
use crate::refusal::Refusal;
use crate::run::{AbortReason, Run, RunState, Verdict};
use crate::state::State;

/// How often leases are renewed, all that are to be at once.
const RENEW_EVERY_MS: u64 = 400;
/// The same while there is no run: agents without work say that they are there once a second.
const IDLE_RENEW_EVERY_MS: u64 = 1_000;
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
#[derive(Debug)]
enum Lead {
    On(Box<RunLead>),
    /// It can't be led, and is to end.
    Broken(String),
}

/// What is proposed, once at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proposal {
    /// By the state.
    Duty(Duty),
    /// For those that were heard.
    RenewLeases,
    /// To end a run that can't be led.
    GiveUp(RunId),
}

/// Those who watch live runs.
pub trait Audience {
    /// There is something to see of a run from now on.
    fn open(&self, run: &RunId);
    /// How it goes on.
    fn show(&self, run: &RunId, view: RunView);
    /// What they should know.
    fn warn(&self, run: &RunId, messages: Vec<String>);
    /// There is nothing more to see of those that have ended.
    fn close(&self, has_ended: &dyn Fn(&RunId) -> bool);
}

/// A leader of one run that nobody will ever take over from, since all that it knows ends with its process. It needs to note
/// nothing for a successor, and gives the result to whoever is there.
#[derive(Debug, Clone)]
pub struct Alone {
    /// The run's metrics.
    pub registry: Arc<Registry>,
    /// The run's plan.
    pub plan: Arc<Plan>,
    /// How far ahead of now the run starts, in milliseconds.
    pub start_ahead_ms: u64,
}

/// What a leader has at hand.
#[derive(Debug)]
pub struct Desk<A> {
    audience: A,
    facts: ResultFacts,
    alone: Option<Alone>,
    /// What the run of one that leads alone came to.
    concluded: Option<Box<Concluded>>,
    leads: BTreeMap<RunId, Lead>,
    /// Agents that have said that they are there.
    heard: BTreeMap<AgentName, Incarnation>,
    renewed: Timestamp,
    viewed: Timestamp,
    /// Each with when it was proposed.
    under_way: BTreeMap<Proposal, Timestamp>,
    looked: Option<Timestamp>,
    /// Runs of which no window of this reign is in the log, though they had load before.
    taken_over: BTreeSet<RunId>,
    notices: Vec<String>,
    /// Somebody else's checkpoint is in the log, or nothing went into it for a while: everything has to begin anew.
    begins_anew: bool,
}

impl<A: Audience> Desk<A> {
    /// That of a leader that has just taken over. `facts` are said of every result.
    #[must_use]
    pub fn new(audience: A, facts: ResultFacts) -> Self {
        let never = Timestamp(0);
        Self {
            audience,
            facts,
            alone: None,
            concluded: None,
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

    /// That of a leader of one run that leads alone.
    #[must_use]
    pub fn alone(audience: A, facts: ResultFacts, alone: Alone) -> Self {
        Self { alone: Some(alone), ..Self::new(audience, facts) }
    }

    /// Whether everything has to begin anew: nothing got into the log for a while, or somebody else's checkpoint did. It is
    /// told once.
    pub fn begins_anew(&mut self) -> bool {
        std::mem::take(&mut self.begins_anew)
    }

    /// Takes note of what has been applied.
    pub fn observe(&mut self, state: &State, now: Timestamp) {
        let is_live = |run: &RunId| state.run(run).is_some_and(|run| !run.state().has_ended());
        self.leads.retain(|run, _| is_live(run));
        self.audience.close(&|run| !is_live(run));
        for run in state.runs().filter(|run| !run.state().has_ended()) {
            match self.leads.get_mut(run.id()) {
                Some(Lead::On(lead)) => lead.observe(run, now),
                Some(Lead::Broken(_)) => {}
                None => {
                    if run.state() == RunState::Running && run.elapsed_ms() > 0 {
                        self.taken_over.insert(run.id().clone());
                    }
                    let lead = match self.alone.clone() {
                        None => RunLead::new(run, now),
                        Some(Alone { registry, plan, .. }) => Ok(RunLead::alone(run, (registry, plan), now)),
                    };
                    let lead =
                        lead.map_or_else(|error| Lead::Broken(error.to_string()), |lead| Lead::On(Box::new(lead)));
                    self.leads.insert(run.id().clone(), lead);
                    self.audience.open(run.id());
                    self.viewed = Timestamp(0);
                }
            }
        }
    }

    /// What is to be proposed now, each until [`Desk::is_done`] says what came of it. `clock` is the leader's own.
    pub fn proposals(&mut self, state: &State, clock: Timestamp) -> Vec<(Proposal, Action)> {
        let now = state.clock().at(clock);
        let mut proposals = Vec::new();
        let late = self.looked.replace(clock).map_or(0, |looked| clock.since(looked));
        self.begins_anew |= late > STALL_MS;
        let is_stalled = self.under_way.values().any(|since| clock.since(*since) > SLOW_MS);
        for duty in state.duties(clock) {
            let proposal = Proposal::Duty(duty.clone());
            let waits = duty == Duty::ExpireLeases && is_stalled;
            if !waits && !self.under_way.contains_key(&proposal) {
                proposals.extend(self.perform(state, duty, now).map(|action| (proposal, action)));
            }
        }
        for (id, lead) in &self.leads {
            let is_aborting = state.run(id).is_none_or(|run| run.reason().is_some());
            if let (Lead::Broken(message), false) = (lead, is_aborting) {
                let reason = AbortReason::Unled { message: message.clone() };
                proposals.push((Proposal::GiveUp(id.clone()), Action::AbortRun { run: id.clone(), reason }));
            }
        }
        let every = if self.leads.is_empty() { IDLE_RENEW_EVERY_MS } else { RENEW_EVERY_MS };
        let is_due = clock.since(self.renewed) >= every && !self.under_way.contains_key(&Proposal::RenewLeases);
        if is_due && !self.heard.is_empty() {
            self.renewed = clock;
            let heard = std::mem::take(&mut self.heard);
            proposals.push((Proposal::RenewLeases, Action::RenewLeases(heard.into_iter().collect())));
        }
        proposals.retain(|(proposal, _)| !self.under_way.contains_key(proposal));
        self.under_way.extend(proposals.iter().map(|(proposal, _)| (proposal.clone(), clock)));
        self.show(state, now);
        proposals
    }

    fn perform(&mut self, state: &State, duty: Duty, now: Timestamp) -> Option<Action> {
        match duty {
            Duty::ExpireLeases => Some(Action::ExpireLeases),
            Duty::StartRun(run) => {
                let agents = state.run(&run)?.assignments().len() as u64;
                let usual = START_AHEAD_MS + agents * START_AHEAD_US_PER_AGENT / 1_000;
                let ahead = self.alone.as_ref().map_or(usual, |alone| alone.start_ahead_ms);
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
                let (run, facts) = (state.run(&id)?, self.facts_at(now));
                let (verdict, summary) = match self.leads.get_mut(&id)? {
                    // What has been judged is to be in the log first.
                    Lead::On(lead) if lead.is_ahead() => return None,
                    Lead::On(lead) => {
                        let concluded = lead.conclude(run, facts);
                        let verdict = concluded.verdict();
                        if self.alone.is_some() {
                            self.concluded = Some(Box::new(concluded));
                            (verdict, Vec::new())
                        } else {
                            (verdict, concluded.encode())
                        }
                    }
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
        self.audience.show(run.id(), lead.view(run, now));
        checkpoint
    }

    /// What the node's operator should know.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// When the next checkpoint is due.
    pub fn due(&self, state: &State) -> Option<Timestamp> {
        let leads = self.leads.iter().filter_map(|(id, lead)| match lead {
            Lead::On(lead) if lead.proposed().is_none() => {
                let run = state.run(id)?;
                (RunState::Setup..=RunState::Teardown).contains(&run.state()).then(|| lead.due(run))
            }
            _ => None,
        });
        leads.min()
    }

    /// Whether there is nothing to look after but agents without work.
    pub fn is_idle(&self) -> bool {
        self.leads.is_empty() && self.under_way.is_empty()
    }

    /// What was proposed has been answered, in whichever way: the state says what holds.
    pub fn is_done(&mut self, proposal: &Proposal, clock: Timestamp) {
        let took = self.under_way.remove(proposal).map_or(0, |since| clock.since(since));
        self.begins_anew |= took > STALL_MS;
    }

    /// What was proposed has been refused. A checkpoint that can't come into the state never will.
    pub fn is_refused(&mut self, proposal: &Proposal, refusal: &Refusal) {
        let never = matches!(refusal, Refusal::Invalid(_) | Refusal::TooMany { .. } | Refusal::TooLarge { .. });
        if let (Proposal::Duty(Duty::Checkpoint(run)), true) = (proposal, never) {
            self.give_up(run, format!("a checkpoint was refused: {refusal}"));
        }
    }

    /// A checkpoint can't come into the log, and never will.
    pub fn give_up(&mut self, run: &RunId, why: String) {
        self.leads.insert(run.clone(), Lead::Broken(why));
    }

    /// An agent is there.
    pub fn heard(&mut self, agent: &AgentName, incarnation: Incarnation) {
        self.heard.insert(agent.clone(), incarnation);
    }

    /// The lead of a live run, also of one that has just come.
    pub fn lead(&mut self, state: &State, run: &RunId, now: Timestamp) -> Option<&RunLead> {
        if !self.leads.contains_key(run) {
            self.observe(state, now);
        }
        self.known(run)
    }

    /// The lead of a run, if there is one by now.
    pub fn known(&self, run: &RunId) -> Option<&RunLead> {
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

    /// An agent has made the VUs of its part, and stands like this.
    pub fn note_ready(&mut self, run: &RunId, assignment: &AssignmentId, standing: Standing) {
        if let Some(lead) = self.lead_mut(run) {
            lead.note_ready(assignment, standing);
        }
    }

    /// Takes in a window of a part. Whether it is due at once is seen with the next look.
    ///
    /// # Errors
    ///
    /// When it isn't the next one; nothing changes then.
    pub fn take(
        &mut self,
        run: &Run,
        assignment: &AssignmentId,
        window: AgentWindow,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let Some(lead) = self.lead_mut(run.id()) else { return Err(NotTaken::Unknown(assignment.to_string())) };
        if lead.through(assignment).is_none() {
            // The part has just been made.
            lead.observe(run, now);
        }
        let messages = lead.take(assignment, window, run, now)?;
        if !messages.is_empty() {
            self.audience.warn(run.id(), messages);
        }
        Ok(())
    }

    /// What a script's own summary is to be made of, as JSON; none of a run that isn't led.
    pub fn summary_data(&mut self, run: &Run, now: Timestamp) -> Option<String> {
        let facts = self.facts_at(now);
        Some(self.lead_mut(run.id())?.summary_data(run, facts))
    }

    /// Those who watch.
    pub fn audience(&self) -> &A {
        &self.audience
    }

    /// What is said of every result.
    pub fn facts_mut(&mut self) -> &mut ResultFacts {
        &mut self.facts
    }

    /// What the run of one that leads alone came to, once.
    pub fn take_concluded(&mut self) -> Option<Concluded> {
        self.concluded.take().map(|concluded| *concluded)
    }

    /// Takes the seconds of which all agents of a run have said how many VUs they had, each once.
    pub fn take_counted_vus(&mut self, run: &RunId) -> Vec<VuCount> {
        self.lead_mut(run).map(RunLead::take_counted_vus).unwrap_or_default()
    }

    fn facts_at(&self, now: Timestamp) -> ResultFacts {
        ResultFacts { generated_at: now.rfc3339(), ..self.facts.clone() }
    }

    fn show(&mut self, state: &State, now: Timestamp) {
        if now.since(self.viewed) < VIEW_EVERY_MS {
            return;
        }
        self.viewed = now;
        for (id, lead) in &self.leads {
            if let (Lead::On(lead), Some(run)) = (lead, state.run(id)) {
                self.audience.show(id, lead.view(run, now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::LEASE_MS;
    use crate::{AgentInfo, Command, Digest, Submission, Wants};

    use super::*;

    const BEGIN: u64 = 1_000_000;

    /// Nobody watches.
    #[derive(Debug)]
    struct Nobody;

    impl Audience for Nobody {
        fn open(&self, _run: &RunId) {}

        fn show(&self, _run: &RunId, _view: RunView) {}

        fn warn(&self, _run: &RunId, _messages: Vec<String>) {}

        fn close(&self, _has_ended: &dyn Fn(&RunId) -> bool) {}
    }

    /// A state, the leader's clock, and what the leader has.
    struct Leading {
        state: State,
        clock: u64,
        desk: Desk<Nobody>,
    }

    impl Leading {
        fn new() -> Self {
            let desk = Desk::new(Nobody, ResultFacts::default());
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
        fn after(&mut self, ms: u64) -> Vec<(Proposal, Action)> {
            self.clock += ms;
            self.desk.proposals(&self.state, Timestamp(self.clock))
        }

        fn done(&mut self, task: &Proposal) {
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
        let tasks = leading.after(IDLE_RENEW_EVERY_MS);
        let renewal = (Proposal::RenewLeases, Action::RenewLeases(vec![(name(), Incarnation(1))]));
        assert_eq!(tasks, std::slice::from_ref(&renewal));
        assert_eq!(leading.after(100), [], "nobody was heard since");
        leading.desk.heard(&name(), Incarnation(1));
        assert_eq!(leading.after(IDLE_RENEW_EVERY_MS), [], "one at a time");
        leading.done(&renewal.0);
        assert_eq!(leading.after(10), [renewal]);
    }

    #[test]
    fn nobody_is_lost_while_nothing_gets_into_the_log() {
        let mut leading = Leading::new();
        leading.desk.heard(&name(), Incarnation(1));
        let renewal = leading.after(IDLE_RENEW_EVERY_MS).remove(0).0;
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
        assert_eq!(proposed, [(Proposal::Duty(Duty::ExpireLeases), Action::ExpireLeases)]);
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
        assert_eq!(task, Proposal::GiveUp(run.clone()));
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
