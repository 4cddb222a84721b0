use serde_json::{Value, json};

use super::*;
use crate::load_model::LoadModel;
use crate::system_tags::SystemTag;

mod faults;
mod merge;
mod models;
mod network;
mod part;
mod precedence;

fn resolved(value: Value) -> Resolved {
    resolve(&[Layer::new("script", value)]).unwrap()
}

fn options(value: Value) -> Options {
    resolved(value).options
}

fn only_model(options: &Options) -> &LoadModel {
    assert_eq!(options.scenarios.len(), 1);
    assert_eq!(options.scenarios[0].name, "default");
    &options.scenarios[0].model
}

#[test]
fn without_options_one_vu_runs_one_iteration() {
    for value in [json!(null), json!({})] {
        let resolved = resolved(value);
        let expected = LoadModel::PerVuIterations { vus: 1, iterations: 1, max_duration: Duration::from_secs(600) };
        assert_eq!(*only_model(&resolved.options), expected);
        assert_eq!(resolved.warnings, [""; 0]);
    }
}

#[test]
fn defaults_are_k6s_and_ours() {
    let options = options(json!({}));
    assert_eq!(options.setup_timeout, Duration::from_secs(60));
    assert_eq!(options.teardown_timeout, Duration::from_secs(60));
    assert_eq!(options.summary_trend_stats, TrendStat::defaults());
    assert_eq!(options.system_tags, SystemTags::default());
    assert_eq!(options.throng.memory_limit_bytes, 64 << 20);
    assert_eq!(options.throng.guest_time_limit, Duration::from_secs(10));
    assert_eq!(options.throng.seed, None);
    let scenario = &options.scenarios[0];
    assert_eq!(scenario.graceful_stop, Duration::from_secs(30));
    assert_eq!(scenario.exec, "default");
}

#[test]
fn every_option_is_read() {
    let options = options(json!({
        "thresholds": {
            "http_req_duration": ["p(95)<200", {"threshold": "avg<100", "abortOnFail": true, "delayAbortEval": "10s"}],
            "http_reqs{status:200}": [],
        },
        "tags": {"env": "test"},
        "userAgent": "ua/1",
        "discardResponseBodies": true,
        "noConnectionReuse": true,
        "noVUConnectionReuse": true,
        "minIterationDuration": "2s",
        "setupTimeout": 5_000,
        "teardownTimeout": "1m",
        "noSetup": true,
        "noTeardown": true,
        "summaryTrendStats": ["avg", "p(99.9)", "count"],
        "summaryTimeUnit": "us",
        "systemTags": ["status", "vu"],
        "throng": {"memoryLimit": "1GiB", "guestTimeLimit": "500ms", "deadPeerTimeout": 0, "seed": 18_446_744_073_709_551_615_u64,
            "agents": 3, "onAgentLoss": "continue"},
    }));
    let mut thresholds = options.thresholds.iter();
    let (selector, list) = thresholds.next().unwrap();
    assert_eq!((selector.to_string().as_str(), list.len()), ("http_req_duration", 2));
    let expected = throng_stats::Threshold::parse("avg<100").unwrap();
    assert_eq!(list[1], expected.abort_on_fail(Some(Duration::from_secs(10))));
    assert_eq!(thresholds.next().unwrap().0.to_string(), "http_reqs{status:200}");
    assert_eq!(options.tags["env"], "test");
    assert_eq!(options.http.user_agent.as_deref(), Some("ua/1"));
    assert!(options.http.discard_response_bodies && options.http.no_connection_reuse);
    assert!(options.http.no_vu_connection_reuse && options.no_setup && options.no_teardown);
    assert_eq!(options.min_iteration_duration, Duration::from_secs(2));
    assert_eq!(options.setup_timeout, Duration::from_secs(5));
    assert_eq!(options.teardown_timeout, Duration::from_secs(60));
    let stats: Vec<_> = options.summary_trend_stats.iter().map(ToString::to_string).collect();
    assert_eq!(stats, ["avg", "p(99.9)", "count"]);
    assert_eq!(options.summary_time_unit, Some(TimeUnit::Microseconds));
    assert!(options.system_tags.contains(SystemTag::Vu));
    assert!(!options.system_tags.contains(SystemTag::Url));
    let throng = ThrongOptions {
        memory_limit_bytes: 1 << 30,
        guest_time_limit: Duration::from_millis(500),
        dead_peer_timeout: Duration::ZERO,
        seed: Some(u64::MAX),
        agents: vec![AgentRule::parse("3").unwrap()],
        on_agent_loss: OnAgentLoss::Continue,
    };
    assert_eq!(options.throng, throng);
}

#[test]
fn scenarios_are_read_with_all_fields() {
    let options = options(json!({"scenarios": {
        "shared": {
            "executor": "shared-iterations", "vus": 3.0, "iterations": 10, "maxDuration": "5m",
            "startTime": "10s", "gracefulStop": "0s", "exec": "buy",
            "env": {"A": "1", "EMPTY": ""}, "tags": {"kind": "x"},
        },
        "per-vu": {"executor": "per-vu-iterations", "vus": null},
        "constant_1": {"executor": "constant-vus", "vus": 2, "duration": 1500},
    }}));
    let shared = &options.scenarios[0];
    let (vus, iterations, max_duration) = (3, 10, Duration::from_secs(300));
    let model = LoadModel::SharedIterations { vus, iterations, max_duration };
    assert_eq!((&shared.model, shared.exec.as_str()), (&model, "buy"));
    assert_eq!(shared.start, Duration::from_secs(10));
    assert_eq!(shared.graceful_stop, Duration::ZERO);
    assert_eq!((shared.env["A"].as_str(), shared.env["EMPTY"].as_str()), ("1", ""));
    assert_eq!(shared.tags["kind"], "x");
    let (vus, iterations, max_duration) = (1, 1, Duration::from_secs(600));
    let model = LoadModel::PerVuIterations { vus, iterations, max_duration };
    assert_eq!(options.scenarios[1].model, model);
    let (vus, duration) = (2, Duration::from_millis(1_500));
    assert_eq!(options.scenarios[2].model, LoadModel::ConstantVus { vus, duration });
}

#[test]
fn thresholds_on_tags_that_no_sample_has_are_warned_of() {
    let resolved = resolved(json!({
        "thresholds": {"http_reqs{vu:1}": ["count>1"], "http_reqs{ip:::1,status:200}": [], "http_reqs{own:x}": []},
    }));
    let warning = |selector, reason| format!("the threshold on `{selector}` never sees a sample: {reason}");
    assert_eq!(
        resolved.warnings,
        [
            warning("http_reqs{vu:1}", "`vu` isn't a tag"),
            warning("http_reqs{ip:::1,status:200}", "`ip` is off, `systemTags` doesn't have it"),
        ]
    );
    let enabled =
        json!({"thresholds": {"http_reqs{ip:::1}": [], "http_reqs{iter:1}": []}, "systemTags": ["ip", "iter"]});
    let resolved = self::resolved(enabled);
    assert_eq!(resolved.warnings, [warning("http_reqs{iter:1}", "`iter` isn't a tag")]);
}

#[test]
fn thresholds_of_ours_are_read() {
    let options = options(json!({"thresholds": {"checks": [
        {"threshold": "rate>0.9", "window": "30s", "requireSamples": true, "abortOnFail": true},
        {"threshold": "rate>0.9", "requireSamples": false, "window": null},
    ]}}));
    let (_, list) = options.thresholds.iter().next().unwrap();
    let plain = throng_stats::Threshold::parse("rate>0.9").unwrap();
    assert_eq!(list[1], plain);
    let ours = plain.over_last(Duration::from_secs(30)).require_samples().abort_on_fail(None);
    assert_eq!(list[0], ours);
}
