//! What runs say as JSON, with k6's spelling of keys. Keys may be added; none changes its meaning.

use serde_json::{Map, Value, json};
use throng_protocol::control::{Event, RunStatus, ScenarioStatus, ThresholdOutcome};

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
