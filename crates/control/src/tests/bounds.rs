//! What happens at limits.

use super::*;
use crate::limits::*;
use crate::{AbortReason, Failure, RunState};

#[test]
fn ended_runs_go_oldest_first() {
    let mut group = Group::new(&["a"]);
    let summary = vec![0; RESULT_BYTES_MAX];
    let count = ENDED_BYTES_MAX / RESULT_BYTES_MAX + 3;
    for n in 0..count {
        // Ids don't go by age.
        let run = RunId::new(&format!("r{}", (n * 7) % 100)).unwrap();
        group.ok(Action::SubmitRun(Box::new(Submission { run: run.clone(), ..submission(Wants::default()) })));
        group.ok(Action::AbortRun { run: run.clone(), reason: AbortReason::Stopped { by: "me".to_owned() } });
        group.ok(Action::AgentDone { run: run.clone(), assignment: part("a", 1), last_window: 0 });
        group.ok(Action::ConcludeRun { run, verdict: Verdict::Pass, summary: summary.clone() });
    }
    let mut kept: Vec<_> = group.state.runs().map(Run::number).collect();
    kept.sort_unstable();
    assert!(kept.len() < count && kept.len() * RESULT_BYTES_MAX <= ENDED_BYTES_MAX);
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert_eq!(kept.last(), Some(&(count as u64)));
}

#[test]
fn runs_at_once_are_limited() {
    let mut group = Group::new(&[]);
    let submit = |n| {
        let run = RunId::new(&format!("r{n}")).unwrap();
        Action::SubmitRun(Box::new(Submission { run, ..submission(Wants::default()) }))
    };
    (0..LIVE_RUNS_MAX).for_each(|n| drop(group.ok(submit(n))));
    assert!(group.refused(submit(LIVE_RUNS_MAX)).contains("too many runs at once; at most 100"));
}

#[test]
fn what_is_too_large_is_refused_or_fails_the_call() {
    let mut group = Group::with_ready_run(&["a"], Wants { setup_ms: Some(1), ..Wants::default() });
    let long = |bytes: usize| vec![0; bytes];
    let result = Ok(long(SETUP_BYTES_MAX + 1));
    group.ok(Action::SetupDone { run: run_id(), assignment: part("a", 1), result });
    let reason = group.run().reason();
    assert!(matches!(reason, Some(AbortReason::Setup(Failure { message, .. })) if message.contains("at most 8388608")));
    group.done("a", 1, 0);
    let conclude = |bytes| Action::ConcludeRun { run: run_id(), verdict: Verdict::Pass, summary: long(bytes) };
    assert!(group.refused(conclude(RESULT_BYTES_MAX + 1)).contains("the summary is too large"));
    group.ok(conclude(RESULT_BYTES_MAX));
    assert!(
        group
            .refused(Action::AddManifest { digest: Digest([1; 32]), bytes: ARCHIVE_BYTES_MAX + 1 })
            .contains("archive")
    );
    assert!(group.refused(Action::AddManifest { digest: ARCHIVE, bytes: 11 }).contains("damaged"));
    let run = RunId::new("large").unwrap();
    let large = Submission { run, options: long(OPTIONS_BYTES_MAX + 1), ..submission(Wants::default()) };
    assert!(group.refused(Action::SubmitRun(Box::new(large))).contains("the JSON of the options"));
}

#[test]
fn an_agent_says_no_more_of_itself_than_it_may() {
    let mut group = Group::new(&[]);
    let mut register = |info: AgentInfo| group.refused(Action::RegisterAgent(info));
    let long = "x".repeat(LABEL_BYTES_MAX + 1);
    assert!(register(AgentInfo { version: long.clone(), ..info("a", 1) }).contains("too large"));
    assert!(register(AgentInfo { tags: [("zone".to_owned(), long)].into(), ..info("a", 1) }).contains("too large"));
    let addresses = vec![String::new(); AGENT_LABELS_MAX + 1];
    assert!(register(AgentInfo { addresses, ..info("a", 1) }).contains("too many addresses"));
    for capacity in [0, WEIGHT_MAX + 1] {
        assert!(register(AgentInfo { capacity, ..info("a", 1) }).contains("must be 1 to 1000"));
    }
}

#[test]
fn unused_archives_go_for_new_ones() {
    let mut group = Group::new(&["a"]);
    group.ok(Action::SubmitRun(Box::new(submission(Wants::default()))));
    let digest = |n: usize| Digest(std::array::from_fn(|at| (n >> (8 * at.min(3))) as u8));
    for n in 1..MANIFESTS_MAX {
        group.now += 1;
        group.ok(Action::AddManifest { digest: digest(1_000_000 + n), bytes: 1 });
    }
    assert_eq!(group.ok(Action::AddManifest { digest: digest(1_000_001), bytes: 1 }), Accepted::Already);
    group.ok(Action::AddManifest { digest: digest(5_000_000), bytes: 1 });
    assert_eq!(group.state.manifests().count(), MANIFESTS_MAX);
    assert!(group.state.manifest(&ARCHIVE).is_some(), "a run uses it");
    assert!(group.state.manifest(&digest(1_000_001)).is_some(), "it was asked for again");
    assert!(group.state.manifest(&digest(1_000_002)).is_none());
}

#[test]
fn a_run_that_gets_no_agents_ends() {
    let mut group = Group::new(&[]);
    let wants = Wants { agents_wait_ms: Some(5_000), ..Wants::default() };
    group.ok(Action::SubmitRun(Box::new(submission(wants))));
    group.pass(4_999, &[]);
    assert_eq!(group.run().state(), RunState::Submitted);
    group.pass(1, &[]);
    assert!(matches!(group.run().reason(), Some(AbortReason::NoAgents { message }) if message.contains("there are 0")));
    group.conclude();
    assert_eq!(group.run().state(), RunState::Failed);
}

#[test]
fn an_agent_that_never_gets_ready_ends_the_run() {
    let mut group = Group::new(&["a"]);
    group.ok(Action::SubmitRun(Box::new(submission(Wants::default()))));
    for _ in 0..PREPARE_MS_MAX / 1_000 {
        assert_eq!(group.run().state(), RunState::Preparing);
        group.pass(1_000, &["a"]);
    }
    assert!(matches!(group.run().reason(), Some(AbortReason::Overdue { message }) if message.contains("isn't ready")));
}
