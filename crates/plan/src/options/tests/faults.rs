//! What is wrong, where, and what the message says of the remedy.

use super::*;

/// A scenario `s` with these fields.
fn scenario(fields: Value) -> Value {
    json!({"scenarios": {"s": fields}})
}

/// A constant-vus scenario with one field more.
fn constant(key: &str, value: Value) -> Value {
    scenario(json!({"executor": "constant-vus", "duration": "5s", key: value}))
}

/// A shared-iterations scenario with one field more.
fn shared(key: &str, value: Value) -> Value {
    scenario(json!({"executor": "shared-iterations", key: value}))
}

fn threshold(element: Value) -> Value {
    json!({"thresholds": {"http_reqs": [element]}})
}

fn own(key: &str, value: Value) -> Value {
    json!({"throng": {key: value}})
}

/// Options with one fault, its path, and a part of the message.
fn of_the_top() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!([]), "options", "must be an object, not an array"),
        (json!("x"), "options", "must be an object, not \"x\""),
        (json!({"vuss": 1}), "vuss", "did you mean `vus`?"),
        (json!({"VUs": 1}), "VUs", "did you mean `vus`?"),
        (json!({"iteration": 1}), "iteration", "did you mean `iterations`?"),
        (json!({"treshold": {}}), "treshold", "did you mean `thresholds`?"),
        (json!({"scenario": {}}), "scenario", "did you mean `scenarios`?"),
        (json!({"Throng": {}}), "Throng", "did you mean `throng`?"),
        (json!({"quux": 1}), "quux", "there is no `quux` in the options"),
        (json!({"a b": 1}), "[\"a b\"]", "there is no `a b`"),
        (json!({"webDashboard": true}), "webDashboard", "isn't supported yet"),
        (json!({"insecureSkipTlsVerifi": true}), "insecureSkipTlsVerifi", "did you mean `insecureSkipTLSVerify`?"),
        (json!({"vus": 0}), "vus", "must be 1 to 100000000, not 0"),
        (json!({"vus": -1}), "vus", "at least 1, not -1"),
        (json!({"vus": 1.5}), "vus", "a whole number of at least 1, not 1.5"),
        (json!({"vus": "5"}), "vus", "must be a whole number, not \"5\""),
        (json!({"vus": 100_000_001}), "vus", "must be 1 to 100000000"),
        (json!({"iterations": 0}), "iterations", "at least 1, not 0"),
        (json!({"iterations": true}), "iterations", "must be a whole number, not true"),
        (json!({"vus": 3, "iterations": 2}), "iterations", "at least the number of VUs, 3, not 2"),
        (json!({"duration": "5x"}), "duration", "units are d, h, m, s, ms, us and ns"),
        (json!({"duration": ""}), "duration", "write it like `30s`"),
        (json!({"duration": "0s"}), "duration", "must be at least 1s, not 0s"),
        (json!({"duration": "500ms"}), "duration", "must be at least 1s, not 500ms"),
        (json!({"duration": -5}), "duration", "negative"),
        (json!({"duration": [1]}), "duration", "a duration such as \"1m30s\""),
        (json!({"userAgent": 5}), "userAgent", "must be a string, not 5"),
        (json!({"userAgent": "a\r\nb"}), "userAgent", "control characters"),
        (json!({"discardResponseBodies": "yes"}), "discardResponseBodies", "true or false, not \"yes\""),
        (json!({"noConnectionReuse": 1}), "noConnectionReuse", "true or false, not 1"),
        (json!({"noSetup": {}}), "noSetup", "true or false, not an object"),
        (json!({"minIterationDuration": "-1s"}), "minIterationDuration", "negative"),
        (json!({"setupTimeout": 0}), "setupTimeout", "at least 1ns, not 0s"),
        (json!({"teardownTimeout": "400000d"}), "teardownTimeout", "longer than 292 years"),
        (json!({"tags": []}), "tags", "must be an object, not an array"),
        (json!({"tags": {"a": 1}}), "tags.a", "must be a string, not 1"),
        (json!({"tags": {"a": ""}}), "tags.a", "the value may not be empty"),
        (json!({"tags": {"": "a"}}), "tags[\"\"]", "the name may not be empty"),
        (json!({"summaryTrendStats": "avg"}), "summaryTrendStats", "must be an array"),
        (
            json!({"summaryTrendStats": ["avg", "mean"]}),
            "summaryTrendStats[1]",
            "use avg, min, med, max, count or p(N)",
        ),
        (json!({"summaryTrendStats": ["p(101)"]}), "summaryTrendStats[0]", "a number from 0 to 100"),
        (json!({"summaryTimeUnit": "m"}), "summaryTimeUnit", "use s, ms or us"),
        (json!({"systemTags": ["statsu"]}), "systemTags[0]", "did you mean `status`?"),
        (json!({"systemTags": ["nothing-like-it"]}), "systemTags[0]", "there are proto, subproto"),
    ]
}

fn of_scenarios() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"scenarios": []}), "scenarios", "must be an object, not an array"),
        (json!({"scenarios": {"s": 1}}), "scenarios.s", "must be an object, not 1"),
        (
            json!({"scenarios": {"a b": {"executor": "shared-iterations"}}}),
            "scenarios[\"a b\"]",
            "letters, digits, `_` and `-`",
        ),
        (scenario(json!({"vus": 1})), "scenarios.s.executor", "is required; there are constant-arrival-rate"),
        (scenario(json!({"executor": 1})), "scenarios.s.executor", "must be a string, not 1"),
        (scenario(json!({"executor": "constant-vu"})), "scenarios.s.executor", "did you mean `constant-vus`?"),
        (
            scenario(json!({"executor": "x"})),
            "scenarios.s.executor",
            "there are constant-arrival-rate, constant-vus, externally-controlled, per-vu-iterations, \
             ramping-arrival-rate, ramping-vus, shared-iterations",
        ),
        (scenario(json!({"executor": "constant-vus"})), "scenarios.s.duration", "is required, for example \"30s\""),
        (constant("duration", json!("100ms")), "scenarios.s.duration", "must be at least 1s, not 100ms"),
        (constant("vus", json!(0)), "scenarios.s.vus", "must be 1 to 100000000, not 0"),
        (constant("iterations", json!(5)), "scenarios.s.iterations", "in a constant-vus scenario; there are executor"),
        (
            constant("maxDuration", json!("5s")),
            "scenarios.s.maxDuration",
            "there is no `maxDuration` in a constant-vus",
        ),
        (constant("gracefulstop", json!("5s")), "scenarios.s.gracefulstop", "did you mean `gracefulStop`?"),
        (constant("startTime", json!("-1s")), "scenarios.s.startTime", "negative"),
        (constant("gracefulStop", json!(true)), "scenarios.s.gracefulStop", "a duration such as"),
        (constant("exec", json!("")), "scenarios.s.exec", "may not be empty; leave it out for `default`"),
        (constant("exec", json!(1)), "scenarios.s.exec", "must be a string, not 1"),
        (constant("env", json!({"A": 1})), "scenarios.s.env.A", "must be a string, not 1"),
        (constant("tags", json!({"a": ""})), "scenarios.s.tags.a", "the value may not be empty"),
        (constant("options", json!({})), "scenarios.s.options", "isn't supported yet"),
        (shared("iterations", json!(-3)), "scenarios.s.iterations", "at least 1, not -3"),
        (shared("vus", json!(5)), "scenarios.s.iterations", "at least the number of VUs, 5, not 1"),
        (shared("maxDuration", json!("0s")), "scenarios.s.maxDuration", "must be at least 1s"),
        (shared("duration", json!("5s")), "scenarios.s.duration", "did you mean `maxDuration`?"),
    ]
}

fn of_thresholds_and_ours() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"thresholds": []}), "thresholds", "must be an object"),
        (json!({"thresholds": {"http_reqs": "count>1"}}), "thresholds.http_reqs", "must be an array, not \"count>1\""),
        (json!({"thresholds": {"http_reqs{a": ["count>1"]}}), "thresholds[\"http_reqs{a\"]", "unmatched braces"),
        (json!({"thresholds": {"http_reqs{a}": ["count>1"]}}), "thresholds[\"http_reqs{a}\"]", "write `key:value`"),
        (threshold(json!(1)), "thresholds.http_reqs[0]", "an expression such as \"p(95)<200\""),
        (threshold(json!("count")), "thresholds.http_reqs[0]", "write a statistic, one of"),
        (threshold(json!("counts>1")), "thresholds.http_reqs[0]", "use count, rate, value"),
        (threshold(json!("p95<1")), "thresholds.http_reqs[0]", "N in p(N) is a number from 0 to 100"),
        (threshold(json!("count>5s")), "thresholds.http_reqs[0]", "`5s` isn't a number"),
        (threshold(json!({})), "thresholds.http_reqs[0].threshold", "is required"),
        (threshold(json!({"threshold": 1})), "thresholds.http_reqs[0].threshold", "must be a string, not 1"),
        (threshold(json!({"threshold": "count>"})), "thresholds.http_reqs[0].threshold", "isn't a threshold"),
        (
            threshold(json!({"threshold": "count>1", "abortOnFail": 1})),
            "thresholds.http_reqs[0].abortOnFail",
            "true or false",
        ),
        (
            threshold(json!({"threshold": "count>1", "delayAbortEval": "x"})),
            "thresholds.http_reqs[0].delayAbortEval",
            "write it like",
        ),
        (
            threshold(json!({"threshold": "count>1", "abortOnfail": true})),
            "thresholds.http_reqs[0].abortOnfail",
            "did you mean `abortOnFail`?",
        ),
        (
            threshold(json!({"threshold": "count>1", "window": "500ms"})),
            "thresholds.http_reqs[0].window",
            "must be at least 1s, not 500ms",
        ),
        (
            threshold(json!({"threshold": "count>1", "window": "1.5s"})),
            "thresholds.http_reqs[0].window",
            "must be whole seconds",
        ),
        (threshold(json!({"threshold": "count>1", "window": "25h"})), "thresholds.http_reqs[0].window", "at most 24h"),
        (
            threshold(json!({"threshold": "count>1", "requireSamples": "yes"})),
            "thresholds.http_reqs[0].requireSamples",
            "true or false",
        ),
        (json!({"throng": 1}), "throng", "must be an object, not 1"),
        (own("memorylimit", json!("1MiB")), "throng.memorylimit", "did you mean `memoryLimit`?"),
        (own("threads", json!(1)), "throng.threads", "there are memoryLimit, guestTimeLimit, deadPeerTimeout, seed"),
        (own("memoryLimit", json!("64M")), "throng.memoryLimit", "write it like `64MiB`"),
        (own("memoryLimit", json!("1KiB")), "throng.memoryLimit", "must be 1MiB to 4GiB, not 1KiB"),
        (own("memoryLimit", json!("5GiB")), "throng.memoryLimit", "must be 1MiB to 4GiB, not 5GiB"),
        (own("memoryLimit", json!(true)), "throng.memoryLimit", "a size such as \"64MiB\""),
        (own("deadPeerTimeout", json!("500ms")), "throng.deadPeerTimeout", "must be 0 or at least 1s, not 500ms"),
        (own("guestTimeLimit", json!(0)), "throng.guestTimeLimit", "must be at least 1ms, not 0s"),
        (own("seed", json!(-1)), "throng.seed", "at least 0, not -1"),
        (own("seed", json!("x")), "throng.seed", "must be a whole number, not \"x\""),
        (own("agents", json!(0)), "throng.agents", "it must be 1 to 10000"),
        (own("agents", json!("eu")), "throng.agents", "write it like `3`, `all`, `zone=eu:2`"),
        (own("agents", json!("zone=eu:2@x")), "throng.agents", "`x` isn't a weight"),
        (own("agents", json!(["a"])), "throng.agents", "a number of agents, or which ones"),
        (own("onAgentLoss", json!("stop")), "throng.onAgentLoss", "there are fail, continue, reassign"),
        (own("onAgentLoss", json!("Continue")), "throng.onAgentLoss", "did you mean `continue`?"),
    ]
}

#[test]
fn each_fault_is_found_with_its_path_origin_and_remedy() {
    let cases = [of_the_top(), of_scenarios(), of_thresholds_and_ours(), models::faults(), network::faults()].concat();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    for (value, path, remedy) in cases {
        let layer = Layer::new("-c load.json", value.clone());
        let errors = resolve(&[layer]).expect_err(&value.to_string()).0;
        assert_eq!(errors.len(), 1, "{value}: {errors:?}");
        assert_eq!(errors[0].path, path, "{value}");
        assert_eq!(errors[0].origin, "-c load.json");
        assert!(errors[0].message.contains(remedy), "{value}: {}", errors[0].message);
    }
}

#[test]
fn all_faults_of_all_layers_are_reported_at_once() {
    let layers = [
        Layer::new("script", json!({"vuss": 1, "scenarios": {"a": {"executor": "constant-vus", "vus": 0}}})),
        Layer::new("flags", json!({"duration": "5x", "webDashboard": true})),
    ];
    let errors = resolve(&layers).unwrap_err();
    let found: Vec<_> = errors.0.iter().map(|e| (e.origin.as_str(), e.path.as_str())).collect();
    assert_eq!(
        found,
        [
            ("script", "vuss"),
            ("script", "scenarios.a.vus"),
            ("script", "scenarios.a.duration"),
            ("flags", "webDashboard"),
            ("flags", "duration"),
        ]
    );
    let text = errors.to_string();
    assert!(text.starts_with("the options aren't valid, in 5 places:\n  - vuss (from script): "), "{text}");
}

#[test]
fn short_forms_and_scenarios_exclude_each_other() {
    let scenarios = json!({"a": {"executor": "shared-iterations"}});
    let value = json!({"iterations": 5, "duration": "5s", "scenarios": scenarios});
    let errors = resolve(&[Layer::new("script", value)]).unwrap_err().0;
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["iterations", "duration"]);
    assert!(errors[0].message.contains("put it into a scenario"));
}
