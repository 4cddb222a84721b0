//! What runs say as JSON, with k6's spelling of keys. Keys may be added; none changes its meaning.

use serde_json::{Map, Value, json};
use throng_protocol::control::{Event, RunStatus, ScenarioStatus, ThresholdOutcome};
use throng_protocol::run::{Completeness, Event as GroupEvent, Run};

/// How far a run is.
pub(super) fn status(run: &RunStatus) -> Value {
    let mut status = json!({
        "id": run.run_id,
        "state": run.state().name(),
        "paused": run.state().is_paused(),
        "stopping": run.stopping,
        "tainted": run.thresholds.iter().any(|outcome| !outcome.ok),
        "script": run.script,
        "processId": run.process_id,
        "startedUnixMs": run.started_unix_ms,
        "elapsedMs": run.elapsed_ms,
        "vus": run.vus,
        "vusMax": run.vus_max,
        "iterationsCompleted": run.iterations_completed,
        "iterationsInterrupted": run.iterations_interrupted,
        "iterationsDropped": run.iterations_dropped,
        "scenarios": run.scenarios.iter().map(scenario).collect::<Vec<_>>(),
        "thresholds": run.thresholds.iter().map(threshold).collect::<Vec<_>>(),
    });
    if let Some(ending) = &run.ending {
        status["ending"] =
            json!({ "exitCode": ending.exit_code, "meaning": ending.meaning, "message": ending.message });
    }
    status
}

/// A run of a cluster: the same, with its agents and what its result lacks.
pub(in crate::command) fn run(run: &Run) -> Value {
    let mut value = status(&run.status.clone().unwrap_or_default());
    let agents = run.agents.iter().map(|part| {
        json!({
            "agent": part.agent,
            "epoch": part.epoch,
            "segment": part.segment,
            "state": part.state,
            "lastWindow": part.last_window,
        })
    });
    value["archive"] = json!(run.archive);
    value["client"] = json!(run.client);
    value["endedUnixMs"] = json!(Some(run.ended_unix_ms).filter(|at| *at != 0));
    value["agents"] = agents.collect();
    value["completeness"] = completeness(&run.completeness.clone().unwrap_or_default());
    if let Value::Object(members) = &mut value {
        // No process of this machine's.
        members.shift_remove("processId");
    }
    value
}

fn completeness(completeness: &Completeness) -> Value {
    let losses = completeness.losses.iter().map(|loss| {
        json!({
            "agent": loss.agent,
            "epoch": loss.epoch,
            "lostUnixMs": loss.lost_unix_ms,
            "lastWindow": loss.last_window,
            "coveredMs": loss.covered_ms,
            "takenOverBy": Some(&loss.taken_over_by).filter(|heir| !heir.is_empty()),
        })
    });
    json!({
        "complete": completeness.complete,
        "parts": completeness.parts,
        "losses": losses.collect::<Vec<_>>(),
        "checkpointsLeftOut": completeness.checkpoints_left_out,
    })
}

/// One event of a run of a cluster, like [`event`]; messages name their agent.
pub(super) fn group_event(event: &GroupEvent) -> Value {
    let (key, value) = match event {
        GroupEvent::Progress(of) => ("progress", run(of)),
        GroupEvent::Log(log) => {
            let mut value = self::event(&Event::Log(log.record.clone().unwrap_or_default()))["log"].take();
            value["agent"] = json!(log.agent);
            ("log", value)
        }
        GroupEvent::Thresholds(thresholds) => ("thresholds", thresholds.outcomes.iter().map(threshold).collect()),
        GroupEvent::Skipped(skipped) => ("skipped", json!({ "messages": skipped.messages })),
        GroupEvent::End(end) => {
            let summary = end.summary.clone().unwrap_or_default();
            let json: Value = serde_json::from_str(&summary.handle_summary_json).unwrap_or_default();
            let run = end.run.as_ref().map(run);
            ("end", json!({ "run": run, "summary": json, "summaryText": summary.text }))
        }
    };
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

fn scenario(scenario: &ScenarioStatus) -> Value {
    json!({
        "name": scenario.name,
        "executor": scenario.executor,
        "elapsedMs": scenario.elapsed_ms,
        "durationMs": scenario.duration_ms,
        "vus": scenario.vus,
        "iterationsCompleted": scenario.iterations_completed,
        "iterationsPlanned": scenario.iterations_planned,
        "iterationsDropped": scenario.iterations_dropped,
        "ended": scenario.ended,
    })
}

fn threshold(outcome: &ThresholdOutcome) -> Value {
    json!({
        "metric": outcome.metric,
        "threshold": outcome.expression,
        "ok": outcome.ok,
        "value": outcome.value,
        "abort": outcome.abort,
    })
}

/// One event: an object whose only key says what it is.
pub(super) fn event(event: &Event) -> Value {
    let (key, value) = match event {
        Event::Progress(run) => ("progress", status(run)),
        Event::Log(record) => {
            let level = record.level().name();
            ("log", json!({ "level": level, "message": record.message, "source": record.source }))
        }
        Event::Thresholds(thresholds) => ("thresholds", thresholds.outcomes.iter().map(threshold).collect()),
        Event::Skipped(skipped) => ("skipped", json!({ "messages": skipped.messages })),
        Event::End(end) => {
            let summary: Value = serde_json::from_str(&end.summary_json).unwrap_or_default();
            let run = end.status.as_ref().map(status);
            ("end", json!({ "run": run, "summary": summary, "summaryText": end.summary_text }))
        }
    };
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use throng_protocol::control::{Ending, RunEnd, RunState};

    use super::*;

    #[test]
    fn a_status_has_k6s_fields_and_says_null_where_there_is_nothing() {
        let thresholds = vec![ThresholdOutcome { ok: false, ..ThresholdOutcome::default() }];
        let scenarios = vec![ScenarioStatus::default()];
        let run = RunStatus { state: RunState::Paused.into(), thresholds, scenarios, ..RunStatus::default() };
        let json = status(&run);
        assert_eq!((&json["paused"], &json["tainted"], &json["state"]), (&json!(true), &json!(true), &json!("paused")));
        assert_eq!(json["scenarios"][0]["durationMs"], Value::Null);
        assert_eq!(json["thresholds"][0]["value"], Value::Null);
        assert_eq!(json.get("ending"), None);
    }

    #[test]
    fn the_end_has_the_summary_as_json() {
        let ending = Ending { exit_code: 103, ..Ending::default() };
        let status = Some(RunStatus { ending: Some(ending), ..RunStatus::default() });
        let end = RunEnd { status, summary_json: "{\"metrics\":{}}".to_owned(), ..RunEnd::default() };
        let json = event(&Event::End(end));
        assert_eq!(json["end"]["run"]["ending"]["exitCode"], 103);
        assert_eq!(json["end"]["summary"], json!({ "metrics": {} }));
        assert_eq!(event(&Event::End(RunEnd::default()))["end"]["summary"], Value::Null);
    }
}
