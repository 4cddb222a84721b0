//! Commands of any kind in any order.

use proptest::prelude::*;
use throng_plan::AgentRule;

use super::*;
use crate::{AbortReason, Failure, FailureKind, Scale};

fn names() -> impl Strategy<Value = AgentName> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(agent)
}

fn runs() -> impl Strategy<Value = RunId> {
    prop::sample::select(vec!["r", "s"]).prop_map(|name| RunId::new(name).unwrap())
}

fn parts() -> impl Strategy<Value = AssignmentId> {
    (1..4_u32, names()).prop_map(|(epoch, agent)| AssignmentId { epoch: Epoch(epoch), agent })
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, Just(u64::MAX)]
}

fn failures() -> impl Strategy<Value = Failure> {
    Just(Failure::new(FailureKind::Other, "broken"))
}

fn results() -> impl Strategy<Value = Result<Vec<u8>, Failure>> {
    prop_oneof![Just(Ok(b"data".to_vec())), failures().prop_map(Err)]
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(Verdict::Pass), 2 => Just(Verdict::Fail), 1 => Just(Verdict::Abort)]
}

fn wants() -> impl Strategy<Value = Wants> {
    let rules = prop::sample::select(vec!["all", "1", "2@3,1", "zone=eu"]);
    let loss = prop::sample::select(OnAgentLoss::ALL.to_vec());
    let limits = prop::array::uniform3(prop::option::of(0..100_u64));
    (rules, loss, limits, any::<bool>()).prop_map(
        |(rules, on_agent_loss, [setup_ms, teardown_ms, summary_ms], paused)| {
            let agents = AgentRule::parse_all(rules).unwrap();
            Wants { agents, on_agent_loss, setup_ms, teardown_ms, summary_ms, paused, ..Wants::default() }
        },
    )
}

fn checkpoints() -> impl Strategy<Value = Action> {
    let span = (numbers(), numbers()).prop_map(|(after, last)| WindowSpan { after, last, ..WindowSpan::default() });
    let windows = prop::collection::btree_map(parts(), span, 0..3);
    let bytes = prop_oneof![(1..9_u64).prop_map(window), prop::collection::vec(any::<u8>(), 0..9)];
    let delta = prop_oneof![1 => Just(MergedWindows::default()), 2 => bytes.prop_map(MergedWindows::of_bytes)];
    (runs(), windows, delta, verdicts()).prop_map(|(run, windows, delta, verdict)| {
        let (failed_metric, notes) = (Some("m".to_owned()), Some(vec![1]));
        Action::Checkpoint(Box::new(Checkpoint { run, windows, delta, elapsed_ms: 5, verdict, failed_metric, notes }))
    })
}

fn of_group() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0..3_u64).prop_map(|leader| Action::TakeOver { leader }),
        ("[abc]", 1..3_u64).prop_map(|(name, incarnation)| Action::RegisterAgent(info(&name, incarnation))),
        prop::collection::vec((names(), (1..3_u64).prop_map(Incarnation)), 0..4).prop_map(Action::RenewLeases),
        Just(Action::ExpireLeases),
        names().prop_map(Action::DrainAgent),
        names().prop_map(Action::ForgetAgent),
        (6..9_u8).prop_map(|n| Action::AddManifest { digest: Digest([n; 32]), bytes: 1 }),
        (6..9_u8).prop_map(|n| Action::RemoveManifest(Digest([n; 32]))),
        (runs(), wants()).prop_map(|(run, wants)| Action::SubmitRun(Box::new(Submission { run, ..submission(wants) }))),
    ]
}

fn of_runs() -> impl Strategy<Value = Action> {
    let by = || "me".to_owned();
    prop_oneof![
        6 => (runs(), parts()).prop_map(|(run, assignment)| Action::AgentReady { run, assignment }),
        2 => (runs(), parts()).prop_map(|(run, assignment)| Action::AgentMade { run, assignment }),
        1 => (runs(), 0..3_u32, prop::option::of(numbers())).prop_map(|(run, scenario, vus)| {
            Action::ScaleScenario { run, scenario, scale: Scale { vus, max_vus: vus } }
        }),
        1 => (runs(), parts(), failures())
            .prop_map(|(run, assignment, failure)| Action::AgentFailed { run, assignment, failure }),
        2 => (runs(), parts(), results())
            .prop_map(|(run, assignment, result)| Action::SetupDone { run, assignment, result }),
        3 => (runs(), numbers()).prop_map(|(run, at)| Action::StartRun { run, at: Timestamp(at) }),
        1 => (runs(), parts(), numbers())
            .prop_map(|(run, assignment, from_ms)| Action::StartAssignment { run, assignment, from_ms }),
        4 => checkpoints(),
        4 => (runs(), parts(), numbers())
            .prop_map(|(run, assignment, last_window)| Action::AgentDone { run, assignment, last_window }),
        2 => (runs(), parts(), numbers(), prop::option::of(failures())).prop_map(
            |(run, assignment, last_window, failure)| Action::TeardownDone { run, assignment, last_window, failure }
        ),
        2 => (runs(), parts(), results())
            .prop_map(|(run, assignment, result)| Action::Summarized { run, assignment, result }),
        1 => runs().prop_map(move |run| Action::AbortRun { run, reason: AbortReason::Stopped { by: by() } }),
        1 => runs().prop_map(|run| Action::MarkRunFailed { run, message: "no".to_owned() }),
        1 => (runs(), any::<bool>()).prop_map(|(run, paused)| Action::PauseRun { run, paused }),
        2 => (runs(), verdicts())
            .prop_map(|(run, verdict)| Action::ConcludeRun { run, verdict, summary: b"s".to_vec() }),
    ]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let times = prop_oneof![9 => 0..10_000_u64, 1 => Just(u64::MAX - 5), 2 => 0..100_000_000_u64];
    let action = prop_oneof![2 => of_group(), 3 => of_runs()];
    let one = (times, action).prop_map(|(now, action)| Command::new(Timestamp(now), action));
    let begin = ["a", "b", "c"].map(|name| Action::RegisterAgent(info(name, 1)));
    let begin = begin.into_iter().chain([Action::AddManifest { digest: ARCHIVE, bytes: 1 }]);
    let begin: Vec<_> = begin.map(|action| Command::new(Timestamp(0), action)).collect();
    prop::collection::vec(one, 0..80).prop_map(move |rest| begin.iter().cloned().chain(rest).collect())
}

/// What must hold in every state.
fn check(before: &State, state: &State) {
    for run in state.runs() {
        let earlier = before.run(run.id()).filter(|earlier| earlier.number() == run.number());
        if let Some(earlier) = earlier {
            assert!(earlier.state() <= run.state() && earlier.epoch() <= run.epoch());
            assert!(
                earlier.setup_data().is_none() || run.state().has_ended() || earlier.setup_data() == run.setup_data()
            );
            assert!(earlier.reason().is_none() || earlier.reason() == run.reason());
            assert!(earlier.result().is_none() || earlier.result() == run.result());
            assert!(earlier.verdict() != Verdict::Abort || run.verdict() == Verdict::Abort);
        }
        assert_eq!(run.state().has_ended(), run.result().is_some());
        for name in ["a", "b", "c"].map(agent) {
            let held = run.of_agent(&name).filter(|(_, one)| one.is_held() && one.taken_over_by.is_none());
            let open = held.filter(|(_, one)| one.progress != crate::Progress::Done);
            assert!(open.count() <= crate::limits::AGENT_ASSIGNMENTS_MAX);
        }
    }
    for agent in state.agents() {
        let orders = state.orders(&agent.info.name);
        assert!(agent.is_alive() || orders.parts.is_empty());
        let runs: std::collections::BTreeSet<_> = orders.parts.iter().map(|order| &order.run).collect();
        assert!(agent.draining || runs.len() <= 2, "{runs:?}");
    }
    let _ = state.duties(Timestamp(0));
}

proptest! {
    #[test]
    fn every_command_in_every_state_has_a_defined_reply(commands in commands(), cut in 0..84_usize) {
        let mut state = State::new();
        let mut other = State::new();
        for (n, command) in commands.into_iter().enumerate() {
            if n == cut {
                other = restored(&other);
            }
            let before = state.clone();
            let reply = state.apply(command.clone());
            prop_assert_eq!(&reply, &other.apply(command));
            prop_assert!(before.clock().latest() <= state.clock().latest());
            if let Reply::Refused(refusal) = reply {
                prop_assert!(!refusal.to_string().is_empty());
                let mut at_that_time = before.clone();
                at_that_time.set_clock(*state.clock());
                prop_assert_eq!(&at_that_time, &state);
            }
            check(&before, &state);
        }
        prop_assert_eq!(&state, &other);
        prop_assert_eq!(bytes(&state), bytes(&other));
    }
}
