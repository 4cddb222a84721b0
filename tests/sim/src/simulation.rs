//! One simulation: a safety phase in which things go wrong, then a healed group that has to come to its end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use throng_coordinator::{Bug, Timing};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use crate::clients::{Client, has_archive};
use crate::dice::Dice;
use crate::faults::{Faults, Plan};
use crate::group::{Group, Setting};
use crate::invariants::Invariants;
use crate::network::{Host, Weather, Wires};
use crate::trace::{Trace, Violation};

/// How long a healed group may take to agree on everything.
const HEALED_MAX: Duration = Duration::from_secs(60);
/// How often what nobody tells is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
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
pub(crate) const PLANTED: [(&str, Planted); 3] = [
    ("lying-disk", Planted::LyingDisk),
    ("forgotten-vote", Planted::Node(Bug::ForgottenVote)),
    ("stale-read", Planted::Node(Bug::StaleRead)),
];

/// What came of a simulation.
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: Trace,
    /// What happened, in numbers.
    pub(crate) figures: String,
}

/// Runs the simulation of a seed. The process should have done nothing else before.
pub(crate) fn run(seed: u64, planted: Option<Planted>) -> std::io::Result<Outcome> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let outcome = LocalSet::new().block_on(&runtime, simulate(seed, planted));
    // What is left of it is of no interest.
    runtime.shutdown_background();
    Ok(outcome)
}

async fn simulate(seed: u64, planted: Option<Planted>) -> Outcome {
    let mut dice = Dice::new(seed, "plan");
    let trace = Trace::new();
    let invariants = Invariants::new(trace.clone());
    let weather =
        Weather { latency_us: (100, dice.within(500..=12_000)), loss: dice.within(0..=4) * dice.below(4_000) };
    let plan = Plan {
        every_ms: (20, dice.within(300..=1_500)),
        lasts_ms: (100, dice.within(500..=4_000)),
        members_change: dice.per_mille(400),
    };
    let timing =
        Timing { snapshot_entries: dice.within(15..=120), kept_entries: dice.within(0..=20), ..Timing::default() };
    let (length, count) = (dice.ms(6_000..=14_000), if dice.per_mille(200) { 5 } else { 3 });
    trace.note("sim", &format!("seed {seed}: {count} nodes for {length:?}, {plan:?}, {weather:?}, {timing:?}"));
    let setting = Setting {
        seed,
        wires: Wires::new(Dice::new(seed, "network"), weather),
        trace: trace.clone(),
        invariants: invariants.clone(),
        timing,
        bug: if let Some(Planted::Node(bug)) = planted { Some(bug) } else { None },
    };
    let group = Group::new(setting, count);
    group.ids().into_iter().for_each(|id| group.start(id));
    let is_over = Rc::new(Cell::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::task::spawn_local(Client::new(group.clone(), number).run(Rc::clone(&is_over))))
        .collect();
    if planted == Some(Planted::LyingDisk) {
        group.have_disks_lie(Duration::from_secs(2));
    }
    let is_healed = Rc::new(Cell::new(false));
    let faults = Faults::new(group.clone(), plan, Rc::clone(&is_healed));
    let faults = tokio::task::spawn_local(faults.run());
    let until = Instant::now() + length;
    while Instant::now() < until && trace.violation().is_none() {
        sleep(LOOK_EVERY).await;
        group.compare_logs();
    }
    is_healed.set(true);
    if trace.violation().is_none() {
        let _ = faults.await;
        heal(&group).await;
        is_over.set(true);
        for client in clients {
            let _ = client.await;
        }
        agree(&group).await;
        archives_are_kept(&group).await;
    }
    let figures = invariants.ask(|all| {
        let (proposed, acknowledged) = all.acknowledged.count();
        format!(
            "{} s simulated, {} elections, {} entries, {acknowledged} of {proposed} proposals acknowledged",
            trace.now_ms() / 1_000,
            all.election_safety.count(),
            all.applied_state.count(),
        )
    });
    Outcome { violation: trace.violation(), trace, figures }
}

/// Nothing is wrong any more, and everybody is started.
async fn heal(group: &Group) {
    group.setting.trace.note("sim", "everything is healed");
    group.setting.wires.heal();
    // What was to be started or healed later has been by then.
    sleep(Duration::from_secs(5)).await;
    group.setting.wires.heal();
    group.ids().into_iter().for_each(|id| group.start(id));
}

/// The group has to have a leader that everyone follows, and the same entries on all nodes.
async fn agree(group: &Group) {
    let until = Instant::now() + HEALED_MAX;
    let trace = &group.setting.trace;
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
        let behind: Vec<u64> = members
            .iter()
            .copied()
            .filter(|id| group.node(*id).is_none_or(|node| *node.applied().borrow() != applied))
            .collect();
        if behind.is_empty() && leader.state().last_log_index.is_some_and(|last| last + 1 == applied) {
            trace.note("sim", &format!("all of {members:?} have applied {applied} entries"));
            let acknowledged = group.setting.invariants.ask(|all| all.acknowledged.so_far());
            for node in members.iter().filter_map(|id| group.node(*id)) {
                let check = |state: &_| {
                    group.setting.invariants.check(|all| all.acknowledged.seen(node.id(), &acknowledged, state));
                };
                node.read(check);
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
