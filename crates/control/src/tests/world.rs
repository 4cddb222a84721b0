//! A leader and agents that do what they are told, but for crashes, partitions and lost messages.

use throng_stats::WindowMerger;

use super::*;
use crate::{AbortReason, Duty, RunState};

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What an agent's process holds of one part.
#[derive(Default)]
struct Work {
    /// Windows of load that are still to be made.
    left: u64,
    is_running: bool,
    is_done: bool,
    set_up: bool,
    torn_down: bool,
    /// How many windows it has made, which are numbered from 1.
    made: u64,
}

struct Process {
    name: &'static str,
    incarnation: u64,
    is_up: bool,
    is_connected: bool,
    work: BTreeMap<AssignmentId, Work>,
}

pub(crate) struct World {
    pub(crate) group: Group,
    processes: Vec<Process>,
    dice: Dice,
    /// Everything that was ever measured: iterations of each window.
    measured: BTreeMap<AssignmentId, Vec<u64>>,
    setups: usize,
    teardowns: usize,
    /// A state in the middle, and how many commands led to it.
    snapshot: Option<(usize, Vec<u8>)>,
}

impl World {
    pub(crate) fn new(names: &[&'static str], wants: Wants, seed: u64) -> Self {
        let process = |name: &&'static str| Process {
            name,
            incarnation: 1,
            is_up: true,
            is_connected: true,
            work: BTreeMap::new(),
        };
        let mut group = Group::new(names);
        group.ok(Action::SubmitRun(Box::new(submission(wants))));
        Self {
            group,
            processes: names.iter().map(process).collect(),
            dice: Dice(seed),
            measured: BTreeMap::new(),
            setups: 0,
            teardowns: 0,
            snapshot: None,
        }
    }

    pub(crate) fn crash(&mut self, which: usize) {
        let process = &mut self.processes[which];
        process.is_up = false;
        process.work.clear();
    }

    pub(crate) fn restart(&mut self, which: usize) {
        let process = &mut self.processes[which];
        if !process.is_up {
            process.incarnation += 1;
            process.is_up = true;
        }
    }

    pub(crate) fn connect(&mut self, which: usize, is_connected: bool) {
        self.processes[which].is_connected = is_connected;
    }

    /// Another leader comes after a while, with a clock of its own.
    pub(crate) fn change_leader(&mut self) {
        self.group.now = (self.group.now + self.dice.below(20_000)).saturating_sub(10_000).max(1);
        self.group.ok(Action::TakeOver { leader: 2 });
    }

    pub(crate) fn abort(&mut self) {
        let reason = AbortReason::Stopped { by: "me".to_owned() };
        let _ = self.group.tell(Action::AbortRun { run: run_id(), reason });
    }

    pub(crate) fn take_snapshot(&mut self) {
        self.snapshot = Some((self.group.log.len(), bytes(&self.group.state)));
    }

    pub(crate) fn heal(&mut self) {
        for which in 0..self.processes.len() {
            self.restart(which);
            self.connect(which, true);
        }
    }

    /// A fifth of a second.
    pub(crate) fn round(&mut self) {
        self.group.now += 200;
        for which in 0..self.processes.len() {
            self.make_load(which);
            if self.processes[which].is_up && self.processes[which].is_connected {
                self.talk(which);
            }
        }
        for duty in self.group.state.duties(Timestamp(self.group.now)) {
            if self.dice.below(8) > 0 {
                self.do_duty(duty);
            }
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.group.run().state().has_ended()
    }

    /// What must hold at the end.
    pub(crate) fn check_end(&self) {
        let run = self.group.run();
        assert!(self.setups <= 1 + run.setup().cut_short.len(), "{} setups", self.setups);
        assert!(self.teardowns <= 1, "{} teardowns", self.teardowns);
        let mut replayed = State::new();
        let log = &self.group.log;
        log.iter().for_each(|command| drop(replayed.apply(command.clone())));
        assert_eq!(bytes(&replayed), bytes(&self.group.state));
        if let Some((count, snapshot)) = &self.snapshot {
            let mut restored: State = postcard::from_bytes(snapshot).unwrap();
            log[*count..].iter().for_each(|command| drop(restored.apply(command.clone())));
            assert_eq!(bytes(&restored), bytes(&self.group.state));
        }
    }

    fn make_load(&mut self, which: usize) {
        let process = &mut self.processes[which];
        for (id, work) in process.work.iter_mut().filter(|(_, work)| work.is_running) {
            if work.left == 0 {
                work.is_running = false;
                work.is_done = true;
            } else {
                work.left -= 1;
                measure(&mut self.measured, id, work, &mut self.dice);
            }
        }
    }

    /// An agent tells that it is there, hears its orders, and follows them.
    fn talk(&mut self, which: usize) {
        let Process { name, incarnation, .. } = self.processes[which];
        let known = self.group.state.agent(&agent(name));
        let is_known = known.is_some_and(|known| known.info.incarnation.0 == incarnation);
        let told = if is_known {
            self.group.tell(Action::RenewLeases(vec![(agent(name), Incarnation(incarnation))]))
        } else {
            self.group.tell(Action::RegisterAgent(info(name, incarnation)))
        };
        if told.is_err() {
            return;
        }
        let orders = self.group.orders(name);
        let ordered: Vec<_> = orders.iter().map(|order| order.assignment.clone()).collect();
        self.processes[which].work.retain(|id, _| ordered.contains(id));
        for order in orders {
            let fact = self.follow(which, order);
            if let Some(fact) = fact.filter(|_| self.dice.below(4) > 0) {
                let told = self.group.tell(fact.clone());
                assert!(told.is_ok(), "{fact:?}: {told:?}");
            }
        }
    }

    fn follow(&mut self, which: usize, order: Order) -> Option<Action> {
        let (run, id) = (run_id(), order.assignment);
        let left = 5 + self.dice.below(20);
        let work = self.processes[which].work.entry(id.clone()).or_insert(Work { left, ..Work::default() });
        match order.task {
            // Those with names before `c` have VUs to be made ready for iterations.
            Task::Prepare if id.agent.as_str() < "c" => return Some(Action::AgentMade { run, assignment: id }),
            Task::Prepare | Task::InitVus { .. } => return Some(Action::AgentReady { run, assignment: id }),
            Task::Setup => {
                if !std::mem::replace(&mut work.set_up, true) {
                    self.setups += 1;
                    measure(&mut self.measured, &id, work, &mut self.dice);
                }
                return Some(Action::SetupDone { run, assignment: id, result: Ok(b"data".to_vec()) });
            }
            Task::Run { .. } => work.is_running = !work.is_done,
            Task::Stop { .. } => (work.is_running, work.is_done) = (false, true),
            Task::Hold => return None,
            Task::Teardown { .. } => {
                if !std::mem::replace(&mut work.torn_down, true) {
                    self.teardowns += 1;
                    measure(&mut self.measured, &id, work, &mut self.dice);
                }
                let last_window = work.made;
                return Some(Action::TeardownDone { run, assignment: id, last_window, failure: None });
            }
            Task::Summarize => return Some(Action::Summarized { run, assignment: id, result: Ok(Vec::new()) }),
        }
        let work = &self.processes[which].work[&id];
        work.is_done.then_some(Action::AgentDone { run, assignment: id, last_window: work.made })
    }

    fn do_duty(&mut self, duty: Duty) {
        match duty {
            Duty::ExpireLeases => drop(self.group.ok(Action::ExpireLeases)),
            // Here and below: an agent may have been lost, or the run stopped, since the duties were looked up.
            Duty::StartRun(run) => {
                let is_due = self.group.state.duties(Timestamp(self.group.now)).contains(&Duty::StartRun(run.clone()));
                let told = self.group.tell(Action::StartRun { run, at: Timestamp(self.group.now + 50) });
                assert_eq!(told.is_ok(), is_due, "{told:?}");
            }
            Duty::StartAssignment(run, assignment) => {
                let _ = self.group.tell(Action::StartAssignment { run, assignment, from_ms: 1_000 });
            }
            Duty::Checkpoint(_) => self.take_windows(),
            Duty::ConcludeRun(run) => {
                self.check_sums();
                self.group.ok(Action::ConcludeRun { run, verdict: Verdict::Pass, summary: Vec::new() });
            }
        }
    }

    /// The leader takes some of the windows that agents keep, and sometimes some that it has taken before.
    fn take_windows(&mut self) {
        let mut windows = BTreeMap::new();
        let mut merger = WindowMerger::new(SourceId(0));
        let again = self.dice.below(10) == 0;
        for process in self.processes.iter().filter(|process| process.is_up && process.is_connected) {
            for (id, work) in &process.work {
                let Some(assignment) = self.group.run().assignments().get(id) else { continue };
                let after = assignment.included.saturating_sub(u64::from(again));
                let new = work.made.saturating_sub(after);
                let last = after + self.dice.below(new + 1);
                if last > after {
                    let own = &self.measured[id][after as usize..last as usize];
                    own.iter().for_each(|n| merger.add(Window::decode(&window(*n), &Registry::new()).unwrap()));
                    windows.insert(id.clone(), WindowSpan { after, last, covered_ms: last * 1_000, begun: vec![last] });
                }
            }
        }
        let is_new = windows.iter().all(|(id, span)| span.after == self.group.run().assignments()[id].included);
        let delta = if windows.is_empty() { MergedWindows::default() } else { MergedWindows::of(merger.take()) };
        let (elapsed_ms, verdict, failed_metric) = (self.group.now, Verdict::Pass, None);
        let (run, notes) = (run_id(), None);
        let checkpoint = Checkpoint { run, windows, delta, elapsed_ms, verdict, failed_metric, notes };
        let told = self.group.tell(Action::Checkpoint(Box::new(checkpoint)));
        assert_eq!(told.is_ok(), is_new, "{told:?}");
    }

    fn check_sums(&self) {
        let run = self.group.run();
        assert_eq!(run.state(), RunState::Teardown);
        let included = |(id, one): (&AssignmentId, &crate::Assignment)| {
            let own = self.measured.get(id).map_or(&[][..], Vec::as_slice);
            own.iter().take(one.included as usize).sum::<u64>()
        };
        let expected: u64 = run.assignments().iter().map(included).sum();
        assert_eq!(iterations(run.totals()), (expected, expected));
        if run.completeness().is_complete() {
            assert_eq!(expected, self.measured.values().flatten().sum::<u64>(), "what is missing is told");
        }
    }
}

fn measure(measured: &mut BTreeMap<AssignmentId, Vec<u64>>, id: &AssignmentId, work: &mut Work, dice: &mut Dice) {
    work.made += 1;
    let windows = measured.entry(id.clone()).or_default();
    windows.push(1 + dice.below(4));
    assert_eq!(windows.len() as u64, work.made);
}
