//! A run that loses agents.

use super::*;
use crate::{AbortReason, CallState, Duty, RunState};

const LEASE: u64 = crate::limits::LEASE_MS;

#[test]
fn fail_stops_the_run_and_names_the_agent() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Fail);
    assert!(group.checkpoint(&[(part("a", 1), 0, 2), (part("b", 1), 0, 2)], 6).is_accepted());
    group.pass(LEASE - 1, &["a"]);
    assert_eq!(group.run().state(), RunState::Running);
    assert_eq!(group.state.duties(Timestamp(group.now + 1))[0], Duty::ExpireLeases);
    group.pass(1, &["a"]);
    assert_eq!(group.run().state(), RunState::Draining);
    assert!(matches!(group.task("a"), Task::Stop { reason } if reason.contains("`b` was lost")));
    assert_eq!(group.orders("b"), []);
    group.done("a", 1, 2);
    group.conclude();
    let result = group.run().result().unwrap();
    assert!(matches!(&result.reason, Some(AbortReason::AgentLost { agent, .. }) if agent.as_str() == "b"));
    let loss = &result.completeness.losses[0];
    assert_eq!((&loss.assignment, loss.last_window, loss.covered_ms), (&part("b", 1), 2, 2_000));
    assert_eq!(group.run().state(), RunState::Failed);
}

#[test]
fn continue_goes_on_and_says_what_is_missing() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Continue);
    group.pass(LEASE, &["a"]);
    assert_eq!(group.run().state(), RunState::Running);
    group.done("a", 1, 0);
    group.conclude();
    assert_eq!(group.run().state(), RunState::Finished);
    assert_eq!(group.run().completeness().losses.len(), 1);
    assert!(!group.run().completeness().is_complete());
}

#[test]
fn an_agent_that_comes_back_goes_on_and_nothing_is_missing() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Continue);
    group.pass(LEASE, &["a"]);
    assert_eq!(group.orders("b"), []);
    group.ok(Action::RegisterAgent(info("b", 1)));
    assert!(matches!(group.task("b"), Task::Run { .. }));
    assert!(group.checkpoint(&[(part("b", 1), 0, 9)], 7).is_accepted());
    group.done("a", 1, 0);
    assert_eq!(group.run().state(), RunState::Running);
    group.done("b", 1, 9);
    group.conclude();
    assert!(group.run().completeness().is_complete());
}

#[test]
fn another_process_of_the_same_name_has_nothing_to_go_on_with() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Continue);
    let again = Action::RegisterAgent(info("b", 2));
    assert!(group.refused(again.clone()).contains("is alive already"));
    group.pass(LEASE - 1, &["a"]);
    group.now += 1;
    group.ok(again);
    assert_eq!(group.orders("b"), []);
    assert!(!group.run().assignments()[&part("b", 1)].is_held());
    // Nor when it is lost itself and comes back.
    group.pass(LEASE, &["a"]);
    group.ok(Action::RegisterAgent(info("b", 2)));
    assert!(!group.run().assignments()[&part("b", 1)].is_held());
    let renewed = group.ok(Action::RenewLeases(vec![(agent("b"), Incarnation(1)), (agent("x"), Incarnation(1))]));
    assert_eq!(renewed, Accepted::Renewed { unknown: vec![agent("b"), agent("x")] });
}

#[test]
fn when_nobody_is_left_the_run_ends() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Continue);
    group.pass(LEASE, &[]);
    assert_eq!(group.run().state(), RunState::Teardown);
    group.conclude();
    assert_eq!((group.run().state(), group.run().completeness().losses.len()), (RunState::Failed, 2));
}

#[test]
fn reassign_gives_the_part_to_an_agent_without_work() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Reassign);
    group.ok(Action::RegisterAgent(info("spare", 1)));
    assert!(group.checkpoint(&[(part("b", 1), 0, 2)], 6).is_accepted());
    group.pass(LEASE, &["a", "spare"]);
    let lost = group.run().assignments()[&part("b", 1)].clone();
    assert_eq!((lost.taken_over_by, group.run().epoch()), (Some(part("spare", 2)), Epoch(2)));
    let order = group.orders("spare").remove(0);
    assert_eq!((order.segment.as_str(), order.sequence.as_str(), order.task), ("1/2:1", "0,1/2,1", Task::Prepare));

    group.ok(Action::AgentReady { run: run_id(), assignment: part("spare", 2) });
    let duties = group.state.duties(Timestamp(group.now));
    assert_eq!(duties[0], Duty::StartAssignment(run_id(), part("spare", 2)));
    group.ok(Action::StartAssignment { run: run_id(), assignment: part("spare", 2), from_ms: 5_000 });
    let start = group.run().start().unwrap();
    let running = Task::Run { start, from_ms: 5_000, begun_before: vec![2], setup_data: false };
    assert_eq!(group.task("spare"), running);

    // The lost one is back: it is to stop, and what it did counts.
    group.ok(Action::RegisterAgent(info("b", 1)));
    assert!(matches!(group.task("b"), Task::Stop { reason } if reason.contains("spare took over")));
    assert!(group.checkpoint(&[(part("b", 1), 2, 4)], 5).is_accepted());
    group.done("b", 1, 4);
    group.done("a", 1, 0);
    group.done("spare", 2, 0);
    group.conclude();
    assert!(group.run().completeness().is_complete());
}

#[test]
fn reassign_gives_the_part_to_whoever_has_least_to_do() {
    let mut group = Group::with_load(&["a", "b", "c"], OnAgentLoss::Reassign);
    group.pass(LEASE, &["a", "b"]);
    assert_eq!(group.orders("a").iter().map(|order| order.segment.as_str()).collect::<Vec<_>>(), ["0:1/3", "2/3:1"]);
    assert_eq!(group.run().epoch(), Epoch(2));
    group.pass(LEASE, &["a"]);
    // Two parts are as many as an agent may have.
    assert!(
        matches!(group.run().reason(), Some(AbortReason::AgentLost { message, .. }) if message.contains("no other agent has room"))
    );

    let mut group = Group::with_load(&["a", "b", "c"], OnAgentLoss::Reassign);
    group.ok(Action::DrainAgent(agent("a")));
    group.pass(LEASE, &["a", "b"]);
    assert_eq!((group.orders("a").len(), group.orders("b").len()), (1, 2));
}

#[test]
fn a_part_that_was_never_begun_is_not_missing_once_taken_over() {
    let wants = Wants { on_agent_loss: OnAgentLoss::Reassign, ..Wants::default() };
    let mut group = Group::with_ready_run(&["a", "b"], wants);
    group.pass(LEASE, &["a"]);
    assert_eq!(group.state.duties(Timestamp(group.now)), []);
    group.ok(Action::AgentReady { run: run_id(), assignment: part("a", 2) });
    group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
    assert!(group.orders("a").iter().all(|order| matches!(order.task, Task::Run { from_ms: 0, .. })));
    group.done("a", 1, 0);
    group.done("a", 2, 0);
    group.conclude();
    assert!(group.run().completeness().is_complete());
}

#[test]
fn a_setup_whose_agent_is_lost_is_made_by_another_one_and_the_run_says_so() {
    let wants = Wants { setup_ms: Some(1), on_agent_loss: OnAgentLoss::Continue, ..Wants::default() };
    let mut group = Group::with_ready_run(&["a", "b"], wants);
    assert_eq!(group.task("a"), Task::Setup);
    group.pass(LEASE, &["b"]);
    assert_eq!(group.task("b"), Task::Setup);
    assert_eq!(group.run().setup().cut_short, [part("a", 1)]);
    // What comes first counts, be it from the one that was taken to be lost.
    group.ok(Action::RegisterAgent(info("a", 1)));
    let done = |name: &str| Action::SetupDone { run: run_id(), assignment: part(name, 1), result: Ok(name.into()) };
    group.ok(done("a"));
    assert_eq!(group.ok(done("b")), Accepted::Already);
    assert_eq!(group.run().setup_data(), Some(&b"a"[..]));
}

#[test]
fn a_teardown_whose_agent_is_lost_is_not_made_again() {
    let wants = Wants { teardown_ms: Some(1), on_agent_loss: OnAgentLoss::Continue, ..Wants::default() };
    let mut group = Group::with_ready_run(&["a", "b"], wants);
    group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
    group.done("a", 1, 0);
    group.done("b", 1, 0);
    assert_eq!(group.task("a"), Task::Teardown { cut: false });
    group.pass(LEASE, &["b"]);
    assert_eq!(group.task("b"), Task::Hold);
    assert_eq!((&group.run().teardown().state, group.run().teardown().cut_short.len()), (&CallState::Skipped, 1));
    group.conclude();
    assert_eq!(group.run().state(), RunState::Finished);
}

#[test]
fn last_windows_that_never_come_are_given_up() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Fail);
    group.done("a", 1, 5);
    group.done("b", 1, 0);
    assert_eq!(group.run().state(), RunState::Draining);
    for _ in 0..crate::limits::DRAIN_MS_MAX / 1_000 {
        assert_eq!(group.run().state(), RunState::Draining);
        group.pass(1_000, &["a", "b"]);
    }
    group.conclude();
    let result = group.run().result().unwrap();
    assert!(matches!(&result.reason, Some(AbortReason::AgentLost { message, .. }) if message.contains("last windows")));
    assert_eq!(result.completeness.losses.len(), 1);
}

#[test]
fn calls_without_an_answer_end() {
    let limit = Some(1_000);
    let wants = Wants { setup_ms: limit, teardown_ms: limit, summary_ms: limit, ..Wants::default() };
    let mut group = Group::with_ready_run(&["a"], wants.clone());
    let pass_call = |group: &mut Group| (0..31).for_each(|_| group.pass(1_000, &["a"]));
    pass_call(&mut group);
    assert!(matches!(group.run().reason(), Some(AbortReason::Setup(_))));

    let mut group = Group::with_ready_run(&["a"], Wants { setup_ms: None, ..wants });
    group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
    group.done("a", 1, 0);
    pass_call(&mut group);
    assert!(matches!(group.run().teardown().state, CallState::Failed(_)));
    pass_call(&mut group);
    assert!(matches!(group.run().summarize().state, CallState::Failed(_)));
    group.conclude();
    assert_eq!(group.run().state(), RunState::Failed);
}

#[test]
fn a_new_leader_gives_everyone_a_whole_lease() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Fail);
    group.now += 10 * LEASE;
    group.ok(Action::TakeOver { leader: 2 });
    group.ok(Action::ExpireLeases);
    assert_eq!((group.run().state(), group.state.leader()), (RunState::Running, Some(2)));
    // One whose clock is behind: leases go on to be renewed and to end.
    group.now -= 5 * LEASE;
    group.ok(Action::TakeOver { leader: 3 });
    group.pass(LEASE - 1, &["a"]);
    assert_eq!(group.run().state(), RunState::Running);
    group.pass(1, &["a"]);
    assert_eq!(group.run().state(), RunState::Draining);
}

#[test]
fn an_agent_that_drains_leaves_when_it_has_no_work() {
    let mut group = Group::with_load(&["a"], OnAgentLoss::Fail);
    assert!(group.refused(Action::DrainAgent(agent("x"))).contains("isn't registered"));
    group.ok(Action::DrainAgent(agent("a")));
    assert_eq!(group.ok(Action::DrainAgent(agent("a"))), Accepted::Already);
    assert!(!group.state.orders(&agent("a")).leave);
    group.done("a", 1, 0);
    group.conclude();
    assert!(group.state.orders(&agent("a")).leave);
    let next = Submission { run: RunId::new("next").unwrap(), ..submission(Wants::default()) };
    assert_eq!(group.ok(Action::SubmitRun(Box::new(next))), Accepted::Run { state: RunState::Submitted, again: false });
    group.ok(Action::ForgetAgent(agent("a")));
    assert_eq!(group.state.agents().count(), 0);
}
