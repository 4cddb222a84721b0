//! Tests of the state as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_plan::OnAgentLoss;
use throng_stats::{Aggregate, Registry, SourceId, TagSet, Trend, Window, WindowSeries, builtin};

use crate::{
    Accepted, Action, AgentInfo, AgentName, AssignmentId, Checkpoint, Command, Digest, Epoch, Incarnation,
    MergedWindows, Order, Refusal, Reply, Run, RunId, State, Submission, Task, Timestamp, Verdict, Wants, WindowSpan,
};

mod bounds;
mod life;
mod loss;
mod random;
mod simulated;
mod world;

pub(crate) const ARCHIVE: Digest = Digest([7; 32]);
/// The group's time in which tests begin.
pub(crate) const BEGIN: u64 = 1_000_000;

pub(crate) fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

pub(crate) fn run_id() -> RunId {
    RunId::new("run").unwrap()
}

pub(crate) fn info(name: &str, incarnation: u64) -> AgentInfo {
    AgentInfo {
        name: agent(name),
        incarnation: Incarnation(incarnation),
        addresses: vec!["127.0.0.1".to_owned()],
        capacity: 2,
        tags: BTreeMap::new(),
        version: "0.1.0".to_owned(),
    }
}

pub(crate) fn part(name: &str, epoch: u32) -> AssignmentId {
    AssignmentId { epoch: Epoch(epoch), agent: agent(name) }
}

pub(crate) fn submission(wants: Wants) -> Submission {
    Submission {
        run: run_id(),
        archive: ARCHIVE,
        client: "tester".to_owned(),
        options: b"{}".to_vec(),
        metrics: Vec::new(),
        wants,
    }
}

/// A window of so many iterations, each of which took as many milliseconds.
pub(crate) fn window(iterations: u64) -> Vec<u8> {
    let mut trend = Trend::new();
    (0..iterations).for_each(|_| trend.record(iterations as i64 * 1_000_000));
    let count = Aggregate::Counter { sum_millionths: i128::from(iterations) * 1_000_000, samples: iterations };
    let tags = TagSet::from_pairs([("scenario", if iterations.is_multiple_of(2) { "even" } else { "odd" })]);
    let series = vec![
        WindowSeries { metric: builtin::ITERATIONS, tags: tags.clone(), delta: count },
        WindowSeries { metric: builtin::ITERATION_DURATION, tags, delta: Aggregate::Trend(Box::new(trend)) },
    ];
    Window { source: SourceId(1), at: Duration::from_secs(iterations), series, overflows: Vec::new() }.encode()
}

/// The iterations in merged windows, counted once by the counter and once by the trend.
pub(crate) fn iterations(totals: &MergedWindows) -> (u64, u64) {
    let (mut counted, mut timed) = (0, 0);
    for series in totals.decode(&Registry::new()).unwrap().into_iter().flat_map(|window| window.series) {
        match series.delta {
            Aggregate::Counter { samples, .. } => counted += samples,
            Aggregate::Trend(trend) => timed += trend.count(),
            _ => {}
        }
    }
    (counted, timed)
}

pub(crate) fn bytes(state: &State) -> Vec<u8> {
    postcard::to_stdvec(state).unwrap()
}

pub(crate) fn restored(state: &State) -> State {
    postcard::from_bytes(&bytes(state)).unwrap()
}

/// A group with an archive, and a leader whose clock the test moves.
pub(crate) struct Group {
    pub(crate) state: State,
    pub(crate) now: u64,
    pub(crate) log: Vec<Command>,
}

impl Group {
    pub(crate) fn new(agents: &[&str]) -> Self {
        let mut group = Self { state: State::new(), now: BEGIN, log: Vec::new() };
        group.ok(Action::TakeOver { leader: 1 });
        group.ok(Action::AddManifest { digest: ARCHIVE, bytes: 10 });
        for name in agents {
            group.ok(Action::RegisterAgent(info(name, 1)));
        }
        group
    }

    /// One with a run whose agents are ready.
    pub(crate) fn with_ready_run(agents: &[&str], wants: Wants) -> Self {
        let mut group = Self::new(agents);
        group.ok(Action::SubmitRun(Box::new(submission(wants))));
        for name in agents {
            group.ok(Action::AgentReady { run: run_id(), assignment: part(name, 1) });
        }
        group
    }

    /// One with a run under way.
    pub(crate) fn with_load(agents: &[&str], on_agent_loss: OnAgentLoss) -> Self {
        let mut group = Self::with_ready_run(agents, Wants { on_agent_loss, ..Wants::default() });
        group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now + 50) });
        group
    }

    pub(crate) fn tell(&mut self, action: Action) -> Result<Accepted, Refusal> {
        let command = Command::new(Timestamp(self.now), action);
        self.log.push(command.clone());
        let tearing_down = |state: &State| state.run(&run_id()).is_some_and(|run| run.teardown().on().is_some());
        let was = tearing_down(&self.state);
        let told = self.state.apply(command).into_result();
        if !was && tearing_down(&self.state) {
            // One that comes back later may still have load: nobody could wait for it.
            let mut parts = self.run().assignments().values();
            assert!(parts.all(|one| !one.is_held() || one.is_complete()), "teardown comes last");
        }
        told
    }

    pub(crate) fn ok(&mut self, action: Action) -> Accepted {
        self.tell(action.clone()).unwrap_or_else(|refusal| panic!("{action:?}: {refusal}"))
    }

    pub(crate) fn refused(&mut self, action: Action) -> String {
        let before = self.state.clone();
        let refusal = self.tell(action).unwrap_err();
        assert_eq!(self.state, before);
        refusal.to_string()
    }

    /// Time passes, in which these agents renew their leases and others don't.
    pub(crate) fn pass(&mut self, ms: u64, alive: &[&str]) {
        self.now += ms;
        let leases = alive.iter().map(|name| (agent(name), Incarnation(1))).collect();
        self.ok(Action::RenewLeases(leases));
        self.ok(Action::ExpireLeases);
    }

    pub(crate) fn run(&self) -> &Run {
        self.state.run(&run_id()).unwrap()
    }

    pub(crate) fn orders(&self, name: &str) -> Vec<Order> {
        self.state.orders(&agent(name)).parts
    }

    pub(crate) fn task(&self, name: &str) -> Task {
        let orders = self.orders(name);
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.into_iter().next().unwrap().task
    }

    pub(crate) fn checkpoint(&mut self, parts: &[(AssignmentId, u64, u64)], iterations: u64) -> Reply {
        let windows = parts.iter().map(|(id, after, last)| {
            let span = WindowSpan { after: *after, last: *last, covered_ms: last * 1_000, begun: vec![*last] };
            (id.clone(), span)
        });
        let checkpoint = Checkpoint {
            run: run_id(),
            windows: windows.collect(),
            delta: MergedWindows::of_bytes(window(iterations)),
            elapsed_ms: 1_000,
            verdict: Verdict::Pass,
            failed_metric: None,
            notes: None,
        };
        self.tell(Action::Checkpoint(Box::new(checkpoint))).into()
    }

    pub(crate) fn done(&mut self, name: &str, epoch: u32, last_window: u64) {
        self.ok(Action::AgentDone { run: run_id(), assignment: part(name, epoch), last_window });
    }

    pub(crate) fn conclude(&mut self) {
        self.ok(Action::ConcludeRun { run: run_id(), verdict: Verdict::Pass, summary: b"summary".to_vec() });
    }
}
