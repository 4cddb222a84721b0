use proptest::prelude::*;
use serde_json::{Value, json};
use throng_stats::{Contains, Definition, Kind};

use super::*;
use crate::options::{Layer, resolve};

fn options(value: Value) -> Options {
    resolve(&[Layer::new("script", value)]).unwrap().options
}

fn plan_of(value: Value) -> Plan {
    let functions = ["default", "other"].map(str::to_owned);
    let setups = ["first", "orders"].map(str::to_owned);
    let functions = Functions { iterations: &functions, setups: &setups };
    Plan::new(options(value), functions, &Registry::new()).unwrap()
}

fn constant(vus: u64, start: u64, seconds: u64, graceful: u64) -> Value {
    json!({
        "executor": "constant-vus", "vus": vus, "duration": format!("{seconds}s"),
        "startTime": format!("{start}s"), "gracefulStop": format!("{graceful}s"),
    })
}

fn names(plan: &Plan) -> Vec<&str> {
    let scenarios = plan.scenarios().iter();
    scenarios.map(|planned| planned.scenario().name.as_str()).collect()
}

#[test]
fn scenarios_are_ordered_by_start_and_name() {
    let plan = plan_of(json!({"scenarios": {
        "z": constant(1, 0, 1, 0), "a": constant(1, 5, 1, 0), "b": constant(1, 0, 1, 0),
    }}));
    assert_eq!(names(&plan), ["b", "z", "a"]);
}

#[test]
fn scenarios_that_do_not_overlap_share_vus() {
    let plan = plan_of(json!({"scenarios": {
        "first": constant(10, 0, 10, 5), "second": constant(8, 15, 10, 0),
    }}));
    assert_eq!(plan.max_vus(), 10);
    assert_eq!(plan.duration(), Duration::from_secs(25));
}

#[test]
fn a_graceful_period_keeps_vus_taken() {
    let plan = plan_of(json!({"scenarios": {
        "first": constant(10, 0, 10, 6), "second": constant(8, 15, 10, 0),
    }}));
    assert_eq!(plan.max_vus(), 18);
}

#[test]
fn every_fault_is_reported_with_its_remedy() {
    let options = options(json!({
        "scenarios": {
            "a": {"executor": "shared-iterations", "exec": "nope", "setup": "none"},
            "b": constant(1, 0, 1, 0),
            "c": {"executor": "shared-iterations", "exec": "orders", "setup": "one"},
        },
        "thresholds": {"my_trend": ["avg<1"], "http_req_duratoin{a:b}": ["avg<1"], "http_reqs": ["p(95)<1", "count>1"], "own": ["count<1"]},
    }));
    let mut registry = Registry::new();
    let own = Definition::new("own", Kind::Trend, Contains::Default);
    registry.register(own).unwrap();
    let (one, orders) = (["one".to_owned()], ["orders".to_owned()]);
    let functions = Functions { iterations: &one, setups: &orders };
    let error = Plan::new(options, functions, &registry).unwrap_err();
    let messages: Vec<_> = error.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "scenarios.a.exec (from script): the script has no function `nope`; it has one",
            "scenarios.a.setup (from script): the script has no function `none` for setting up a scenario; it has orders",
            "scenarios.b.exec (from script): the script has no function `default`; it has one",
            "scenarios.c.exec (from script): the script has no function `orders` for iterations, only for `setup`; it has one",
            "scenarios.c.setup (from script): the script has no function `one` for setting up a scenario, only for `exec`; it has \
             orders",
            "thresholds.my_trend (from script): there is no metric `my_trend`; declare it in the script or correct the name",
            "thresholds.http_req_duratoin (from script): there is no metric `http_req_duratoin`; declare it in the script or correct the \
             name; did you mean `http_req_duration`?",
            "thresholds.http_reqs (from script): `p(95)<1`: http_reqs is a counter, which has no `p(95)`; use count or rate",
            "thresholds.own (from script): `count<1`: own is a trend, which has no `count`; use avg, min, med, max or p(N)",
        ]
    );
}

#[test]
fn functions_are_found_by_name() {
    let scenario = json!({"executor": "per-vu-iterations", "exec": "other"});
    let plan = plan_of(json!({"scenarios": {"a": scenario}}));
    assert_eq!((plan.scenarios()[0].function(), plan.scenarios()[0].setup()), (1, None));
    let scenario = json!({"executor": "per-vu-iterations", "setup": "orders"});
    let plan = plan_of(json!({"scenarios": {"a": scenario}}));
    assert_eq!((plan.scenarios()[0].function(), plan.scenarios()[0].setup()), (0, Some(1)));
}

/// The most VUs planned at any time, found by looking at every begin.
fn peak(plan: &Plan) -> u64 {
    let at = |now: Duration| -> u64 {
        let running = plan.scenarios().iter().map(PlannedScenario::scenario);
        let running = running.filter(|s| s.start <= now && now < s.hard_end());
        running.map(|scenario| scenario.model.vus()).sum()
    };
    let begins = plan.scenarios().iter().map(|p| p.scenario().start);
    begins.map(at).max().unwrap_or_default()
}

proptest! {
    #[test]
    fn the_plan_has_as_many_vus_as_run_at_a_time(
        scenarios in prop::collection::vec((1..30_u64, 0..40_u64, 1..20_u64, 0..10_u64), 1..12),
    ) {
        let named = scenarios.iter().enumerate().map(|(n, &(vus, start, seconds, graceful))| {
            (format!("s{n}"), constant(vus, start, seconds, graceful))
        });
        let plan = plan_of(json!({"scenarios": named.collect::<serde_json::Map<_, _>>()}));
        prop_assert_eq!(plan.max_vus(), peak(&plan));
    }
}

#[test]
fn a_portion_of_the_plan_has_its_scenarios_in_order() {
    let plan = plan_of(json!({"scenarios": {"b": constant(5, 0, 1, 0), "a": constant(2, 1, 1, 0)}}));
    let agent = SegmentTuple::equal(1, 2);
    let portion = plan.portion(&agent, Shard::new(0, 1)).unwrap();
    assert_eq!(portion.scenarios().iter().map(|own| own.max_vus()).collect::<Vec<_>>(), [2, 1]);
    let whole = plan.portion(&SegmentTuple::whole(), Shard::new(0, 1)).unwrap();
    assert_eq!(whole.requirements().planned_vus, plan.max_vus());
    assert_eq!(whole.requirements().end, plan.duration());
}
