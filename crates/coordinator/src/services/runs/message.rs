//! A run of the state as clients get it.

use throng_control::judge::{IterationCounts, RunSummary, ScenarioProgress};
use throng_control::leading::RunView;
use throng_control::{
    Assignment, AssignmentId, Completeness, ExitCode, Progress, Refusal, Run, RunId, RunState, State,
};
use throng_protocol::control::{self, Ending, RunStatus, ScenarioStatus, to_ms};
use throng_protocol::run::{AgentPart, Loss, OwnContent, OwnSummary, RunEnd, Summary};
use tonic::Status;

use super::refused;

/// How much is told of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What stands in a list of runs.
    Headline,
    /// Its agents and losses too.
    Whole,
}

/// A run, with what only its leader knows if this node is that.
pub(super) fn run(run: &Run, view: Option<&RunView>, detail: Detail) -> throng_protocol::run::Run {
    let is_whole = detail == Detail::Whole;
    let agents = run.assignments().iter().filter(|_| is_whole);
    let mut completeness = completeness(&run.completeness());
    if !is_whole {
        completeness.losses.clear();
    }
    let mut status = status(run, view);
    if let Some(result) = run.result() {
        recount(&mut status, &result.summary, is_whole);
    }
    throng_protocol::run::Run {
        status: Some(status),
        archive: run.archive().to_string(),
        client: run.submission().client.clone(),
        ended_unix_ms: run.result().map_or(0, |result| unix_ms(result.at)),
        agents: agents.map(|(id, one)| agent(run, id, one)).collect(),
        completeness: Some(completeness),
    }
}

/// What became of a run that has ended.
pub(super) fn end(state: &State, id: &RunId) -> Result<RunEnd, Status> {
    let run = state.run(id).ok_or_else(|| refused(&Refusal::UnknownRun { run: id.clone() }))?;
    let Some(result) = run.result() else {
        let text = format!("the run `{id}` is {}: it has no summary before it has ended", run.state());
        return Err(Status::failed_precondition(text));
    };
    let kept = RunSummary::decode(&result.summary).map_err(|error| Status::internal(error.to_string()))?;
    Ok(RunEnd { run: Some(self::run(run, None, Detail::Whole)), summary: Some(summary(kept)) })
}

fn status(run: &Run, view: Option<&RunView>) -> RunStatus {
    let mut status = RunStatus {
        run_id: run.id().to_string(),
        state: state(run).into(),
        script: run.submission().wants.test.clone(),
        started_unix_ms: unix_ms(run.submitted()),
        elapsed_ms: run.elapsed_ms(),
        stopping: run.reason().is_some() && run.result().is_none(),
        ending: run.exit().map(|(code, message)| ending(code, message)),
        ..RunStatus::default()
    };
    if let Some(view) = view {
        let progress = &view.progress;
        status.elapsed_ms = to_ms(progress.elapsed);
        status.vus = progress.vus_active;
        status.vus_max = progress.vus_initialized;
        status.iterations_completed = progress.completed;
        status.iterations_interrupted = progress.interrupted;
        status.iterations_dropped = progress.dropped;
        status.scenarios = progress.scenarios.iter().map(scenario).collect();
        status.thresholds = view.outcomes.iter().map(Into::into).collect();
    }
    status
}

/// What is known of how far a run that has ended had come.
fn recount(status: &mut RunStatus, summary: &[u8], is_whole: bool) {
    let kept = if is_whole { RunSummary::decode(summary).ok() } else { None };
    if let Some(counts) = IterationCounts::peek(summary).or_else(|| kept.as_ref().map(earlier_counts)) {
        let IterationCounts { completed, interrupted, dropped } = counts;
        (status.iterations_completed, status.iterations_interrupted) = (completed, interrupted);
        status.iterations_dropped = dropped;
    }
    if let Some(kept) = kept {
        status.thresholds = kept.outcomes.iter().map(Into::into).collect();
    }
}

/// What an earlier throng has kept of them.
fn earlier_counts(kept: &RunSummary) -> IterationCounts {
    let count = |metric: &str| kept.handle_summary["metrics"][metric]["values"]["count"].as_u64().unwrap_or(0);
    IterationCounts { completed: count("iterations"), interrupted: 0, dropped: count("dropped_iterations") }
}

fn unix_ms(at: throng_control::Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn state(run: &Run) -> control::RunState {
    match run.state() {
        RunState::Submitted => control::RunState::Waiting,
        RunState::Ready if run.is_paused() => control::RunState::PausedBeforeStart,
        RunState::Preparing | RunState::Ready => control::RunState::Preparing,
        RunState::Setup => control::RunState::Setup,
        RunState::Running if run.is_paused() => control::RunState::Paused,
        RunState::Running => control::RunState::Running,
        RunState::Draining => control::RunState::Draining,
        RunState::Teardown => control::RunState::Teardown,
        RunState::Finished | RunState::Aborted | RunState::Failed => control::RunState::Ended,
    }
}

fn ending(code: ExitCode, message: String) -> Ending {
    Ending { exit_code: code as u32, meaning: code.meaning().to_owned(), message }
}

fn scenario(progress: &ScenarioProgress) -> ScenarioStatus {
    let endless = progress.duration == std::time::Duration::MAX;
    ScenarioStatus {
        name: progress.name.clone(),
        executor: progress.executor.to_owned(),
        elapsed_ms: to_ms(progress.elapsed),
        duration_ms: (!endless).then(|| to_ms(progress.duration)),
        vus: progress.vus,
        iterations_completed: progress.iterations,
        iterations_planned: progress.planned,
        iterations_dropped: progress.dropped,
        ended: progress.ended,
        vus_max: progress.vus_max,
        rate_planned: progress.rate.map(|rate| rate.planned),
        rate_actual: progress.rate.map(|rate| rate.actual),
    }
}

fn agent(run: &Run, id: &AssignmentId, assignment: &Assignment) -> AgentPart {
    let state = match (assignment.is_held(), assignment.progress) {
        (_, Progress::Done) => "done",
        (false, _) => "lost",
        (true, Progress::Preparing) => "preparing",
        (true, Progress::Made | Progress::Ready) => "ready",
        (true, Progress::Running) => "running",
    };
    AgentPart {
        agent: id.agent.to_string(),
        epoch: id.epoch.0,
        segment: run.segment(assignment.part).0,
        state: state.to_owned(),
        last_window: assignment.included,
    }
}

fn completeness(completeness: &Completeness) -> throng_protocol::run::Completeness {
    let losses = completeness.losses.iter().map(|loss| Loss {
        agent: loss.assignment.agent.to_string(),
        epoch: loss.assignment.epoch.0,
        lost_unix_ms: unix_ms(loss.at),
        last_window: loss.last_window,
        covered_ms: loss.covered_ms,
        taken_over_by: loss.taken_over_by.as_ref().map(|heir| heir.agent.to_string()).unwrap_or_default(),
    });
    throng_protocol::run::Completeness {
        complete: completeness.is_complete(),
        parts: completeness.assignments,
        losses: losses.collect(),
        checkpoints_left_out: completeness.left_out,
    }
}

fn summary(kept: RunSummary) -> Summary {
    let json = |value: &serde_json::Value| if value.is_null() { String::new() } else { value.to_string() };
    let content = |(destination, text)| OwnContent { destination, text };
    let (text, text_coloured) = kept.text.map(|text| (text.plain, text.coloured)).unwrap_or_default();
    Summary {
        text,
        text_coloured,
        own: kept.own.map(|own| OwnSummary { contents: own.into_iter().map(content).collect() }),
        own_failure: kept.own_failure.unwrap_or_default(),
        handle_summary_json: json(&kept.handle_summary),
        export_json: json(&kept.export),
        machine_json: json(&kept.machine),
        left_out: kept.left_out,
        outcomes: kept.outcomes.iter().map(Into::into).collect(),
        marked_failed: kept.marked_failed,
    }
}
