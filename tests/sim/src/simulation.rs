//! One simulation: a safety phase in which things go wrong, then a healed group that has to come to its end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use throng_coordinator::{Bug, Timing};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use crate::agents::Agents;
use crate::clients::{Client, has_archive};
use crate::dice::Dice;
use crate::faults::{Faults, Plan};
use crate::group::{Group, Setting};
use crate::invariants::Invariants;
use crate::network::{Host, Weather, Wires};
use crate::runs::submit;
use crate::trace::{Trace, Violation};

/// How long a healed group may take to agree on everything.
const HEALED_MAX: Duration = Duration::from_secs(60);
/// How long its runs may take to end.
const RUNS_MAX: Duration = Duration::from_secs(120);
/// When what had gone wrong has no consequences any more: leases have run out, and agents have come back.
const WELL_AFTER: Duration = Duration::from_secs(15);
/// How often what nobody tells is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// From when on disks lie that do: by then the group has formed.
const LIES_AFTER: Duration = Duration::from_secs(2);
const CLIENTS: u8 = 3;
/// The machine of whoever looks at the end.
const INSPECTOR: Host = 250;

/// What is planted, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    /// Disks say that they have synced, and haven't.
    LyingDisk,
    /// A node does something wrong.
    Node(Bug),
}

/// All that can be planted, by name.
pub(crate) const PLANTED: [(&str, Planted); 5] = [
    ("lying-disk", Planted::LyingDisk),
    ("forgotten-vote", Planted::Node(Bug::ForgottenVote)),
    ("stale-read", Planted::Node(Bug::StaleRead)),
    ("early-word", Planted::Node(Bug::EarlyWord)),
    ("own-numbers", Planted::Node(Bug::OwnNumbers)),
];

/// What came of a simulation.
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: Trace,
    /// What happened, in numbers.
    pub(crate) figures: String,
}

/// What a seed wants.
#[derive(Debug)]
struct Wanted {
    length: Duration,
    nodes: u64,
    agents: u8,
    weather: Weather,
    plan: Plan,
    timing: Timing,
}

impl Wanted {
    fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "plan");
        Self {
            length: dice.ms(6_000..=14_000),
            nodes: if dice.per_mille(200) { 5 } else { 3 },
            agents: u8::try_from(dice.within(2..=4)).unwrap_or(2),
            weather: Weather {
                latency_us: (100, dice.within(500..=12_000)),
                loss: dice.within(0..=4) * dice.below(4_000),
            },
            plan: Plan {
                every_ms: (20, dice.within(300..=1_500)),
                lasts_ms: (100, dice.within(500..=4_000)),
                members_change: dice.per_mille(400),
            },
            timing: Timing {
                snapshot_entries: dice.within(15..=120),
                kept_entries: dice.within(0..=20),
                ..Timing::default()
            },
        }
    }
}

/// Runs the simulation of a seed. The thread should have done nothing else before.
pub(crate) fn run(seed: u64, planted: Option<Planted>) -> std::io::Result<Outcome> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let outcome = LocalSet::new().block_on(&runtime, simulate(seed, planted));
    // What is left of it is of no interest.
    runtime.shutdown_background();
    Ok(outcome)
}

async fn simulate(seed: u64, planted: Option<Planted>) -> Outcome {
    let trace = Trace::new();
    let invariants = Invariants::new(trace.clone());
    let wanted = Wanted::draw(seed);
    trace.note("sim", &format!("seed {seed}: {wanted:?}"));
    let setting = Setting {
        seed,
        wires: Wires::new(Dice::new(seed, "network"), wanted.weather.clone()),
        trace: trace.clone(),
        invariants: invariants.clone(),
        timing: wanted.timing.clone(),
        bug: if let Some(Planted::Node(bug)) = planted { Some(bug) } else { None },
    };
    let group = Group::new(setting, wanted.nodes);
    group.ids().into_iter().for_each(|id| group.start(id));
    if planted == Some(Planted::LyingDisk) {
        group.have_disks_lie(LIES_AFTER);
    }
    let agents = Agents::new(Rc::clone(&group.setting), wanted.agents, &group.ids());
    agents.numbers().into_iter().for_each(|number| agents.start(number));
    let is_over = Rc::new(Cell::new(false));
    let clients = (0..CLIENTS).map(|number| Client::new(group.clone(), number).run(Rc::clone(&is_over)));
    let clients: Vec<_> = clients.map(tokio::task::spawn_local).collect();
    tokio::task::spawn_local(submit(group.clone(), wanted.agents, Rc::clone(&is_over)));

    go_wrong(&group, &agents, &wanted).await;
    if trace.violation().is_none() {
        heal(&group, &agents).await;
        is_over.set(true);
        for client in clients {
            let _ = client.await;
        }
        runs_end(&group).await;
        agree(&group).await;
        archives_are_kept(&group).await;
    }
    Outcome { violation: trace.violation(), figures: figures(&trace, &invariants), trace }
}

/// The safety phase.
async fn go_wrong(group: &Group, agents: &Agents, wanted: &Wanted) {
    let is_healed = Rc::new(Cell::new(false));
    let faults = Faults::new(group.clone(), agents.clone(), wanted.plan.clone(), Rc::clone(&is_healed));
    let faults = tokio::task::spawn_local(faults.run());
    let until = Instant::now() + wanted.length;
    while Instant::now() < until && group.setting.trace.violation().is_none() {
        sleep(LOOK_EVERY).await;
        group.compare_logs();
    }
    is_healed.set(true);
    let _ = faults.await;
}

/// Nothing is wrong any more, and everybody is started.
async fn heal(group: &Group, agents: &Agents) {
    group.setting.trace.note("sim", "everything is healed");
    group.setting.wires.heal();
    // What was to be started or healed later has been by then.
    sleep(Duration::from_secs(5)).await;
    group.setting.wires.heal();
    group.ids().into_iter().for_each(|id| group.start(id));
    agents.numbers().into_iter().for_each(|number| agents.start(number));
}

/// All runs have to come to their end.
async fn runs_end(group: &Group) {
    let (until, well) = (Instant::now() + RUNS_MAX, Instant::now() + WELL_AFTER);
    let is_under_way = |group: &Group| {
        let has_live =
            |leader: throng_coordinator::Node| leader.read(|state| state.runs().any(|run| !run.state().has_ended()));
        group.leader().is_none_or(has_live)
    };
    while is_under_way(group) && Instant::now() < until && group.setting.trace.violation().is_none() {
        sleep(LOOK_EVERY).await;
        group.compare_logs();
        if Instant::now() > well {
            group.setting.invariants.ask(|all| all.runs.all_is_well());
        }
    }
    if let Some(leader) = group.leader() {
        group.setting.invariants.check(|all| leader.read(|state| all.runs.at_end(state)));
    }
}

/// The group has to have a leader that everyone follows, and the same entries on all nodes.
async fn agree(group: &Group) {
    let until = Instant::now() + HEALED_MAX;
    let Setting { trace, invariants, .. } = &*group.setting;
    while trace.violation().is_none() {
        sleep(LOOK_EVERY).await;
        group.compare_logs();
        let Some(leader) = group.leader() else {
            if Instant::now() > until {
                trace.violate("a healed group has a leader", "nobody leads".to_owned());
            }
            continue;
        };
        let members: Vec<u64> = leader.state().members.iter().map(|member| member.id).collect();
        let applied = *leader.applied().borrow();
        let is_behind = |id: &u64| group.node(*id).is_none_or(|node| *node.applied().borrow() != applied);
        let behind: Vec<u64> = members.iter().copied().filter(is_behind).collect();
        if behind.is_empty() && leader.state().last_log_index.is_some_and(|last| last + 1 == applied) {
            trace.note("sim", &format!("all of {members:?} have applied {applied} entries"));
            let acknowledged = invariants.ask(|all| all.acknowledged.so_far());
            for node in members.iter().filter_map(|id| group.node(*id)) {
                invariants.check(|all| node.read(|state| all.acknowledged.seen(node.id(), &acknowledged, state)));
            }
            return;
        }
        if Instant::now() > until {
            let text = format!("{behind:?} of {members:?} are behind {applied} entries of node {}", leader.id());
            trace.violate("a healed group agrees", text);
        }
    }
}

/// All members have to have all archives that were acknowledged.
async fn archives_are_kept(group: &Group) {
    let until = Instant::now() + HEALED_MAX;
    let Setting { trace, invariants, wires, .. } = &*group.setting;
    let socket = wires.start(INSPECTOR);
    let Some(leader) = group.leader() else { return };
    let acknowledged = invariants.ask(|all| all.acknowledged.so_far());
    for node in leader.state().members.iter().map(|member| member.id) {
        for digest in &acknowledged {
            while trace.violation().is_none() && !has_archive(&socket, node, *digest).await {
                if Instant::now() > until {
                    trace.violate("archives are kept", format!("node {node} has no archive {digest}"));
                }
                sleep(LOOK_EVERY).await;
            }
        }
    }
    trace.note("sim", &format!("all have {} archives", acknowledged.len()));
}

fn figures(trace: &Trace, invariants: &Invariants) -> String {
    invariants.ask(|all| {
        let (proposed, acknowledged) = all.acknowledged.count();
        let (submitted, ended, windows) = all.runs.count();
        format!(
            "{} s simulated, {} elections, {} entries, {acknowledged} of {proposed} archives acknowledged, {submitted} runs \
             acknowledged, {ended} ended, {windows} windows",
            trace.now_ms() / 1_000,
            all.election_safety.count(),
            all.applied_state.count(),
        )
    })
}
