//! Runs with crashes, partitions and other leaders: each ends, and counts exactly what it says.

use proptest::prelude::*;

use super::world::World;
use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Rounds in which a run must have ended once everyone lives: the longest limits of its steps, one after another.
const ROUNDS_MAX: usize = 1_500;

#[derive(Debug, Clone)]
enum Step {
    Rounds(usize),
    Crash(usize),
    Restart(usize),
    Cut(usize),
    Connect(usize),
    ChangeLeader,
    Abort,
    Snapshot,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0..NAMES.len();
    let step = prop_oneof![
        10 => (1..25_usize).prop_map(Step::Rounds),
        2 => which.clone().prop_map(Step::Crash),
        2 => which.clone().prop_map(Step::Restart),
        2 => which.clone().prop_map(Step::Cut),
        2 => which.prop_map(Step::Connect),
        1 => Just(Step::ChangeLeader),
        1 => Just(Step::Abort),
        2 => Just(Step::Snapshot),
    ];
    prop::collection::vec(step, 0..24)
}

fn wants() -> impl Strategy<Value = Wants> {
    let loss = prop::sample::select(OnAgentLoss::ALL.to_vec());
    (loss, prop::array::uniform3(prop::option::of(Just(1_000)))).prop_map(
        |(on_agent_loss, [setup_ms, teardown_ms, summary_ms])| Wants {
            agents: throng_plan::AgentRule::parse_all("3").unwrap(),
            agents_wait_ms: Some(20_000),
            on_agent_loss,
            setup_ms,
            teardown_ms,
            summary_ms,
            ..Wants::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_run_ends_and_counts_each_window_once(steps in steps(), wants in wants(), seed in any::<u64>()) {
        let mut world = World::new(&NAMES, wants, seed);
        for step in steps {
            match step {
                Step::Rounds(count) => (0..count).for_each(|_| world.round()),
                Step::Crash(which) => world.crash(which),
                Step::Restart(which) => world.restart(which),
                Step::Cut(which) => world.connect(which, false),
                Step::Connect(which) => world.connect(which, true),
                Step::ChangeLeader => world.change_leader(),
                Step::Abort => world.abort(),
                Step::Snapshot => world.take_snapshot(),
            }
        }
        world.heal();
        let rounds = (0..ROUNDS_MAX).find(|_| {
            world.round();
            world.has_ended()
        });
        prop_assert!(rounds.is_some(), "{:#?}", world.group.run());
        world.check_end();
    }
}
