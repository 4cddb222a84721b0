//! The coordinator of a run in one process: a group of one node, whose log nobody keeps since nothing outlives the process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;

use throng_control::judge::{AgentWindow, NotTaken, Standing, VuCount};
use throng_control::leading::{
    Alone, Audience, Calls, Concluded, Desk, PauseError, ResultFacts, RunView, ScaleError, Scaled, SetupReturned,
    pause, scale, wants,
};
use throng_control::limits::LABEL_BYTES_MAX;
use throng_control::{
    Action, AgentInfo, AgentName, Brief, Command, Digest, Incarnation, NameError, Orders, Reply, Run, RunId, Scale,
    State, Submission, Timestamp, Wants,
};
use throng_plan::Plan;
use throng_transport::{Clock, Nanos};

use super::Planned;
use crate::samples::epoch_ns;
use crate::setup_data::SetupData;

/// What the only agent is called.
const AGENT: &str = "local";
/// What the only run is called among the group's.
const RUN: &str = "run";
/// The only node.
const NODE: u64 = 1;
/// This life of the agent, which is its only one.
const INCARNATION: Incarnation = Incarnation(1);
/// The test is in this process, and no archive.
const ARCHIVE: Digest = Digest([0; 32]);

/// What a result says of the run beside its numbers.
pub(super) struct Facts<'a> {
    pub(super) test: &'a str,
    pub(super) version: &'a str,
    pub(super) machine_summary: bool,
}

/// A group of one node, with one agent and one run: the state that any group has, what its leader has beside it, and no log
/// between both.
pub(super) struct Group {
    state: State,
    desk: Desk<Warnings>,
    plan: Arc<Plan>,
    run: RunId,
    agent: AgentName,
    /// Nanoseconds since 1970 at the zero of this machine's clock. So the group's clock is never put back.
    epoch_ns: u64,
    ordered: Option<Brief>,
    /// The last window that the agent knows to be in the state.
    committed: u64,
}

/// What is to be known of the run, until it is told.
#[derive(Debug, Default)]
struct Warnings(RefCell<Vec<String>>);

impl Audience for Warnings {
    fn open(&self, _run: &RunId) {}

    fn show(&self, _run: &RunId, _view: RunView) {}

    fn warn(&self, _run: &RunId, messages: Vec<String>) {
        self.0.borrow_mut().extend(messages);
    }

    fn close(&self, _has_ended: &dyn Fn(&RunId) -> bool) {}
}

impl Group {
    /// A group whose agent has been asked to prepare the run. The load starts so many milliseconds after that is decided.
    ///
    /// # Errors
    /// Never: its names can be.
    pub(super) fn new(planned: &Planned, facts: &Facts<'_>, start_ahead_ms: u64) -> Result<Self, NameError> {
        let (plan, registry) = (Arc::clone(&planned.plan), Arc::clone(&planned.registry));
        let of_results = ResultFacts {
            version: facts.version.to_owned(),
            histograms: facts.machine_summary,
            ..ResultFacts::default()
        };
        let alone = Alone { registry, plan: Arc::clone(&plan), start_ahead_ms };
        let mut group = Self {
            state: State::new(),
            desk: Desk::alone(Warnings::default(), of_results, alone),
            plan,
            run: RunId::new(RUN)?,
            agent: AgentName::new(AGENT)?,
            epoch_ns: epoch_ns(),
            ordered: None,
            committed: 0,
        };
        let calls = Calls {
            setup: planned.description.has_setup,
            teardown: planned.description.has_teardown,
            summary: planned.description.has_summarize,
        };
        let test = facts.test[..facts.test.floor_char_boundary(LABEL_BYTES_MAX)].to_owned();
        let wants = Wants { test, machine_summary: facts.machine_summary, ..wants(&planned.plan, calls) };
        group.begin(wants);
        Ok(group)
    }

    fn begin(&mut self, wants: Wants) {
        let info = AgentInfo {
            name: self.agent.clone(),
            incarnation: INCARNATION,
            addresses: Vec::new(),
            capacity: 1,
            tags: BTreeMap::new(),
            version: String::new(),
        };
        let submission = Submission {
            run: self.run.clone(),
            archive: ARCHIVE,
            client: String::new(),
            // The leader has the plan and the metrics already.
            options: Vec::new(),
            metrics: Vec::new(),
            wants,
        };
        self.apply(Action::TakeOver { leader: NODE });
        self.apply(Action::RegisterAgent(info));
        self.apply(Action::AddManifest { digest: ARCHIVE, bytes: 0 });
        self.apply(Action::SubmitRun(Box::new(submission)));
    }

    /// The run. There is one from the beginning on, and none is ever forgotten while it is the only one.
    pub(super) fn run(&self) -> Option<&Run> {
        self.state.run(&self.run)
    }

    /// The group's time.
    fn now(&self) -> Timestamp {
        Timestamp((self.epoch_ns + Clock::now().0) / 1_000_000)
    }

    /// An instant of the group's time by this machine's clock.
    pub(super) fn instant(&self, at: Timestamp) -> Nanos {
        Nanos(at.0.saturating_mul(1_000_000).saturating_sub(self.epoch_ns))
    }

    /// What any group's log does in between is nothing here.
    pub(super) fn apply(&mut self, action: Action) -> Reply {
        let now = self.now();
        let reply = self.state.apply(Command::new(now, action));
        self.desk.observe(&self.state, now);
        reply
    }

    /// Does what its leader is to do now, once; whether there was anything.
    pub(super) fn work(&mut self) -> bool {
        // The agent is there as long as this process is.
        self.desk.heard(&self.agent, INCARNATION);
        let now = self.now();
        let proposals = self.desk.proposals(&self.state, now);
        if self.desk.begins_anew() {
            // The process was stopped for a while: whatever is waited for gets all its time anew.
            proposals.iter().for_each(|(proposal, _)| self.desk.is_done(proposal, now));
            self.apply(Action::TakeOver { leader: NODE });
            return true;
        }
        let has_any = !proposals.is_empty();
        for (proposal, action) in proposals {
            let reply = self.apply(action);
            self.desk.is_done(&proposal, self.now());
            if let Reply::Refused(refusal) = reply {
                self.desk.is_refused(&proposal, &refusal);
            }
        }
        has_any
    }

    /// When there may be something to do, if nothing happens before.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.desk.due(&self.state).map(|at| self.instant(at))
    }

    /// What the agent is to do, if that is new.
    pub(super) fn new_orders(&mut self) -> Option<Orders> {
        let brief = self.state.brief(&self.agent);
        if self.ordered.as_ref() == Some(&brief) {
            return None;
        }
        self.ordered = Some(brief);
        self.committed = self.included();
        Some(self.state.orders(&self.agent))
    }

    /// The last window that is in the state, if that is new.
    pub(super) fn new_committed(&mut self) -> Option<u64> {
        let included = self.included();
        (std::mem::replace(&mut self.committed, included) != included).then_some(included)
    }

    fn included(&self) -> u64 {
        let assignments = self.run().into_iter().flat_map(|run| run.assignments().values());
        assignments.map(|assignment| assignment.included).max().unwrap_or(0)
    }

    /// What setups returned.
    pub(super) fn setup_data(&self) -> SetupData {
        let returned = self.run().and_then(|run| SetupReturned::decode(run.setup_data()?));
        returned.unwrap_or_default().into()
    }

    /// What the script's own summary is to be made of.
    pub(super) fn summary_data(&mut self) -> Option<String> {
        let now = self.now();
        self.desk.summary_data(self.state.run(&self.run)?, now)
    }

    /// The agent has made its VUs.
    pub(super) fn note_ready(&mut self, part: &crate::link::PartId, standing: Standing) {
        self.desk.note_ready(&part.run, &part.assignment, standing);
    }

    /// Takes in a window of the agent's; the seconds that are known by it.
    ///
    /// # Errors
    /// When it isn't the next one.
    pub(super) fn take(&mut self, part: &crate::link::PartId, window: AgentWindow) -> Result<Vec<VuCount>, NotTaken> {
        let now = self.now();
        let run = self.state.run(&part.run).ok_or_else(|| NotTaken::Unknown(AGENT.to_owned()))?;
        self.desk.take(run, &part.assignment, window, now)?;
        Ok(self.desk.take_counted_vus(&part.run))
    }

    /// How the run goes on; none once it has ended.
    pub(super) fn view(&self) -> Option<RunView> {
        Some(self.desk.known(&self.run)?.view(self.run()?, self.now()))
    }

    /// What the person who runs the test should know, once.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        take(&mut *self.desk.audience().0.borrow_mut())
    }

    /// What is said of the result.
    pub(super) fn facts_mut(&mut self) -> &mut ResultFacts {
        self.desk.facts_mut()
    }

    /// What the run came to, once it has ended.
    pub(super) fn take_concluded(&mut self) -> Option<Concluded> {
        self.desk.take_concluded()
    }

    /// What changes the VUs of a scenario.
    ///
    /// # Errors
    /// When they can't be.
    pub(super) fn scale(&self, scenario: Option<&str>, scale_to: Scale) -> Result<Scaled, ScaleError> {
        scale(self.run().ok_or(ScaleError::NotRunning)?, &self.plan, scenario, scale_to)
    }

    /// What pauses the run, or lets it go on.
    ///
    /// # Errors
    /// When it can't be.
    pub(super) fn pause(&self, paused: bool) -> Result<Action, PauseError> {
        pause(self.run().ok_or(PauseError::NotRunning)?, &self.plan, paused)
    }
}
