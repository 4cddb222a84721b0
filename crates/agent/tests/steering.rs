//! Runs that are looked at and steered from another thread, with a script by hand whose iterations sleep for 10 ms.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod connections;
mod guest;

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use throng_agent::{Ending, PauseError, RunHandle, RunPhase, RunResult, RunStatus, ScaleError};

use guest::{Silent, config};

/// A run in a thread of its own.
struct Run {
    handle: RunHandle,
    thread: JoinHandle<RunResult>,
}

impl Run {
    fn start(options: Value) -> Self {
        let config = config(options);
        let handle = RunHandle::default();
        let thread = std::thread::spawn({
            let handle = handle.clone();
            move || throng_agent::run(config, &handle, &mut Silent).unwrap()
        });
        Self { handle, thread }
    }

    fn until(&self, what: &str, holds: impl Fn(&RunStatus) -> bool) -> RunStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.handle.status();
            if holds(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{what}: {status:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(self) -> (RunResult, RunStatus) {
        let result = self.thread.join().unwrap();
        (result, self.handle.status())
    }
}

fn only(scenario: Value) -> Value {
    json!({ "scenarios": { "only": scenario } })
}

#[test]
fn externally_controlled_vus_are_scaled_paused_and_resumed() {
    let run = Run::start(only(json!({ "executor": "externally-controlled", "vus": 1, "maxVUs": 4, "duration": "0s" })));
    run.until("one VU", |status| status.phase == RunPhase::Running && status.vus == 1);
    run.handle.scale(None, Some(4), None).unwrap();
    run.until("four VUs", |status| status.vus == 4);
    let refused = run.handle.scale(Some("only"), Some(5), None).unwrap_err();
    assert!(matches!(refused, ScaleError::TooMany(_)), "{refused}");
    run.handle.scale(Some("only"), Some(7), Some(8)).unwrap();
    let status = run.until("seven VUs, three of them new", |status| status.vus == 7);
    assert!((7..=8).contains(&status.vus_max), "{status:?}");

    run.handle.pause().unwrap();
    assert_eq!(run.handle.pause(), Err(PauseError::Paused));
    let paused = run.until("no VU", |status| status.paused && status.vus == 0);
    assert!(paused.interrupted > 0, "VUs are cut: {paused:?}");
    run.handle.resume().unwrap();
    let resumed = run.until("seven VUs again", |status| !status.paused && status.vus == 7);
    assert_eq!(resumed.scenarios[0].vus_max, 8);
    run.handle.scale(None, Some(2), None).unwrap();
    run.until("two VUs", |status| status.vus == 2);
    run.handle.stop();
    let (result, status) = run.end();
    assert_eq!((result.ending, status.phase), (Ending::Stopped, RunPhase::Interrupted));
}

#[test]
fn each_of_several_controlled_scenarios_is_scaled_by_its_name() {
    let controlled = || json!({ "executor": "externally-controlled", "vus": 1, "maxVUs": 4, "duration": "0s" });
    let run = Run::start(json!({ "scenarios": { "a": controlled(), "b": controlled() } }));
    let vus = |status: &RunStatus| status.scenarios.iter().map(|scenario| scenario.vus).collect::<Vec<_>>();
    run.until("one VU each", |status| vus(status) == [1, 1]);
    let refused = run.handle.scale(None, Some(4), None).unwrap_err();
    assert_eq!(refused, ScaleError::Ambiguous(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(run.handle.scale(Some("b"), Some(3), None), Ok(("b".to_owned(), 3)));
    run.until("three VUs of b", |status| vus(status) == [1, 3]);
    assert_eq!(run.handle.scale(Some("a"), Some(0), None), Ok(("a".to_owned(), 0)));
    run.until("none of a", |status| vus(status) == [0, 3]);
    run.handle.pause().unwrap();
    run.until("none at all", |status| vus(status) == [0, 0]);
    run.handle.resume().unwrap();
    run.until("as many as before", |status| vus(status) == [0, 3]);
    run.handle.interrupt();
    assert_eq!(run.end().0.ending, Ending::Interrupted);
}

#[test]
fn other_scenarios_take_no_commands() {
    let run = Run::start(only(json!({ "executor": "constant-vus", "vus": 1, "duration": "1m" })));
    run.until("the load", |status| status.phase == RunPhase::Running && status.completed > 0);
    assert_eq!(run.handle.scale(None, Some(2), None), Err(ScaleError::NoneControlled));
    let refused = run.handle.scale(Some("only"), Some(2), None);
    assert!(matches!(refused, Err(ScaleError::NotControlled { executor: "constant-vus", .. })), "{refused:?}");
    assert_eq!(run.handle.pause(), Err(PauseError::NoneControlled));
    run.handle.stop();
    assert_eq!(run.end().0.ending, Ending::Stopped);
}

#[test]
fn a_paused_run_waits_with_its_vus_made_until_it_is_resumed() {
    let mut options = only(json!({ "executor": "shared-iterations", "vus": 3, "iterations": 20 }));
    options["paused"] = true.into();
    let run = Run::start(options);
    let waiting = run.until("the pause", |status| status.phase == RunPhase::PausedBeforeRun);
    assert_eq!((waiting.paused, waiting.vus_max, waiting.completed), (true, 3, 0));
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(300));
    run.handle.resume().unwrap();
    let (result, status) = run.end();
    let whole = began.elapsed();
    assert_eq!((result.ending, status.phase), (Ending::Finished, RunPhase::Ended));
    assert_eq!((status.completed, status.dropped), (20, 0));
    let counted = result.report.settings.run_duration;
    assert!(counted + Duration::from_millis(300) <= whole, "the pause isn't counted: {counted:?} of {whole:?}");
}

#[test]
fn a_paused_run_that_is_stopped_runs_nothing() {
    let mut options = only(json!({ "executor": "shared-iterations" }));
    options["paused"] = true.into();
    let run = Run::start(options);
    run.until("the pause", |status| status.phase == RunPhase::PausedBeforeRun);
    run.handle.stop();
    let (result, status) = run.end();
    assert_eq!((result.ending, status.completed), (Ending::Stopped, 0));
}
