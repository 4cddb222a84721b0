//! A run as the control service sees it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use throng_agent::{PauseError, RunHandle, RunPhase, ScaleError, ScenarioProgress};
use throng_protocol::control::{RunState, RunStatus, Scaled, Scaling, ScenarioStatus, to_ms};
use throng_protocol::{ControlError, ErrorKind};
use throng_remote::{RunControl, RunId};

/// A run as the control service sees it.
pub(super) struct Steered {
    handle: RunHandle,
    /// Whether somebody has stopped it.
    stopped: AtomicBool,
    /// What doesn't change.
    facts: RunStatus,
}

impl Steered {
    pub(super) fn new(handle: RunHandle, run: &RunId, script: &Path) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let facts = RunStatus {
            run_id: run.to_string(),
            script: script.display().to_string(),
            started_unix_ms: i64::try_from(to_ms(now)).unwrap_or(i64::MAX),
            process_id: std::process::id(),
            ..RunStatus::default()
        };
        Self { handle, stopped: AtomicBool::new(false), facts }
    }
}

impl RunControl for Steered {
    fn status(&self) -> RunStatus {
        let status = self.handle.status();
        let stopping = self.stopped.load(Ordering::Relaxed) || self.handle.flag().load(Ordering::Relaxed);
        RunStatus {
            state: state(status.phase, status.paused).into(),
            elapsed_ms: to_ms(status.elapsed),
            vus: status.vus,
            vus_max: status.vus_max,
            iterations_completed: status.completed,
            iterations_interrupted: status.interrupted,
            iterations_dropped: status.dropped,
            scenarios: status.scenarios.into_iter().map(scenario).collect(),
            thresholds: status.thresholds.iter().map(Into::into).collect(),
            stopping,
            ..self.facts.clone()
        }
    }

    fn scale(&self, scaling: Scaling) -> Result<Scaled, ControlError> {
        let Scaling { scenario, vus, max_vus } = scaling;
        let scaled = self.handle.scale(scenario.as_deref(), vus, max_vus);
        let (scenario, vus) = scaled.map_err(|error| scale_error(&error))?;
        Ok(Scaled { scenario, vus, max_vus })
    }

    fn pause(&self) -> Result<(), ControlError> {
        self.handle.pause().map_err(|error| pause_error(&error))
    }

    fn resume(&self) -> Result<(), ControlError> {
        self.handle.resume().map_err(|error| pause_error(&error))
    }

    fn stop(&self) -> Result<(), ControlError> {
        self.stopped.store(true, Ordering::Relaxed);
        self.handle.stop();
        Ok(())
    }
}

fn state(phase: RunPhase, paused: bool) -> RunState {
    match phase {
        RunPhase::Created | RunPhase::InitVUs | RunPhase::InitExecutors | RunPhase::InitDone => RunState::Preparing,
        RunPhase::PausedBeforeRun => RunState::PausedBeforeStart,
        RunPhase::Started | RunPhase::Setup => RunState::Setup,
        RunPhase::Running if paused => RunState::Paused,
        RunPhase::Running => RunState::Running,
        // The load is over; what is said of the end comes when the summary is made.
        RunPhase::Teardown | RunPhase::Ended | RunPhase::Interrupted | RunPhase::MarkedAsFailed => RunState::Teardown,
    }
}

fn scenario(progress: ScenarioProgress) -> ScenarioStatus {
    let endless = progress.duration == Duration::MAX;
    ScenarioStatus {
        name: progress.name,
        executor: progress.executor.to_owned(),
        elapsed_ms: to_ms(progress.elapsed),
        duration_ms: (!endless).then(|| to_ms(progress.duration)),
        vus: progress.vus,
        vus_max: progress.vus_max,
        rate_planned: progress.rate.map(|rate| rate.planned),
        rate_actual: progress.rate.map(|rate| rate.actual),
        iterations_completed: progress.iterations,
        iterations_planned: progress.planned,
        iterations_dropped: progress.dropped,
        ended: progress.ended,
    }
}

fn scale_error(error: &ScaleError) -> ControlError {
    let kind = match error {
        ScaleError::NotRunning | ScaleError::NotControlled { .. } | ScaleError::NoneControlled => ErrorKind::Refused,
        ScaleError::UnknownScenario(_)
        | ScaleError::Ambiguous(_)
        | ScaleError::MaxBelowPlanned { .. }
        | ScaleError::TooMany(_) => ErrorKind::InvalidArgument,
    };
    ControlError::new(kind, error.to_string())
}

fn pause_error(error: &PauseError) -> ControlError {
    ControlError::new(ErrorKind::Refused, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_k6_calls_a_status_has_a_state() {
        assert_eq!(state(RunPhase::Created, false), RunState::Preparing);
        assert_eq!(state(RunPhase::PausedBeforeRun, true), RunState::PausedBeforeStart);
        assert_eq!(
            (state(RunPhase::Running, false), state(RunPhase::Running, true)),
            (RunState::Running, RunState::Paused)
        );
        // The program says itself when it is over.
        assert_eq!(state(RunPhase::Interrupted, false), RunState::Teardown);
    }

    #[test]
    fn a_run_that_nobody_leads_refuses_and_can_be_stopped() {
        let steered = Steered::new(RunHandle::default(), &RunId::random(), Path::new("shop.wasm"));
        let scaling = Scaling { scenario: None, vus: Some(3), max_vus: None };
        assert_eq!(steered.scale(scaling).unwrap_err().kind, ErrorKind::Refused);
        assert_eq!(steered.pause().unwrap_err().kind, ErrorKind::Refused);
        assert!(!steered.status().stopping);
        steered.stop().unwrap();
        assert!(steered.status().stopping);
        assert_eq!(steered.status().script, "shop.wasm");
    }

    #[test]
    fn an_endless_scenario_has_no_duration() {
        let progress = |executor, duration| ScenarioProgress {
            name: "a".to_owned(),
            elapsed: Duration::from_secs(2),
            duration,
            vus: 1,
            iterations: 5,
            dropped: 0,
            planned: None,
            rate: None,
            vus_max: 1,
            ended: false,
            executor,
        };
        assert_eq!(scenario(progress("externally-controlled", Duration::MAX)).duration_ms, None);
        assert_eq!(scenario(progress("externally-controlled", Duration::from_secs(9))).duration_ms, Some(9_000));
        assert_eq!(scenario(progress("constant-vus", Duration::ZERO)).duration_ms, Some(0));
    }
}
