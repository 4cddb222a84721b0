//! What an agent is to do now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::command::Scale;
use crate::id::{AgentName, AssignmentId, Digest, RunId};
use crate::run::{Assignment, Progress, Run, RunState};
use crate::state::State;

/// What an agent is to do now. Saying it again changes nothing, so that a lost message is cured by the next one. What isn't
/// ordered any more is over: the agent lets go of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// One for each part that it has.
    pub parts: Vec<Order>,
    /// It isn't needed any more: it has been told to drain, and has no work.
    pub leave: bool,
}

/// What an agent is to do with one part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The run.
    pub run: RunId,
    /// Which part.
    pub assignment: AssignmentId,
    /// The test.
    pub archive: Digest,
    /// The segment, as the option `executionSegment` has it.
    pub segment: String,
    /// All segments, as the option `executionSegmentSequence` has them.
    pub sequence: String,
    /// The number of the part among all that the run has had, from 0: by it the sources of its windows are told apart.
    pub number: u32,
    /// When the run began, which is before setup; none before that.
    pub began: Option<Timestamp>,
    /// What is to be done.
    pub task: Task,
    /// The last window that is in a checkpoint: the agent needs to keep those that come later.
    pub included: u64,
    /// What clients have changed of the run.
    pub steering: Steering,
}

/// What clients have changed of a run: how its externally-controlled scenarios are to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steering {
    /// Whether the run is paused.
    pub paused: bool,
    /// VUs in the whole run of those whose VUs were changed, by the scenario's place in the plan.
    pub scales: BTreeMap<u32, Scale>,
}

/// How far an agent is to go with a part. Each includes all before it that has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Fetch the archive, compile it, make VUs, say that it is ready, and wait.
    Prepare,
    /// Call setup, once, and say what came of it.
    Setup,
    /// Make VUs ready for iterations, and say when they are.
    InitVus {
        /// Whether there is setup data, which [`crate::Run::setup_data`] has.
        setup_data: bool,
    },
    /// Start.
    Run {
        /// When the run starts or started, in the group's time.
        start: Timestamp,
        /// How far into the run the agent's part begins.
        from_ms: u64,
        /// Iterations of each scenario that were started before that.
        begun_before: Vec<u64>,
        /// Whether there is setup data, which [`crate::Run::setup_data`] has.
        setup_data: bool,
    },
    /// Stop: cut iterations, give the last windows, say that it is done.
    Stop {
        /// Why, for people.
        reason: String,
    },
    /// Keep what there is until the run has ended; windows that aren't in a checkpoint are given again.
    Hold,
    /// Call teardown, once, and say what came of it.
    Teardown {
        /// Whether it is to be cut.
        cut: bool,
    },
    /// Call the script's own summary, once, and say what came of it.
    Summarize,
}

/// What of an agent's orders may change while it has them, but for the numbers of windows. As long as it is equal so are the
/// orders, and it is far cheaper.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brief {
    parts: Vec<PartBrief>,
    leave: bool,
}

/// That of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartBrief {
    run: RunId,
    assignment: AssignmentId,
    began: Option<Timestamp>,
    task: Task,
    steering: Steering,
}

impl Brief {
    /// The agent's parts.
    pub fn parts(&self) -> impl Iterator<Item = (&RunId, &AssignmentId)> {
        self.parts.iter().map(|part| (&part.run, &part.assignment))
    }
}

impl Task {
    /// Whether the agent needs what setup returned, which [`crate::Run::setup_data`] has.
    pub fn needs_setup_data(&self) -> bool {
        matches!(self, Self::InitVus { setup_data: true } | Self::Run { setup_data: true, .. })
    }
}

impl State {
    /// What of an agent's orders may change.
    pub fn brief(&self, agent: &AgentName) -> Brief {
        let parts = self.parts_of(agent).map(|(run, assignment, own)| PartBrief {
            run: run.id().clone(),
            began: run.began(),
            task: task(run, &assignment, own),
            steering: steering(run),
            assignment,
        });
        let parts: Vec<_> = parts.collect();
        Brief { leave: self.is_to_leave(agent, parts.is_empty()), parts }
    }

    fn is_to_leave(&self, agent: &AgentName, is_free: bool) -> bool {
        is_free && self.agent(agent).is_some_and(|known| known.is_alive() && known.draining)
    }

    /// The parts that an agent has of runs that haven't ended; none if it isn't alive.
    fn parts_of<'a>(
        &'a self,
        agent: &'a AgentName,
    ) -> impl Iterator<Item = (&'a Run, AssignmentId, &'a Assignment)> + 'a {
        let known = self.agent(agent).filter(|known| known.is_alive());
        known.into_iter().flat_map(move |known| {
            let live = self.runs().filter(|run| !run.state().has_ended());
            live.flat_map(move |run| {
                let own = run.of_agent(agent);
                let held = own.filter(|(_, one)| one.is_held() && one.incarnation == known.info.incarnation);
                held.map(move |(id, assignment)| (run, id, assignment))
            })
        })
    }

    /// What an agent is to do now. Nothing if it isn't known or alive.
    pub fn orders(&self, agent: &AgentName) -> Orders {
        let parts: Vec<_> = self.parts_of(agent).map(|(run, id, assignment)| order(run, id, assignment)).collect();
        Orders { leave: self.is_to_leave(agent, parts.is_empty()), parts }
    }
}

fn steering(run: &Run) -> Steering {
    Steering { paused: run.is_paused(), scales: run.scales().clone() }
}

fn order(run: &Run, id: AssignmentId, assignment: &Assignment) -> Order {
    let (segment, sequence) = run.segment(assignment.part);
    Order {
        run: run.id().clone(),
        task: task(run, &id, assignment),
        archive: run.archive(),
        segment,
        sequence,
        number: run.number_of(&id).unwrap_or_default(),
        began: run.began(),
        assignment: id,
        included: assignment.included,
        steering: steering(run),
    }
}

fn task(run: &Run, id: &AssignmentId, assignment: &Assignment) -> Task {
    if assignment.progress == Progress::Done {
        return if run.teardown().on() == Some(id) {
            Task::Teardown { cut: run.teardown().is_cut() }
        } else if run.summarize().on() == Some(id) {
            Task::Summarize
        } else {
            Task::Hold
        };
    }
    if let Some(heir) = &assignment.taken_over_by {
        return Task::Stop { reason: format!("the agent was lost, and {} took over", heir.agent) };
    }
    if let Some(reason) = run.reason() {
        return Task::Stop { reason: reason.to_string() };
    }
    match (run.state(), assignment.progress, run.start()) {
        (RunState::Draining | RunState::Teardown, ..) => Task::Stop { reason: "the run is over".to_owned() },
        (_, Progress::Running, Some(start)) => Task::Run {
            start,
            from_ms: assignment.from_ms,
            begun_before: assignment.begun_before.clone(),
            setup_data: run.setup_data().is_some(),
        },
        (_, Progress::Made, _) if run.may_init_vus() => Task::InitVus { setup_data: run.setup_data().is_some() },
        _ if run.setup().on() == Some(id) => Task::Setup,
        _ => Task::Prepare,
    }
}
