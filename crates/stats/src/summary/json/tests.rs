use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::builtin;
use crate::recorder::Recorder;
use crate::registry::Registry;
use crate::selector::Selector;
use crate::summary::report::AgentReport;
use crate::tags::TagSet;
use crate::threshold::{Threshold, Thresholds};
use crate::totals::Totals;
use crate::window::SourceId;

/// Two seconds with four requests, checks in two groups and a threshold that fails.
fn report() -> Report {
    let registry = Arc::new(Registry::new());
    let mut thresholds = Thresholds::new();
    let expressions = ["p(95)<2", "max < 100"].map(|text| Threshold::parse(text).unwrap());
    thresholds.add(Selector::metric_only("http_req_duration"), expressions.into());
    let mut totals = Totals::new(Arc::clone(&registry), &thresholds.selectors());
    let mut recorder = Recorder::new(registry, SourceId(0));
    let none = TagSet::empty();
    for ms in [1, 2, 3, 4] {
        let reqs = recorder.series(builtin::HTTP_REQS, &none);
        recorder.increment(reqs, 1);
        let duration = recorder.series(builtin::HTTP_REQ_DURATION, &none);
        recorder.record_ns(duration, ms * 1_000_000);
    }
    let vus = recorder.series(builtin::VUS, &none);
    recorder.set(vus, 3.0);
    let failed = recorder.series(builtin::HTTP_REQ_FAILED, &none);
    recorder.rate(failed, false);
    for (group, name, passed) in [("", "root ok", true), ("::outer::inner", "is 200", false)] {
        let tags = TagSet::from_pairs([("group", group), ("check", name)]);
        let check = recorder.series(builtin::CHECKS, &tags);
        recorder.rate(check, passed);
    }
    let silent = TagSet::from_pairs([("group", "::silent")]);
    let duration = recorder.series(builtin::GROUP_DURATION, &silent);
    recorder.record_ns(duration, 1_500_000);
    let elapsed = Duration::from_secs(2);
    totals.merge(&recorder.take(elapsed));
    let outcomes = thresholds.evaluate(&mut totals, elapsed, true);
    Report::new(
        &totals,
        &outcomes,
        Settings {
            run_duration: elapsed,
            setup_data: Some(json!({"token": "t"})),
            throng: json!({"version": "1"}),
            ..Settings::default()
        },
    )
}

#[test]
fn the_shape_is_that_of_handle_summary() {
    let summary = handle_summary(&report());
    let keys: Vec<_> = summary.as_object().unwrap().keys().collect();
    let expected = ["root_group", "options", "state", "metrics", "setup_data", "throng"];
    assert_eq!(keys, expected);
    assert_eq!(
        summary["metrics"]["http_req_duration"],
        json!({
            "type": "trend",
            "contains": "time",
            "values": {"avg": 2.5, "min": 1, "med": 2.5, "max": 4, "p(90)": 3.7, "p(95)": 3.8499999999999996},
            "thresholds": {"p(95)<2": {"ok": false}, "max < 100": {"ok": true}},
        })
    );
    let values = |metric: &str| summary["metrics"][metric]["values"].clone();
    assert_eq!(values("http_reqs"), json!({"count": 4, "rate": 2}));
    assert_eq!(values("vus"), json!({"value": 3, "min": 3, "max": 3}));
    let failed = json!({"rate": 0, "passes": 0, "fails": 1});
    assert_eq!(values("http_req_failed"), failed);
    assert_eq!(values("checks"), json!({"rate": 0.5, "passes": 1, "fails": 1}));
    assert_eq!(values("group_duration")["avg"], json!(1.5));
    assert!(summary["metrics"].get("iterations").is_none());
    assert_eq!(summary["state"], json!({"isStdOutTTY": false, "isStdErrTTY": false, "testRunDurationMs": 2000}));
    assert_eq!(
        summary["options"],
        json!({
            "summaryTrendStats": ["avg", "min", "med", "max", "p(90)", "p(95)"],
            "summaryTimeUnit": "",
            "noColor": false,
        })
    );
    assert_eq!(summary["setup_data"], json!({"token": "t"}));
    assert_eq!(summary["throng"], json!({"version": "1"}));
}

#[test]
fn the_root_group_is_a_tree_with_k6s_identifiers() {
    let root = &handle_summary(&report())["root_group"];
    assert_eq!(root["id"], "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(
        root["checks"],
        json!([{
            "name": "root ok", "path": "::root ok", "id": "9a460c9feaf8ae8dbe8bcfa157778857",
            "passes": 1, "fails": 0,
        }])
    );
    let outer = &root["groups"][0];
    assert_eq!(outer["id"], "c34b428ee7255085dfe7fef53d3394d5");
    let inner = &outer["groups"][0];
    assert_eq!(inner["path"], "::outer::inner");
    assert_eq!(inner["id"], "b6c425bc7b9e3d21a2d56ce7a6de3614");
    let check = &inner["checks"][0];
    assert_eq!(check["id"], "6725000f84f8fcff6a87227bb109b94d");
    assert_eq!((&check["passes"], &check["fails"]), (&json!(0), &json!(1)));
    assert_eq!(root["groups"][1]["name"], "silent");
}

#[test]
fn whole_numbers_have_no_fraction() {
    assert_eq!(number(12.0).to_string(), "12");
    assert_eq!(number(0.5).to_string(), "0.5");
    assert_eq!(number(-3.0).to_string(), "-3");
    assert_eq!(number(1e300).to_string(), "1e+300");
}

#[test]
fn the_export_is_k6s_with_its_traps() {
    let summary = summary_export(&report());
    let keys: Vec<_> = summary.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["root_group", "metrics", "setup_data", "throng"]);
    let metrics = &summary["metrics"];
    // True stands for one that has failed.
    assert_eq!(
        metrics["http_req_duration"],
        json!({
            "avg": 2.5, "min": 1, "med": 2.5, "max": 4, "p(90)": 3.7, "p(95)": 3.8499999999999996,
            "thresholds": {"p(95)<2": true, "max < 100": false},
        })
    );
    assert_eq!(metrics["http_reqs"], json!({"count": 4, "rate": 2}));
    assert_eq!(metrics["vus"], json!({"value": 3, "min": 3, "max": 3}));
    assert_eq!(metrics["checks"], json!({"passes": 1, "fails": 1, "value": 0.5}));
    assert_eq!(metrics["http_req_failed"], json!({"passes": 0, "fails": 1, "value": 0}));
    assert_eq!((&summary["setup_data"], &summary["throng"]), (&json!({"token": "t"}), &json!({"version": "1"})));
}

#[test]
fn groups_and_checks_of_the_export_are_objects_by_name() {
    let root = &summary_export(&report())["root_group"];
    let keys: Vec<_> = root.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "id", "path", "groups", "checks"]);
    assert_eq!((&root["name"], &root["path"]), (&json!(""), &json!("")));
    let check = &root["groups"]["outer"]["groups"]["inner"]["checks"]["is 200"];
    assert_eq!(
        *check,
        json!({
            "name": "is 200", "path": "::outer::inner::is 200", "id": "6725000f84f8fcff6a87227bb109b94d",
            "passes": 0, "fails": 1,
        })
    );
    assert_eq!(root["checks"]["root ok"]["passes"], json!(1));
    assert_eq!(root["groups"]["silent"]["checks"], json!({}));
}

#[test]
fn what_a_run_did_not_have_is_not_in_the_export() {
    let registry = Arc::new(Registry::new());
    let totals = Totals::new(registry, &[]);
    let summary = summary_export(&Report::new(&totals, &[], Settings::default()));
    assert_eq!(summary.get("setup_data"), None);
    assert_eq!(summary["root_group"]["groups"], json!({}));
    assert_eq!(summary["throng"], json!({}));
}

/// The metric of that name.
fn of<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let metrics = summary["results"]["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["name"] == name).unwrap()
}

#[test]
fn the_newer_shape_has_k6s_fields_and_says_of_thresholds_what_they_saw() {
    let mut report = report();
    report.settings.test = Some("shop".to_owned());
    report.settings.generated_at = "2026-11-24T15:07:35Z".to_owned();
    let summary = machine(&report);
    let keys: Vec<_> = summary.as_object().unwrap().keys().collect();
    let expected = ["version", "metadata", "config", "results", "agents", "completeness", "setup_data", "throng"];
    assert_eq!(keys, expected);
    assert_eq!(summary["version"], json!("1.0.0+throng.1"));
    assert_eq!(summary["metadata"], json!({"throngVersion": "1", "generatedAt": "2026-11-24T15:07:35Z"}));
    assert_eq!(summary["config"], json!({"duration": 2, "execution": "local", "script": "shop"}));
    assert_eq!(
        *of(&summary, "http_req_duration"),
        json!({
            "name": "http_req_duration", "type": "trend", "contains": "time",
            "values": {"avg": 2.5, "min": 1, "med": 2.5, "max": 4, "p(90)": 3.7, "p(95)": 3.8499999999999996},
            "thresholds": [
                {"expression": "p(95)<2", "ok": false, "value": 3.8499999999999996},
                {"expression": "max < 100", "ok": true, "value": 4},
            ],
        })
    );
    assert_eq!(of(&summary, "http_reqs")["values"], json!({"count": 4, "rate": 2}));
    // Not the older shapes' passes and fails.
    assert_eq!(of(&summary, "http_req_failed")["values"], json!({"rate": 0, "matches": 0, "total": 1}));
    assert_eq!(
        summary["results"]["thresholds"][0],
        json!({"metric": "http_req_duration", "expression": "p(95)<2", "ok": false, "value": 3.8499999999999996})
    );
    assert_eq!(summary["results"].get("scenarios"), None);
}

#[test]
fn checks_of_the_newer_shape_are_three_metrics_and_a_list() {
    let checks = &machine(&report())["results"]["checks"];
    let metric = |name: &str, kind: &str, values: Value| json!({"name": name, "type": kind, "contains": "default", "values": values});
    assert_eq!(
        checks["metrics"],
        json!([
            metric("checks_total", "counter", json!({"count": 2, "rate": 1})),
            metric("checks_succeeded", "rate", json!({"rate": 0.5, "matches": 1, "total": 2})),
            metric("checks_failed", "rate", json!({"rate": 0.5, "matches": 1, "total": 2})),
        ])
    );
    assert_eq!(
        checks["results"],
        json!([
            {"name": "root ok", "group": "", "passes": 1, "fails": 0},
            {"name": "is 200", "group": "::outer::inner", "passes": 0, "fails": 1},
        ])
    );
}

#[test]
fn a_result_is_complete_if_all_agents_are() {
    let mut report = report();
    assert_eq!(machine(&report)["completeness"], json!({"complete": true, "share": 1}));
    let agent = |name: &str, complete| AgentReport { name: name.to_owned(), shards: 2, complete };
    report.settings.agents = vec![agent("a", true), agent("b", false)];
    let summary = machine(&report);
    assert_eq!(summary["completeness"], json!({"complete": false, "share": 0.5}));
    assert_eq!(summary["agents"][1], json!({"name": "b", "shards": 2, "complete": false}));
}
