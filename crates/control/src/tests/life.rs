//! A run whose agents all live.

use throng_plan::AgentRule;

use super::*;
use crate::{AbortReason, CallState, Duty, Failure, FailureKind, RunState};

fn everything() -> Wants {
    Wants { setup_ms: Some(1_000), teardown_ms: Some(1_000), summary_ms: Some(1_000), ..Wants::default() }
}

fn setup_done(name: &str, result: Result<Vec<u8>, Failure>) -> Action {
    Action::SetupDone { run: run_id(), assignment: part(name, 1), result }
}

fn failure(message: &str) -> Failure {
    Failure::new(FailureKind::Script, message)
}

#[test]
fn a_run_goes_through_all_its_states() {
    let mut group = Group::new(&["a", "b"]);
    group.ok(Action::SubmitRun(Box::new(submission(everything()))));
    assert_eq!(group.run().state(), RunState::Preparing);
    let (a, b) = (group.orders("a"), group.orders("b"));
    assert_eq!((a[0].segment.as_str(), a[0].sequence.as_str(), &a[0].task), ("0:1/2", "0,1/2,1", &Task::Prepare));
    assert_eq!((b[0].segment.as_str(), b[0].sequence.as_str(), &b[0].task), ("1/2:1", "0,1/2,1", &Task::Prepare));

    group.ok(Action::AgentReady { run: run_id(), assignment: part("b", 1) });
    assert_eq!(group.run().state(), RunState::Preparing);
    group.ok(Action::AgentReady { run: run_id(), assignment: part("a", 1) });
    assert_eq!(group.run().state(), RunState::Setup);
    assert_eq!((group.task("a"), group.task("b")), (Task::Setup, Task::Prepare));
    assert!(group.refused(setup_done("b", Ok(b"2".to_vec()))).contains("can't be set up by this agent"));

    group.ok(setup_done("a", Ok(b"1".to_vec())));
    assert_eq!(group.ok(setup_done("a", Ok(b"2".to_vec()))), Accepted::Already);
    assert_eq!(group.run().setup_data(), Some(&b"1"[..]));
    let duties = group.state.duties(Timestamp(group.now));
    assert_eq!(duties, [Duty::StartRun(run_id()), Duty::Checkpoint(run_id())]);

    let start = Timestamp(group.now + 50);
    group.ok(Action::StartRun { run: run_id(), at: start });
    assert_eq!(group.ok(Action::StartRun { run: run_id(), at: Timestamp(1) }), Accepted::Already);
    let running = Task::Run { start, from_ms: 0, begun_before: Vec::new(), setup_data: true };
    assert_eq!((group.task("a"), group.task("b")), (running.clone(), running));

    assert!(group.checkpoint(&[(part("a", 1), 0, 2), (part("b", 1), 0, 1)], 5).is_accepted());
    group.done("a", 1, 2);
    assert_eq!((group.run().state(), group.task("a")), (RunState::Running, Task::Hold));
    group.done("b", 1, 3);
    assert_eq!(group.run().state(), RunState::Draining);
    assert!(group.checkpoint(&[(part("b", 1), 1, 3)], 4).is_accepted());

    assert_eq!(
        (group.run().state(), group.task("a"), group.task("b")),
        (RunState::Teardown, Task::Teardown { cut: false }, Task::Hold)
    );
    let teardown = Action::TeardownDone { run: run_id(), assignment: part("a", 1), last_window: 3, failure: None };
    group.ok(teardown.clone());
    assert_eq!(group.ok(teardown), Accepted::Already);
    assert_eq!(group.task("a"), Task::Hold, "teardown's own window isn't there yet");
    assert!(group.checkpoint(&[(part("a", 1), 2, 3)], 1).is_accepted());
    assert_eq!(group.task("a"), Task::Summarize);
    group.ok(Action::Summarized { run: run_id(), assignment: part("a", 1), result: Ok(b"own".to_vec()) });
    assert_eq!(group.run().own_summary(), Some(&b"own"[..]));
    assert_eq!(iterations(group.run().totals()), (10, 10));
    assert!(group.state.duties(Timestamp(group.now)).contains(&Duty::ConcludeRun(run_id())));
    group.conclude();

    assert_eq!(group.run().state(), RunState::Finished);
    let result = group.run().result().unwrap();
    assert!(result.completeness.is_complete() && result.reason.is_none());
    assert_eq!((result.completeness.assignments, result.summary.as_slice()), (2, &b"summary"[..]));
    assert_eq!(group.orders("a"), []);
    assert_eq!(group.state.duties(Timestamp(group.now)), []);
}

#[test]
fn a_run_without_calls_needs_none() {
    let mut group = Group::with_load(&["a"], OnAgentLoss::Fail);
    group.done("a", 1, 0);
    assert_eq!(group.state.duties(Timestamp(group.now)), [Duty::Checkpoint(run_id()), Duty::ConcludeRun(run_id())]);
    group.conclude();
    assert_eq!((group.run().state(), &group.run().setup().state), (RunState::Finished, &CallState::Skipped));
}

#[test]
fn a_teardown_under_way_is_cut_and_the_reason_is_that_of_the_run() {
    let wants = Wants { teardown_ms: Some(1_000), summary_ms: Some(1_000), ..Wants::default() };
    let mut group = Group::with_ready_run(&["a"], wants);
    group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
    group.done("a", 1, 0);
    assert_eq!(group.task("a"), Task::Teardown { cut: false });
    let stop = || Action::AbortRun { run: run_id(), reason: AbortReason::Interrupted { by: "me".to_owned() } };
    assert_eq!(group.ok(stop()), Accepted::Done);
    assert_eq!((group.task("a"), group.ok(stop())), (Task::Teardown { cut: true }, Accepted::Already));
    let failure = Some(failure("it was aborted"));
    group.ok(Action::TeardownDone { run: run_id(), assignment: part("a", 1), last_window: 0, failure });
    assert_eq!(group.task("a"), Task::Summarize);
    assert!(group.refused(stop()).contains("can't be stopped"), "there is nothing left to cut");
    group.ok(Action::Summarized { run: run_id(), assignment: part("a", 1), result: Ok(Vec::new()) });
    group.conclude();
    assert!(matches!(group.run().reason(), Some(AbortReason::Interrupted { .. })));
    assert_eq!((group.run().state(), group.run().completeness().losses.len()), (RunState::Aborted, 0));
}

#[test]
fn a_reason_to_end_before_teardown_does_not_cut_it() {
    let mut group = Group::with_ready_run(&["a"], Wants { teardown_ms: Some(1_000), ..Wants::default() });
    group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
    group.ok(Action::AbortRun { run: run_id(), reason: AbortReason::Stopped { by: "me".to_owned() } });
    group.done("a", 1, 0);
    assert_eq!(group.task("a"), Task::Teardown { cut: false });
}

#[test]
fn the_start_waits_for_vus_that_have_to_be_made_ready_for_iterations() {
    let made = |name| Action::AgentMade { run: run_id(), assignment: part(name, 1) };
    let ready = |name| Action::AgentReady { run: run_id(), assignment: part(name, 1) };
    for setup in [true, false] {
        let wants = Wants { setup_ms: setup.then_some(1_000), ..Wants::default() };
        let mut group = Group::new(&["a", "b"]);
        group.ok(Action::SubmitRun(Box::new(submission(wants))));
        group.ok(made("a"));
        // One whose agent makes nothing ready beforehand.
        group.ok(ready("b"));
        assert_eq!(group.run().state(), RunState::Setup);
        if setup {
            assert_eq!((group.task("a"), group.task("b")), (Task::Setup, Task::Prepare));
            group.ok(setup_done("a", Ok(b"1".to_vec())));
        }
        assert!(group.run().began().is_some(), "its time counts");
        assert_eq!((group.task("a"), group.task("b")), (Task::InitVus { setup_data: setup }, Task::Prepare));
        assert!(!group.state.duties(Timestamp(group.now)).contains(&Duty::StartRun(run_id())));
        assert_eq!(group.ok(made("a")), Accepted::Already);
        group.ok(ready("a"));
        assert!(group.state.duties(Timestamp(group.now)).contains(&Duty::StartRun(run_id())));
        group.pass(crate::limits::PREPARE_MS_MAX + 1, &["a", "b"]);
        assert_eq!(group.run().reason(), None);
    }
}

#[test]
fn vus_that_never_get_ready_end_the_run() {
    let mut group = Group::new(&["a"]);
    group.ok(Action::SubmitRun(Box::new(submission(Wants { paused: true, ..Wants::default() }))));
    group.ok(Action::AgentMade { run: run_id(), assignment: part("a", 1) });
    let pass = |group: &mut Group| {
        (0..crate::limits::PREPARE_MS_MAX / 1_000 + 1).for_each(|_| group.pass(1_000, &["a"]));
    };
    pass(&mut group);
    assert_eq!((group.run().state(), group.task("a")), (RunState::Ready, Task::Prepare), "it may wait for long");
    group.ok(Action::PauseRun { run: run_id(), paused: false });
    assert_eq!(group.task("a"), Task::InitVus { setup_data: false });
    pass(&mut group);
    assert!(matches!(group.run().reason(), Some(AbortReason::Overdue { .. })), "{:?}", group.run().reason());
}

#[test]
fn scales_are_kept_until_the_run_has_ended() {
    let mut group = Group::with_load(&["a"], OnAgentLoss::Fail);
    let scale = crate::Scale { vus: Some(3), max_vus: None };
    group.ok(Action::ScaleScenario { run: run_id(), scenario: 2, scale });
    assert_eq!(restored(&group.state).run(&run_id()).unwrap().scales().get(&2), Some(&scale));
    group.done("a", 1, 0);
    assert!(group.refused(Action::ScaleScenario { run: run_id(), scenario: 2, scale }).contains("can't be scaled"));
    group.conclude();
    assert_eq!(group.run().scales().len(), 0);
}

#[test]
fn the_same_submission_is_one_run() {
    let mut group = Group::new(&["a"]);
    let again = |state, again| Accepted::Run { state, again };
    let submit = Action::SubmitRun(Box::new(submission(everything())));
    assert_eq!(group.ok(submit.clone()), again(RunState::Preparing, false));
    assert_eq!(group.ok(submit), again(RunState::Preparing, true));
    let other = Digest([8; 32]);
    group.ok(Action::AddManifest { digest: other, bytes: 1 });
    let other = Submission { archive: other, ..submission(everything()) };
    assert!(group.refused(Action::SubmitRun(Box::new(other))).contains("choose another id"));
    let unknown = Submission { archive: Digest([9; 32]), run: RunId::new("r2").unwrap(), ..submission(everything()) };
    assert!(group.refused(Action::SubmitRun(Box::new(unknown))).contains("upload it first"));
    assert!(group.refused(Action::RemoveManifest(ARCHIVE)).contains("is used by the run `run`"));
}

#[test]
fn windows_come_in_once_and_without_gaps() {
    let mut group = Group::with_load(&["a", "b"], OnAgentLoss::Fail);
    assert!(group.checkpoint(&[(part("a", 1), 0, 2)], 3).is_accepted());
    for (after, last) in [(0, 2), (0, 3), (1, 3), (3, 4), (2, 2)] {
        let before = group.state.clone();
        let reply = group.checkpoint(&[(part("a", 1), after, last), (part("b", 1), 0, 1)], 100);
        assert!(matches!(reply, Reply::Refused(Refusal::OutOfStep { included: 2, .. })), "{reply:?}");
        assert_eq!(group.state, before);
    }
    assert!(!group.checkpoint(&[(part("c", 1), 0, 1)], 1).is_accepted());
    assert!(!group.checkpoint(&[], 1).is_accepted());
    assert!(group.checkpoint(&[(part("a", 1), 2, 3), (part("b", 1), 0, 1)], 4).is_accepted());
    assert_eq!(iterations(group.run().totals()), (7, 7));
    assert_eq!(group.orders("a")[0].included, 3);
}

#[test]
fn a_verdict_that_ends_the_run_stays() {
    let mut group = Group::with_load(&["a"], OnAgentLoss::Fail);
    let mut judged = |verdict| {
        let checkpoint = Checkpoint {
            run: run_id(),
            windows: BTreeMap::new(),
            delta: MergedWindows::default(),
            elapsed_ms: 1,
            verdict,
            failed_metric: Some("http_reqs".to_owned()),
            notes: Some(vec![1]),
        };
        group.ok(Action::Checkpoint(Box::new(checkpoint)));
        (group.run().verdict(), group.run().state())
    };
    assert_eq!(judged(Verdict::Fail), (Verdict::Fail, RunState::Running));
    assert_eq!(judged(Verdict::Pass), (Verdict::Pass, RunState::Running));
    assert_eq!(judged(Verdict::Abort), (Verdict::Abort, RunState::Draining));
    assert_eq!(judged(Verdict::Pass), (Verdict::Abort, RunState::Draining));
    assert_eq!(group.run().notes(), [1]);
    let reason = "a threshold of `http_reqs` failed".to_owned();
    assert_eq!(group.task("a"), Task::Stop { reason });
    group.done("a", 1, 0);
    group.conclude();
    assert_eq!(group.run().result().unwrap().verdict, Verdict::Abort);
    assert_eq!(group.run().state(), RunState::Aborted);
}

#[test]
fn the_first_reason_stays() {
    let mut group = Group::with_load(&["a"], OnAgentLoss::Fail);
    let abort = |reason| Action::AbortRun { run: run_id(), reason };
    let script = AbortReason::Script { message: "enough".to_owned() };
    assert_eq!(group.ok(abort(script.clone())), Accepted::Done);
    assert_eq!(group.ok(abort(AbortReason::Stopped { by: "me".to_owned() })), Accepted::Already);
    assert_eq!(group.run().reason(), Some(&script));
    group.done("a", 1, 0);
    assert!(group.refused(abort(script)).contains("is in teardown, so it can't be stopped"));
}

#[test]
fn a_run_that_waits_for_agents_can_be_stopped() {
    let mut group = Group::new(&[]);
    group.ok(Action::SubmitRun(Box::new(submission(Wants::default()))));
    group.ok(Action::AbortRun { run: run_id(), reason: AbortReason::Stopped { by: "me".to_owned() } });
    group.conclude();
    assert_eq!(group.run().state(), RunState::Aborted);
}

#[test]
fn a_setup_that_fails_ends_the_run_without_load_and_teardown() {
    let mut group = Group::with_ready_run(&["a", "b"], everything());
    group.ok(setup_done("a", Err(failure("no database"))));
    assert_eq!(group.run().state(), RunState::Draining);
    let reason = "setup failed: no database".to_owned();
    assert_eq!(group.task("b"), Task::Stop { reason });
    group.done("a", 1, 0);
    group.done("b", 1, 0);
    assert_eq!(group.run().teardown().state, CallState::Skipped);
    assert_eq!(group.task("a"), Task::Summarize);
    group.ok(Action::Summarized { run: run_id(), assignment: part("a", 1), result: Err(failure("broken")) });
    group.conclude();
    assert_eq!(group.run().state(), RunState::Failed);
}

#[test]
fn a_teardown_that_fails_makes_the_run_fail() {
    let wants = Wants { summary_ms: None, setup_ms: None, ..everything() };
    let mut group = Group::with_ready_run(&["a"], wants);
    group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
    group.done("a", 1, 0);
    let failure = Some(failure("still there"));
    group.ok(Action::TeardownDone { run: run_id(), assignment: part("a", 1), last_window: 0, failure });
    group.conclude();
    assert_eq!(group.run().state(), RunState::Failed);
}

#[test]
fn a_paused_run_waits_before_its_setup() {
    let mut group = Group::with_ready_run(&["a"], Wants { paused: true, ..everything() });
    assert_eq!(group.run().state(), RunState::Ready);
    let pause = |paused| Action::PauseRun { run: run_id(), paused };
    assert_eq!(group.ok(pause(true)), Accepted::Already);
    let scale = crate::Scale { vus: Some(5), max_vus: None };
    group.ok(Action::ScaleScenario { run: run_id(), scenario: 0, scale });
    group.ok(pause(false));
    assert_eq!(group.run().state(), RunState::Setup);
    assert_eq!(group.orders("a")[0].steering.scales[&0].vus, Some(5));
}

#[test]
fn a_run_waits_for_the_agents_that_it_wants() {
    let mut group = Group::new(&["a"]);
    let agents = AgentRule::parse_all("zone=eu:1@3,1").unwrap();
    group.ok(Action::SubmitRun(Box::new(submission(Wants { agents, ..Wants::default() }))));
    assert_eq!((group.run().state(), group.orders("a").len()), (RunState::Submitted, 0));
    group.ok(Action::RegisterAgent(AgentInfo { tags: [("zone".to_owned(), "eu".to_owned())].into(), ..info("z", 1) }));
    assert_eq!(group.orders("a")[0].segment, "0:1/4");
    assert_eq!(group.orders("z")[0].segment, "1/4:1");

    // A second run gets them when the first has ended.
    let second = Submission { run: RunId::new("second").unwrap(), ..submission(Wants::default()) };
    let second_id = second.run.clone();
    group.ok(Action::SubmitRun(Box::new(second)));
    group.ok(Action::AgentFailed { run: run_id(), assignment: part("a", 1), failure: failure("too small") });
    group.done("a", 1, 0);
    group.done("z", 1, 0);
    assert_eq!(group.state.run(&second_id).unwrap().state(), RunState::Submitted);
    group.conclude();
    assert_eq!(group.run().state(), RunState::Failed);
    assert_eq!(group.state.run(&second_id).unwrap().state(), RunState::Preparing);
}

#[test]
fn the_start_is_not_far_ahead() {
    let mut group = Group::with_ready_run(&["a"], Wants::default());
    let start = |at| Action::StartRun { run: run_id(), at: Timestamp(at) };
    let now = group.now;
    assert!(group.refused(start(now + 60_001)).contains("at most 60000 may be"));
    group.ok(start(now + 60_000));
}
