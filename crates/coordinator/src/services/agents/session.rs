//! One agent's stream.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use throng_control::judge::NotTaken;
use throng_control::limits::LEASE_MS;
use throng_control::{
    AbortReason, Action, AgentInfo, AgentName, AssignmentId, Brief, Failure, FailureKind, Incarnation, Refusal, Reply,
    RunId, Task,
};
use throng_protocol::agent::join_request::Message as Said;
use throng_protocol::agent::join_response::Message as Say;
use throng_protocol::agent::{self as proto, JoinRequest, JoinResponse, RefusalReason, check_version};
use throng_trust::Caller;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tonic::{Status, Streaming};

use super::super::gate::may_join_as;
use super::{from_agent, to_agent};
use crate::leader::{Leader, LogLine, Reign};
use crate::node::Repeat;

/// How long the first message may take.
const REGISTER_WAIT: Duration = Duration::from_secs(5);
/// Applied entries are looked at for new orders at most so often.
const LOOK_GAP: Duration = Duration::from_millis(5);
/// How often an agent is to say that it is there: with many of them less often.
const HEARTBEAT_MS: u64 = 250;
const HEARTBEAT_MS_MAX: u64 = 1_000;

type Answers = mpsc::Sender<Result<JoinResponse, Status>>;

/// The stream of an agent that is registered.
pub(super) struct Session {
    pub(super) leader: Leader,
    /// This node leads as long as that is the reign.
    reign: watch::Receiver<Reign>,
    answers: Answers,
    name: AgentName,
    incarnation: Incarnation,
    /// What was ordered last, numbers of windows aside.
    ordered: Option<Brief>,
    /// The last window of each part that the agent knows to be in a checkpoint.
    committed: BTreeMap<(RunId, AssignmentId), u64>,
    /// What has been said of setup and of summaries.
    given: BTreeSet<(RunId, AssignmentId, bool)>,
    /// It was told that it isn't needed.
    is_dismissed: bool,
}

/// What happens next.
enum Occurrence {
    Said(Box<Said>),
    Applied,
    Gone,
}

fn not_leading() -> Status {
    Status::unavailable("this node doesn't lead any more")
}

fn clock_answer(reading: proto::ClockReading, leader: &Leader) -> proto::ClockAnswer {
    let now = leader.group_us();
    proto::ClockAnswer { sent_ns: reading.sent_ns, received_unix_us: now, answered_unix_us: now }
}

impl Session {
    /// Serves an agent until it goes.
    ///
    /// # Errors
    /// What the stream ends with.
    pub(super) async fn serve(
        leader: Leader,
        caller: Option<Caller>,
        mut requests: Streaming<JoinRequest>,
        answers: Answers,
    ) -> Result<(), Status> {
        let first = timeout(REGISTER_WAIT, requests.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("the agent doesn't register"))??;
        let Some(Said::Register(register)) = first.and_then(|first| first.message) else {
            return Err(Status::failed_precondition("the first message on the stream has to register the agent"));
        };
        let mut reign = leader.reign();
        if !reign.borrow_and_update().is_on() {
            let redirect = proto::Redirect { leader: leader.other_leader() };
            return say(&answers, Say::Redirect(redirect)).await;
        }
        let clock = register.clock.map(|reading| clock_answer(reading, &leader));
        let info = match Self::admit(&leader, caller.as_ref(), register, &mut reign).await? {
            Ok(info) => info,
            Err(refused) => return say(&answers, Say::Refused(refused)).await,
        };
        let mut session = Self {
            name: info.name,
            incarnation: info.incarnation,
            leader,
            reign,
            answers,
            ordered: None,
            committed: BTreeMap::new(),
            given: BTreeSet::new(),
            is_dismissed: false,
        };
        session.greet(clock).await?;
        session.go_on(requests).await
    }

    /// Registers an agent, or says why not.
    async fn admit(
        leader: &Leader,
        caller: Option<&Caller>,
        register: proto::Register,
        reign: &mut watch::Receiver<Reign>,
    ) -> Result<Result<AgentInfo, proto::Refused>, Status> {
        let refused =
            |reason: RefusalReason, message: String| Ok(Err(proto::Refused { reason: reason.into(), message }));
        if let Err(mismatch) = check_version(&register.version, leader.version()) {
            return refused(RefusalReason::Version, mismatch.to_string());
        }
        if let Err(message) = may_join_as(caller, &register.name) {
            leader.node().shared().notices.tell(format!("an agent is refused: {message}"));
            return refused(RefusalReason::Invalid, message);
        }
        let info = match from_agent::info(register) {
            Ok(info) => info,
            Err(message) => return refused(RefusalReason::Invalid, message),
        };
        let registering = leader.propose(Action::RegisterAgent(info.clone()), Repeat::Idempotent);
        let reply = tokio::select! {
            reply = registering => reply?,
            _ = reign.changed() => return Err(not_leading()),
        };
        match reply {
            Reply::Accepted(_) => Ok(Ok(info)),
            Reply::Refused(refusal) => {
                let reason = match &refusal {
                    Refusal::DuplicateAgent { .. } => RefusalReason::Duplicate,
                    Refusal::TooMany { what, .. } if what == "agents" => RefusalReason::TooMany,
                    _ => RefusalReason::Invalid,
                };
                refused(reason, refusal.to_string())
            }
        }
    }

    async fn greet(&mut self, clock: Option<proto::ClockAnswer>) -> Result<(), Status> {
        let agents = self.leader.node().read(|state| state.agents().count());
        let registered = proto::Registered {
            lease_ms: LEASE_MS,
            heartbeat_ms: (agents as u64).clamp(HEARTBEAT_MS, HEARTBEAT_MS_MAX),
            version: self.leader.version().to_owned(),
            nodes: self.leader.node().state().members.into_iter().map(|member| member.address).collect(),
            clock,
            allowed_targets: self.leader.node().shared().config.allowed_targets.as_ref().map(to_agent::allowed_targets),
        };
        self.say(Say::Registered(registered)).await?;
        self.order().await
    }

    async fn go_on(mut self, mut requests: Streaming<JoinRequest>) -> Result<(), Status> {
        let mut applied = self.leader.node().applied();
        let mut seat = self.leader.seat(&self.name);
        loop {
            let occurrence = tokio::select! {
                biased;
                _ = self.reign.changed() => return Err(not_leading()),
                () = seat.lost() => return Err(Status::unavailable("the agent has to register again")),
                changed = applied.changed() => match changed {
                    Ok(()) => Occurrence::Applied,
                    Err(_) => return Err(not_leading()),
                },
                message = requests.message() => match message {
                    Ok(Some(JoinRequest { message: Some(message) })) => Occurrence::Said(Box::new(message)),
                    // Of a later version.
                    Ok(Some(JoinRequest { message: None })) => continue,
                    Ok(None) | Err(_) => Occurrence::Gone,
                },
            };
            match occurrence {
                Occurrence::Said(message) => self.heard(*message).await?,
                Occurrence::Applied => {
                    self.order().await?;
                    // What is applied meanwhile is looked at together.
                    let pause = sleep(LOOK_GAP);
                    tokio::pin!(pause);
                    loop {
                        tokio::select! {
                            biased;
                            () = &mut pause => break,
                            message = requests.message() => match message {
                                Ok(Some(JoinRequest { message: Some(message) })) => self.heard(message).await?,
                                Ok(Some(JoinRequest { message: None })) => {}
                                Ok(None) | Err(_) => return self.gone().await,
                            },
                        }
                    }
                }
                Occurrence::Gone => return self.gone().await,
            }
        }
    }

    /// The agent has ended the stream. One that was dismissed is gone for good.
    async fn gone(self) -> Result<(), Status> {
        if self.is_dismissed {
            // If it isn't heard, the agent's lease runs out.
            let _ = self.leader.propose(Action::ForgetAgent(self.name.clone()), Repeat::Idempotent).await;
        }
        Ok(())
    }

    pub(super) async fn say(&mut self, message: Say) -> Result<(), Status> {
        tokio::select! {
            biased;
            _ = self.reign.changed() => Err(not_leading()),
            said = say(&self.answers, message) => said,
        }
    }

    /// Says what is new in the orders, and which windows are safe.
    async fn order(&mut self) -> Result<(), Status> {
        let (brief, orders, committed) = self.leader.node().read(|state| {
            let brief = state.brief(&self.name);
            let is_new = self.ordered.as_ref() != Some(&brief);
            let orders = is_new.then(|| state.orders(&self.name));
            let committed = brief.parts().filter_map(|(run, assignment)| {
                let included = state.run(run)?.assignments().get(assignment)?.included;
                Some(((run.clone(), assignment.clone()), included))
            });
            let committed: BTreeMap<_, _> = committed.collect();
            (brief, orders, committed)
        });
        let before = std::mem::take(&mut self.committed);
        if let Some(orders) = orders {
            for order in &orders.parts {
                self.give(&order.run, &order.assignment, &order.task).await?;
            }
            self.is_dismissed |= orders.leave;
            self.say(Say::Orders(to_agent::orders(orders))).await?;
        } else {
            for ((run, assignment), through) in &committed {
                if before.get(&(run.clone(), assignment.clone())).is_none_or(|known| known < through) {
                    let part = to_agent::part(run, assignment);
                    self.say(Say::Committed(proto::Committed { part, through: *through })).await?;
                }
            }
        }
        (self.ordered, self.committed) = (Some(brief), committed);
        Ok(())
    }

    /// Gives what a task needs, once.
    async fn give(&mut self, run: &RunId, assignment: &AssignmentId, task: &Task) -> Result<(), Status> {
        let (needs_setup, needs_summary) = (task.needs_setup_data(), *task == Task::Summarize);
        let key = (run.clone(), assignment.clone(), needs_summary);
        if !(needs_setup || needs_summary) || self.given.contains(&key) {
            return Ok(());
        }
        if needs_setup {
            let data = self.leader.node().read(|state| state.run(run)?.setup_data().map(<[u8]>::to_vec));
            let data = to_agent::setup_data(run, assignment, &data.unwrap_or_default());
            self.say(Say::SetupData(data)).await?;
        } else {
            let Some(json) = self.leader.summary_data(run) else { return Ok(()) };
            let part = to_agent::part(run, assignment);
            self.say(Say::SummaryData(proto::SummaryData { part, json })).await?;
        }
        self.given.insert(key);
        Ok(())
    }

    async fn heard(&mut self, message: Said) -> Result<(), Status> {
        let name = self.name.clone();
        let part = |part| from_agent::part(part, &name);
        match message {
            Said::Register(_) => Err(Status::invalid_argument("the agent is registered already")),
            Said::Heartbeat(heartbeat) => {
                self.leader.heard(&self.name, self.incarnation);
                match heartbeat.clock {
                    Some(reading) => self.say(Say::Clock(clock_answer(reading, &self.leader))).await,
                    None => Ok(()),
                }
            }
            Said::Window(mut window) => {
                let (run, assignment) = part(window.part.take())?;
                self.take(run, assignment, window).await
            }
            Said::Logs(logs) => {
                let (run, _) = part(logs.part.clone())?;
                let line = |record: proto::LogRecord| LogLine {
                    agent: self.name.to_string(),
                    level: record.level(),
                    message: record.message,
                    source: record.source,
                };
                self.leader.log(&run, logs.records.into_iter().map(line), logs.left_out);
                Ok(())
            }
            Said::Drain(_) => self.tell(Action::DrainAgent(self.name.clone())).await,
            Said::Ready(ready) => {
                let (run, assignment) = part(ready.part)?;
                self.leader.note_ready(&run, &assignment, from_agent::standing(ready.standing));
                let made = Action::AgentMade { run: run.clone(), assignment: assignment.clone() };
                self.tell(if ready.needs_init { made } else { Action::AgentReady { run, assignment } }).await
            }
            other => self.fact(other).await,
        }
    }

    /// What becomes a command, or several.
    async fn fact(&mut self, message: Said) -> Result<(), Status> {
        let name = self.name.clone();
        let part = |part| from_agent::part(part, &name);
        match message {
            Said::Failed(failed) => {
                let (run, assignment) = part(failed.part)?;
                let failure = from_agent::failure(failed.failure);
                self.tell(Action::AgentFailed { run, assignment, failure }).await
            }
            Said::SetupDone(done) => {
                let (run, assignment) = part(done.part)?;
                let result = from_agent::setup_done(done.result);
                self.tell(Action::SetupDone { run, assignment, result }).await
            }
            Said::Done(done) => {
                let (run, assignment) = part(done.part)?;
                self.mark(&run, done.marked_failed).await?;
                let last_window = done.last_window;
                self.tell(Action::AgentDone { run, assignment, last_window }).await
            }
            Said::TeardownDone(done) => {
                let (run, assignment) = part(done.part)?;
                self.mark(&run, done.marked_failed).await?;
                let (last_window, failure) = (done.last_window, done.failure);
                let failure = failure.map(|failure| from_agent::failure(Some(failure)));
                self.tell(Action::TeardownDone { run, assignment, last_window, failure }).await
            }
            Said::Summarized(summarized) => {
                let (run, assignment) = part(summarized.part)?;
                let result = from_agent::summarized(summarized.result);
                self.tell(Action::Summarized { run, assignment, result }).await
            }
            Said::Abort(abort) => {
                let (run, _) = part(abort.part)?;
                let reason = AbortReason::Script { message: abort.message };
                self.tell(Action::AbortRun { run, reason }).await
            }
            _ => Ok(()),
        }
    }

    async fn mark(&mut self, run: &RunId, message: Option<String>) -> Result<(), Status> {
        match message {
            Some(message) => self.tell(Action::MarkRunFailed { run: run.clone(), message }).await,
            None => Ok(()),
        }
    }

    /// Proposes what the agent says. What is refused is known already, or too late: the orders say what holds.
    async fn tell(&mut self, action: Action) -> Result<(), Status> {
        tokio::select! {
            biased;
            _ = self.reign.changed() => Err(not_leading()),
            told = self.leader.propose(action, Repeat::Idempotent) => Ok(told.map(drop)?),
        }
    }

    async fn take(&mut self, run: RunId, assignment: AssignmentId, window: proto::Window) -> Result<(), Status> {
        // Of a run that has ended, or one that isn't known here yet: the agent's orders say which.
        let Some(registry) = self.leader.registry(&run) else { return Ok(()) };
        let window = match from_agent::window(window, &registry) {
            Ok(window) => window,
            Err(why) => {
                let message = format!("its windows can't be read: {why}");
                let failure = Failure::new(FailureKind::Other, message);
                return self.tell(Action::AgentFailed { run, assignment, failure }).await;
            }
        };
        #[cfg(any(test, feature = "simulation"))]
        let window = self.spoil(&run, &assignment, window).await?;
        match self.leader.take(&run, &assignment, window) {
            Ok(()) | Err(NotTaken::Already { .. } | NotTaken::Unknown(_)) => Ok(()),
            Err(error @ NotTaken::OutOfTurn { .. }) => Err(Status::unavailable(error.to_string())),
        }
    }
}

async fn say(answers: &Answers, message: Say) -> Result<(), Status> {
    let response = JoinResponse { message: Some(message) };
    answers.send(Ok(response)).await.map_err(|_| Status::cancelled("the agent is gone"))
}
