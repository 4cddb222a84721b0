//! Wrong options of scripts: scenarios of every executor, thresholds, and what is given together.

use serde_json::{Value, json};

use super::{Row, script};

pub(super) fn rows() -> Vec<Row> {
    [top(), scenarios(), iterations(), ramps(), rates(), controlled(), thresholds(), together()].concat()
}

/// A scenario `s` of an executor with one field more, or another.
fn scenario(executor: &str, key: &str, value: Value) -> Value {
    let stages = json!([{"duration": "5s", "target": 5}]);
    let mut fields = match executor {
        "constant-vus" => json!({"duration": "5s"}),
        "ramping-vus" => json!({"stages": stages}),
        "constant-arrival-rate" => json!({"rate": 5, "duration": "5s", "preAllocatedVUs": 5}),
        "ramping-arrival-rate" => json!({"stages": stages, "preAllocatedVUs": 5}),
        _ => json!({}),
    };
    fields["executor"] = json!(executor);
    fields[key] = value;
    json!({"scenarios": {"s": fields}})
}

fn top() -> Vec<Row> {
    vec![
        script(json!([]), "options", "must be an object, not an array"),
        script(json!({"treshold": {}}), "treshold", "did you mean `thresholds`?"),
        script(json!({"scenario": {}}), "scenario", "did you mean `scenarios`?"),
        script(json!({"a b": 1}), "[\"a b\"]", "there is no `a b`"),
        script(json!({"userAgent": {}}), "userAgent", "must be a string, not an object"),
        script(json!({"setupTimeout": "x"}), "setupTimeout", "write it like `30s`"),
        script(json!({"systemTags": "vu"}), "systemTags", "must be an array, not \"vu\""),
        script(json!({"summaryTrendStats": [5]}), "summaryTrendStats[0]", "must be a string, not 5"),
        script(json!({"handleSummaryTimeout": -1}), "handleSummaryTimeout", "negative"),
        script(json!({"linger": 1}), "linger", "must be true or false, not 1"),
        script(json!({"localIPs": "192.0.2.0/24"}), "localIPs", "isn't supported yet"),
        script(
            json!({"throng": {"threads": 1}}),
            "throng.threads",
            "there are memoryLimit, guestTimeLimit, deadPeerTimeout, seed",
        ),
    ]
}

fn scenarios() -> Vec<Row> {
    let constant = |key, value| scenario("constant-vus", key, value);
    vec![
        script(json!({"scenarios": 5}), "scenarios", "must be an object, not 5"),
        script(json!({"scenarios": {"s": []}}), "scenarios.s", "must be an object, not an array"),
        script(json!({"scenarios": {"s": {"vus": 1}}}), "scenarios.s.executor", "is required; there are"),
        script(
            json!({"scenarios": {"s": {"executor": "ramping"}}}),
            "scenarios.s.executor",
            "there are constant-arrival",
        ),
        script(constant("vus", json!(0)), "scenarios.s.vus", "must be 1 to 100000000, not 0"),
        script(constant("vus", json!("3")), "scenarios.s.vus", "must be a whole number, not \"3\""),
        script(constant("duration", json!(null)), "scenarios.s.duration", "is required, for example \"30s\""),
        script(constant("duration", json!(5)), "scenarios.s.duration", "must be at least 1s, not 5ms"),
        script(
            constant("iterations", json!(5)),
            "scenarios.s.iterations",
            "no `iterations` in a constant-vus scenario",
        ),
        script(constant("startTime", json!(-1)), "scenarios.s.startTime", "negative"),
        script(constant("startime", json!("5s")), "scenarios.s.startime", "did you mean `startTime`?"),
        script(constant("gracefulStop", json!("x")), "scenarios.s.gracefulStop", "write it like `30s`"),
        script(constant("exec", json!("")), "scenarios.s.exec", "leave it out for `default`"),
        script(constant("exec", json!("bye")), "scenarios.s.exec", "no function `bye`; it has default, buy"),
        script(constant("env", json!(["A"])), "scenarios.s.env", "must be an object, not an array"),
        script(constant("env", json!({"A": true})), "scenarios.s.env.A", "must be a string, not true"),
        script(constant("tags", json!({"": "x"})), "scenarios.s.tags[\"\"]", "the name may not be empty"),
        script(constant("options", json!({"browser": {}})), "scenarios.s.options", "isn't supported yet"),
    ]
}

fn iterations() -> Vec<Row> {
    let shared = |key, value| scenario("shared-iterations", key, value);
    let per_vu = |key, value| scenario("per-vu-iterations", key, value);
    vec![
        script(shared("iterations", json!(0)), "scenarios.s.iterations", "at least 1, not 0"),
        script(shared("vus", json!(5)), "scenarios.s.iterations", "at least the number of VUs, 5, not 1"),
        script(shared("maxDuration", json!("1ms")), "scenarios.s.maxDuration", "must be at least 1s, not 1ms"),
        script(shared("duration", json!("5s")), "scenarios.s.duration", "did you mean `maxDuration`?"),
        script(shared("rate", json!(5)), "scenarios.s.rate", "no `rate` in a shared-iterations scenario"),
        script(per_vu("iterations", json!(-1)), "scenarios.s.iterations", "at least 1, not -1"),
        script(per_vu("vus", json!(true)), "scenarios.s.vus", "must be a whole number, not true"),
        script(per_vu("maxDuration", json!([])), "scenarios.s.maxDuration", "a duration such as"),
        script(per_vu("stages", json!([])), "scenarios.s.stages", "no `stages` in a per-vu-iterations scenario"),
    ]
}

fn ramps() -> Vec<Row> {
    let ramp = |key, value| scenario("ramping-vus", key, value);
    vec![
        script(ramp("stages", json!(null)), "scenarios.s.stages", "is required, for example [{\"duration\""),
        script(ramp("stages", json!([])), "scenarios.s.stages", "must have at least one stage"),
        script(ramp("stages", json!([{"target": 5}])), "scenarios.s.stages[0].duration", "with \"0s\" the level jumps"),
        script(
            ramp("stages", json!([{"duration": "5s"}])),
            "scenarios.s.stages[0].target",
            "the level at the stage's end",
        ),
        script(
            ramp("stages", json!([{"duration": "5s", "target": -5}])),
            "scenarios.s.stages[0].target",
            "at least 0, not -5",
        ),
        script(
            ramp("stages", json!([{"duration": "5s", "target": 5, "rate": 1}])),
            "scenarios.s.stages[0].rate",
            "there are duration, target",
        ),
        script(ramp("startVUs", json!(-1)), "scenarios.s.startVUs", "at least 0, not -1"),
        script(ramp("startVus", json!(1)), "scenarios.s.startVus", "did you mean `startVUs`?"),
        script(ramp("gracefulRampDown", json!("y")), "scenarios.s.gracefulRampDown", "write it like `30s`"),
        script(ramp("vus", json!(5)), "scenarios.s.vus", "no `vus` in a ramping-vus scenario"),
    ]
}

fn rates() -> Vec<Row> {
    let constant = |key, value| scenario("constant-arrival-rate", key, value);
    let ramp = |key, value| scenario("ramping-arrival-rate", key, value);
    vec![
        script(constant("rate", json!(null)), "scenarios.s.rate", "is required"),
        script(constant("rate", json!(0)), "scenarios.s.rate", "at least 1, not 0"),
        script(constant("rate", json!(1.5)), "scenarios.s.rate", "a whole number of at least 1, not 1.5"),
        script(constant("timeUnit", json!(0)), "scenarios.s.timeUnit", "must be at least 1ns, not 0s"),
        script(constant("duration", json!(null)), "scenarios.s.duration", "is required"),
        script(constant("preAllocatedVUs", json!(null)), "scenarios.s.preAllocatedVUs", "made before the load starts"),
        script(constant("preallocatedVUs", json!(5)), "scenarios.s.preallocatedVUs", "did you mean `preAllocatedVUs`?"),
        script(constant("maxVUs", json!(4)), "scenarios.s.maxVUs", "must be at least `preAllocatedVUs`, 5, not 4"),
        script(constant("vus", json!(5)), "scenarios.s.vus", "no `vus` in a constant-arrival-rate scenario"),
        script(ramp("startRate", json!("x")), "scenarios.s.startRate", "must be a whole number, not \"x\""),
        script(ramp("timeUnit", json!("-1s")), "scenarios.s.timeUnit", "negative"),
        script(ramp("stages", json!([{ "target": 3 }])), "scenarios.s.stages[0].duration", "is required"),
        script(ramp("stages", json!("5s:5")), "scenarios.s.stages", "must be an array, not \"5s:5\""),
        script(ramp("preAllocatedVUs", json!(0)), "scenarios.s.maxVUs", "there would never be a VU"),
        script(
            ramp("duration", json!("5s")),
            "scenarios.s.duration",
            "no `duration` in a ramping-arrival-rate scenario",
        ),
    ]
}

fn controlled() -> Vec<Row> {
    let controlled = |key: &str, value: Value| {
        let mut scenario = json!({ "executor": "externally-controlled", "duration": "0s" });
        scenario[key] = value;
        json!({ "scenarios": { "s": scenario } })
    };
    vec![
        script(controlled("duration", json!("x")), "scenarios.s.duration", "write it like `30s`"),
        script(controlled("maxVUs", json!(0)), "scenarios.s.maxVUs", "must be at least `vus`, 1, not 0"),
        script(controlled("vus", json!(-1)), "scenarios.s.vus", "at least 0, not -1"),
        script(controlled("rate", json!(1)), "scenarios.s.rate", "no `rate` in a externally-controlled scenario"),
    ]
}

fn thresholds() -> Vec<Row> {
    let of = |threshold: Value| json!({"thresholds": {"http_reqs": [threshold]}});
    vec![
        script(json!({"thresholds": ["count>1"]}), "thresholds", "must be an object"),
        script(
            json!({"thresholds": {"http_reqs{a": ["count>1"]}}),
            "thresholds[\"http_reqs{a\"]",
            "in one pair of braces",
        ),
        script(
            json!({"thresholds": {"http_reqs{a}": ["count>1"]}}),
            "thresholds[\"http_reqs{a}\"]",
            "write `key:value`",
        ),
        script(
            json!({"thresholds": {"http_req": ["count>1"]}}),
            "thresholds.http_req",
            "there is no metric `http_req`",
        ),
        script(
            json!({"thresholds": {"http_req_duratoin{a:b}": ["p(95)<1"]}}),
            "thresholds.http_req_duratoin",
            "did you mean `http_req_duration`?",
        ),
        script(of(json!("rte>1")), "thresholds.http_reqs[0]", "use count, rate, value, avg"),
        script(of(json!("p(101)>1")), "thresholds.http_reqs[0]", "N in p(N) is a number from 0 to 100"),
        script(of(json!("count>5s")), "thresholds.http_reqs[0]", "no units"),
        script(of(json!("count")), "thresholds.http_reqs[0]", "write a statistic, one of"),
        script(of(json!("value>1")), "thresholds.http_reqs", "use count or rate"),
        script(of(json!(5)), "thresholds.http_reqs[0]", "an expression such as"),
        script(of(json!({})), "thresholds.http_reqs[0].threshold", "is required, for example"),
        script(
            of(json!({"threshold": "count>1", "abort": true})),
            "thresholds.http_reqs[0].abort",
            "there are threshold",
        ),
        script(
            of(json!({"threshold": "count>1", "abortOnFail": "yes"})),
            "thresholds.http_reqs[0].abortOnFail",
            "must be true or false",
        ),
        script(
            of(json!({"threshold": "count>1", "delayAbortEval": -1})),
            "thresholds.http_reqs[0].delayAbortEval",
            "negative",
        ),
    ]
}

/// What is right by itself, and not with what stands beside it.
fn together() -> Vec<Row> {
    let scenarios = json!({"s": {"executor": "shared-iterations"}});
    vec![
        script(json!({"duration": "5s", "scenarios": scenarios}), "duration", "put it into a scenario"),
        script(json!({"iterations": 5, "scenarios": scenarios}), "iterations", "put it into a scenario"),
        script(
            json!({"stages": [{"duration": "5s", "target": 1}], "scenarios": scenarios}),
            "stages",
            "put it into a scenario",
        ),
        script(json!({"vus": 5, "iterations": 4}), "iterations", "VUs share them"),
        script(json!({"stages": [{"duration": "5s", "target": 0}], "vus": 0}), "stages", "0"),
    ]
}
