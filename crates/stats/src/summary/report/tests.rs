use std::sync::Arc;

use super::*;
use crate::builtin;
use crate::recorder::Recorder;
use crate::selector::Selector;
use crate::tags::TagSet;
use crate::threshold::{Threshold, Thresholds};
use crate::window::SourceId;

fn names(metrics: &[MetricReport]) -> Vec<&str> {
    metrics.iter().map(|metric| metric.name.as_str()).collect()
}

fn settings() -> Settings {
    Settings { run_duration: Duration::from_secs(1), ..Settings::default() }
}

/// Totals with one request per pair of scenario and group.
fn totals(thresholds: &Thresholds, scopes: &[(&str, &str)]) -> Totals {
    let registry = Arc::new(Registry::new());
    let mut totals = Totals::new(Arc::clone(&registry), &thresholds.selectors()).with_detail();
    let mut recorder = Recorder::new(registry, SourceId(0));
    for (scenario, group) in scopes {
        let mut tags = TagSet::from_pairs([("group", *group), ("expected_response", "true")]);
        if !scenario.is_empty() {
            tags = tags.with("scenario", scenario);
        }
        let reqs = recorder.series(builtin::HTTP_REQS, &tags);
        recorder.increment(reqs, 1);
        let duration = recorder.series(builtin::HTTP_REQ_DURATION, &tags);
        recorder.record_ns(duration, 1_000_000);
    }
    totals.merge(&recorder.take(Duration::from_secs(1)));
    totals
}

#[test]
fn metrics_with_samples_or_thresholds_are_listed_in_order() {
    let mut thresholds = Thresholds::new();
    for (key, expression) in [
        ("iterations", Some("count<1")),
        ("http_reqs{status:404}", None),
        ("http_req_duration{status:200}", Some("avg<1")),
    ] {
        let list = expression.into_iter().map(|e| Threshold::parse(e).unwrap());
        thresholds.add(Selector::parse(key).unwrap(), list.collect());
    }
    let mut totals = totals(&thresholds, &[("s", "")]);
    let outcomes = thresholds.evaluate(&mut totals, Duration::from_secs(1), true);
    let report = Report::new(&totals, &outcomes, settings());
    assert_eq!(
        names(&report.total.metrics),
        [
            "http_req_duration",
            "http_req_duration{expected_response:true}",
            "http_req_duration{status:200}",
            "http_reqs",
            "http_reqs{status:404}",
            "iterations",
        ]
    );
    assert!(report.passed());
    assert_eq!(report.total.metrics[5].thresholds[0].value, Some(0.0));
}

#[test]
fn a_failed_threshold_fails_the_report() {
    let mut thresholds = Thresholds::new();
    let list = vec![Threshold::parse("count>1").unwrap()];
    thresholds.add(Selector::metric_only("http_reqs"), list);
    let mut totals = totals(&thresholds, &[("s", "")]);
    let outcomes = thresholds.evaluate(&mut totals, Duration::from_secs(1), true);
    assert!(!Report::new(&totals, &outcomes, settings()).passed());
}

#[test]
fn groups_of_the_only_scenario_called_default_stand_at_the_top() {
    let scopes = [("default", "::a"), ("default", ""), ("", "::setup")];
    let report = Report::new(&totals(&Thresholds::new(), &scopes), &[], settings());
    let groups: Vec<_> = report.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(groups, ["setup", "a"]);
    assert!(report.scenarios.is_empty());
}

#[test]
fn several_scenarios_are_sorted_and_hold_their_groups() {
    let scopes = [("b", "::g"), ("a", "")];
    let report = Report::new(&totals(&Thresholds::new(), &scopes), &[], settings());
    assert!(report.groups.is_empty());
    let scenarios: Vec<_> = report.scenarios.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(scenarios, ["a", "b"]);
    assert_eq!(report.scenarios[1].groups[0].name, "g");
    assert_eq!(names(&report.scenarios[0].metrics), ["http_req_duration", "http_reqs"]);
}
