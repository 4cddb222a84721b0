//! Load models with stages, rates or commands.

use super::*;
use crate::load_model::Stage;

const SECOND: Duration = Duration::from_secs(1);

fn stages(stages: &[(u64, u64)]) -> Vec<Stage> {
    stages.iter().map(|&(seconds, target)| Stage { duration: Duration::from_secs(seconds), target }).collect()
}

/// A scenario `s` of an executor with these fields.
fn scenario(executor: &str, fields: Value) -> Value {
    let mut fields = fields;
    fields["executor"] = json!(executor);
    json!({"scenarios": {"s": fields}})
}

fn model(executor: &str, fields: Value) -> LoadModel {
    options(scenario(executor, fields)).scenarios.remove(0).model
}

#[test]
fn models_have_k6s_defaults() {
    assert_eq!(
        model("ramping-vus", json!({"stages": [{"duration": "10s", "target": 5}, {"duration": 0, "target": 0}]})),
        LoadModel::RampingVus {
            start_vus: 1,
            stages: stages(&[(10, 5), (0, 0)]),
            graceful_ramp_down: Duration::from_secs(30),
        }
    );
    let constant = |max_vus| LoadModel::ConstantArrivalRate {
        rate: 7,
        time_unit: SECOND,
        duration: Duration::from_secs(60),
        pre_allocated_vus: 3,
        max_vus,
    };
    let fields = json!({"rate": 7, "duration": "1m", "preAllocatedVUs": 3});
    assert_eq!(model("constant-arrival-rate", fields), constant(3));
    let fields = json!({"rate": 7, "duration": "1m", "preAllocatedVUs": 3, "maxVUs": 9});
    assert_eq!(model("constant-arrival-rate", fields), constant(9));
    assert_eq!(
        model(
            "ramping-arrival-rate",
            json!({"stages": [{"duration": "1s", "target": 2}], "preAllocatedVUs": 0, "maxVUs": 1})
        ),
        LoadModel::RampingArrivalRate {
            start_rate: 0,
            time_unit: SECOND,
            stages: stages(&[(1, 2)]),
            pre_allocated_vus: 0,
            max_vus: 1,
        }
    );
    assert_eq!(
        model("externally-controlled", json!({"duration": "0s", "maxVUs": 4})),
        LoadModel::ExternallyControlled { vus: 1, max_vus: 4, duration: None }
    );
}

#[test]
fn models_are_read_with_all_fields() {
    let fields = json!({
        "startVUs": 0, "gracefulRampDown": "5s", "stages": [{"duration": "1s", "target": 2}], "startTime": "3s",
        "gracefulStop": "1s", "exec": "f", "env": {"A": "b"}, "tags": {"a": "b"},
    });
    let graceful_ramp_down = Duration::from_secs(5);
    assert_eq!(
        model("ramping-vus", fields),
        LoadModel::RampingVus { start_vus: 0, stages: stages(&[(1, 2)]), graceful_ramp_down }
    );
    let fields = json!({
        "startRate": 10, "timeUnit": "1m", "stages": [{"duration": "1s", "target": 2}], "preAllocatedVUs": 1, "maxVUs": 2,
    });
    let time_unit = Duration::from_secs(60);
    assert_eq!(
        model("ramping-arrival-rate", fields),
        LoadModel::RampingArrivalRate {
            start_rate: 10,
            time_unit,
            stages: stages(&[(1, 2)]),
            pre_allocated_vus: 1,
            max_vus: 2
        }
    );
    let fields = json!({"vus": 2, "maxVUs": 3, "duration": "10s", "startTime": 0, "gracefulStop": "0s"});
    let options = options(scenario("externally-controlled", fields));
    let expected = LoadModel::ExternallyControlled { vus: 2, max_vus: 3, duration: Some(Duration::from_secs(10)) };
    assert_eq!(options.scenarios[0].model, expected);
    assert_eq!(options.scenarios[0].graceful_stop, Duration::ZERO);
}

fn ramp(start_vus: u64, list: &[(u64, u64)]) -> LoadModel {
    let graceful_ramp_down = Duration::from_secs(30);
    LoadModel::RampingVus { start_vus, stages: stages(list), graceful_ramp_down }
}

#[test]
fn the_short_form_begins_with_vus() {
    let list = json!([{"duration": "10s", "target": 5}, {"duration": "5s", "target": 0}]);
    for (value, start) in
        [(json!({"stages": list}), 1), (json!({"stages": list, "vus": 3}), 3), (json!({"stages": list, "vus": 0}), 0)]
    {
        assert_eq!(*only_model(&options(value.clone())), ramp(start, &[(10, 5), (5, 0)]), "{value}");
    }
}

#[test]
fn short_stages_without_a_duration_are_left_out() {
    let value = json!({"stages": [{"target": 9}, {"duration": "10s", "target": 5}, {"duration": null, "target": 9}]});
    assert_eq!(*only_model(&options(value)), ramp(1, &[(10, 5)]));
}

#[test]
fn empty_stages_are_of_no_effect_and_warned_of() {
    let value = |rest: Value| {
        let mut value = rest;
        value["stages"] = json!([]);
        resolved(value)
    };
    let nothing = value(json!({}));
    let expected = LoadModel::PerVuIterations { vus: 1, iterations: 1, max_duration: Duration::from_secs(600) };
    assert_eq!(*only_model(&nothing.options), expected);
    assert_eq!(nothing.warnings, ["`stages` from script is empty, so it is of no effect"]);
    let vus = value(json!({"vus": 3}));
    let expected = LoadModel::SharedIterations { vus: 3, iterations: 3, max_duration: Duration::from_secs(600) };
    assert_eq!(*only_model(&vus.options), expected);
    let duration = value(json!({"vus": 3, "duration": "5s"}));
    let expected = LoadModel::ConstantVus { vus: 3, duration: Duration::from_secs(5) };
    assert_eq!(*only_model(&duration.options), expected);
}

#[test]
fn stages_above_clear_what_is_below_and_the_other_way_round() {
    let list = json!([{"duration": "10s", "target": 5}]);
    let scenarios = json!({"a": {"executor": "shared-iterations"}});
    let layered =
        |below: Value, above: Value| resolve(&[Layer::new("script", below), Layer::new("flags", above)]).unwrap();
    for below in [json!({"duration": "5s"}), json!({"iterations": 5}), json!({"scenarios": scenarios})] {
        let resolved = layered(below, json!({"stages": list}));
        assert_eq!(*only_model(&resolved.options), ramp(1, &[(10, 5)]));
        assert_eq!(resolved.origins.into_iter().collect::<Vec<_>>(), [("stages".to_owned(), "flags".to_owned())]);
    }
    let resolved = layered(json!({"stages": list}), json!({"duration": "5s"}));
    assert_eq!(*only_model(&resolved.options), LoadModel::ConstantVus { vus: 1, duration: Duration::from_secs(5) });
    let resolved = layered(json!({"stages": list, "vus": 2}), json!({"vus": 9}));
    assert_eq!(*only_model(&resolved.options), ramp(9, &[(10, 5)]));
}

#[test]
fn stages_exclude_other_short_forms_and_scenarios() {
    let list = json!([{"duration": "10s", "target": 5}]);
    let scenarios = json!({"a": {"executor": "shared-iterations"}});
    for (value, paths) in [
        (json!({"stages": list, "duration": "5s"}), vec!["duration"]),
        (json!({"stages": list, "iterations": 5}), vec!["iterations"]),
        (json!({"stages": list, "scenarios": scenarios}), vec!["stages"]),
        (json!({"stages": list, "iterations": 5, "duration": "5s"}), vec!["iterations", "duration"]),
    ] {
        let errors = resolve(&[Layer::new("script", value)]).unwrap_err().0;
        assert_eq!(errors.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(), paths);
    }
}

#[test]
fn all_faults_of_a_scenario_are_reported_at_once() {
    let fields = json!({
        "rate": 0, "timeUnit": "0s", "duration": "1ms", "preAllocatedVUs": -1, "maxVUs": "x", "startRate": 1,
    });
    let errors = resolve(&[Layer::new("script", scenario("constant-arrival-rate", fields))]).unwrap_err().0;
    let paths: Vec<_> = errors.iter().map(|error| error.path.strip_prefix("scenarios.s.").unwrap()).collect();
    assert_eq!(paths, ["startRate", "rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"]);

    let fields = json!({"stages": [{"duration": "x", "target": -1}, {}, 5, {"duraton": "1s", "target": 1}]});
    let errors = resolve(&[Layer::new("script", scenario("ramping-vus", fields))]).unwrap_err().0;
    let paths: Vec<_> = errors.iter().map(|error| error.path.strip_prefix("scenarios.s.").unwrap()).collect();
    assert_eq!(
        paths,
        [
            "stages[0].duration",
            "stages[0].target",
            "stages[1].duration",
            "stages[1].target",
            "stages[2]",
            "stages[3].duraton",
            "stages[3].duration",
        ]
    );
}

/// One fault each: options, path, a part of the message.
pub(super) fn faults() -> Vec<(Value, &'static str, &'static str)> {
    let one = json!([{"duration": "1s", "target": 1}]);
    let ramp = |fields| scenario("ramping-vus", fields);
    let with = |key: &str, value: Value| {
        let mut fields = json!({"rate": 5, "duration": "10s", "preAllocatedVUs": 5});
        fields[key] = value;
        scenario("constant-arrival-rate", fields)
    };
    let rates = |fields| scenario("ramping-arrival-rate", fields);
    let controlled = |fields| scenario("externally-controlled", fields);
    let century = json!({"duration": "36500d", "target": 1});
    vec![
        (json!({"stages": 5}), "stages", "must be an array, not 5"),
        (json!({"stages": [5]}), "stages[0]", "must be an object, not 5"),
        (json!({"stages": [{"duration": "1s"}]}), "stages[0].target", "is required: the level at the stage's end"),
        (json!({"stages": [{"duration": "1s", "targt": 1, "target": 1}]}), "stages[0].targt", "did you mean `target`?"),
        (json!({"stages": [{"duration": "1s", "target": -1}]}), "stages[0].target", "at least 0, not -1"),
        (json!({"vus": 0, "stages": [{"duration": "1s", "target": 0}]}), "stages", "must be above 0"),
        (json!({"vus": 0, "stages": []}), "vus", "must be 1 to 100000000, not 0"),
        (json!({"stages": [{"duration": "1s", "target": 100_000_001}]}), "stages", "not 100000001"),
        (json!({"stages": [century, century, century]}), "stages", "longer than 292 years"),
        (ramp(json!({})), "scenarios.s.stages", "is required, for example [{"),
        (ramp(json!({"stages": []})), "scenarios.s.stages", "must have at least one stage"),
        (
            ramp(json!({"stages": [{"target": 1}]})),
            "scenarios.s.stages[0].duration",
            "is required, for example \"30s\"",
        ),
        (ramp(json!({"stages": [{"duration": "-1s", "target": 1}]})), "scenarios.s.stages[0].duration", "negative"),
        (ramp(json!({"startVUs": 0, "stages": [{"duration": "1s", "target": 0}]})), "scenarios.s.stages", "above 0"),
        (ramp(json!({"startVUs": -1, "stages": one})), "scenarios.s.startVUs", "at least 0, not -1"),
        (ramp(json!({"startVus": 1, "stages": one})), "scenarios.s.startVus", "did you mean `startVUs`?"),
        (ramp(json!({"vus": 1, "stages": one})), "scenarios.s.vus", "in a ramping-vus scenario"),
        (ramp(json!({"gracefulRampDown": "x", "stages": one})), "scenarios.s.gracefulRampDown", "isn't a duration"),
        (ramp(json!({"stages": [century, century, century]})), "scenarios.s.stages", "longer than 292 years"),
        (with("rate", json!(null)), "scenarios.s.rate", "is required, for example 50"),
        (with("rate", json!(0)), "scenarios.s.rate", "at least 1, not 0"),
        (with("rate", json!(1.5)), "scenarios.s.rate", "a whole number of at least 1, not 1.5"),
        (with("rate", json!(u64::MAX)), "scenarios.s.rate", "lower its rate"),
        (with("timeUnit", json!(0)), "scenarios.s.timeUnit", "at least 1ns"),
        (with("duration", json!("500ms")), "scenarios.s.duration", "at least 1s"),
        (with("preAllocatedVUs", json!(null)), "scenarios.s.preAllocatedVUs", "how many VUs are made before"),
        (with("preAllocatedVUs", json!(0)), "scenarios.s.maxVUs", "there would never be a VU"),
        (with("maxVUs", json!(4)), "scenarios.s.maxVUs", "at least `preAllocatedVUs`, 5, not 4"),
        (with("maxVus", json!(9)), "scenarios.s.maxVus", "did you mean `maxVUs`?"),
        (with("vus", json!(9)), "scenarios.s.vus", "in a constant-arrival-rate scenario"),
        (rates(json!({"preAllocatedVUs": 1})), "scenarios.s.stages", "is required"),
        (rates(json!({"preAllocatedVUs": 1, "stages": []})), "scenarios.s.stages", "at least one stage"),
        (rates(json!({"preAllocatedVUs": 1, "stages": one, "rate": 1})), "scenarios.s.rate", "there is no `rate`"),
        (rates(json!({"preAllocatedVUs": 1, "stages": one, "startRate": -1})), "scenarios.s.startRate", "at least 0"),
        (controlled(json!({})), "scenarios.s.duration", "\"0s\" is until it is stopped"),
        (controlled(json!({"duration": "1s", "vus": 5, "maxVUs": 4})), "scenarios.s.maxVUs", "at least `vus`, 5"),
        (controlled(json!({"duration": "1s", "vus": 0})), "scenarios.s.maxVUs", "there would never be a VU"),
        (controlled(json!({"duration": "1s", "startTime": "1s"})), "scenarios.s.startTime", "begins with the run"),
        (controlled(json!({"duration": "1s", "gracefulStop": "1s"})), "scenarios.s.gracefulStop", "can't be set"),
    ]
}
