//! Layers over layers, and short forms.

use super::*;

fn layered(layers: &[(&str, Value)]) -> Resolved {
    let layers: Vec<_> = layers.iter().map(|(origin, value)| Layer::new(*origin, value.clone())).collect();
    resolve(&layers).unwrap()
}

fn shared(vus: u64, iterations: u64, seconds: u64) -> LoadModel {
    LoadModel::SharedIterations { vus, iterations, max_duration: Duration::from_secs(seconds) }
}

fn constant(vus: u64, seconds: u64) -> LoadModel {
    LoadModel::ConstantVus { vus, duration: Duration::from_secs(seconds) }
}

fn scenarios() -> Value {
    json!({"load": {"executor": "constant-vus", "vus": 7, "duration": "7s"}})
}

#[test]
fn short_forms_become_scenarios() {
    for (value, model) in [
        (json!({"vus": 3, "iterations": 9}), shared(3, 9, 600)),
        (json!({"vus": 3, "iterations": 9, "duration": "5s"}), shared(3, 9, 5)),
        (json!({"iterations": 9}), shared(1, 9, 600)),
        (json!({"vus": 3, "duration": "5s"}), constant(3, 5)),
        (json!({"duration": "5s"}), constant(1, 5)),
        (json!({"vus": 3}), shared(3, 3, 600)),
    ] {
        assert_eq!(*only_model(&options(value.clone())), model, "{value}");
    }
}

#[test]
fn the_highest_layer_wins_key_by_key() {
    let resolved = layered(&[
        ("-c FILE", json!({"userAgent": "file", "noSetup": true, "vus": 2})),
        ("script", json!({"userAgent": "script", "duration": "5s"})),
        ("flags", json!({"vus": 9})),
    ]);
    assert_eq!(resolved.options.http.user_agent.as_deref(), Some("script"));
    assert!(resolved.options.no_setup);
    assert_eq!(*only_model(&resolved.options), constant(9, 5));
    assert_eq!(resolved.warnings, [""; 0]);
}

#[test]
fn a_null_leaves_the_lower_layer_in_force() {
    let resolved = layered(&[("script", json!({"userAgent": "script"})), ("flags", json!({"userAgent": null}))]);
    assert_eq!(resolved.options.http.user_agent.as_deref(), Some("script"));
}

#[test]
fn maps_replace_the_lower_layers_maps() {
    let resolved = layered(&[
        ("script", json!({"tags": {"a": "1"}, "thresholds": {"http_reqs": ["count>1"]}})),
        ("flags", json!({"tags": {"b": "2"}, "thresholds": {"vus": ["value>1"]}})),
    ]);
    let tags: Vec<_> = resolved.options.tags.into_iter().collect();
    assert_eq!(tags, [("b".to_owned(), "2".to_owned())]);
    let keys: Vec<_> = resolved.options.thresholds.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["vus"]);
}

#[test]
fn a_short_form_above_clears_iterations_duration_and_scenarios_below() {
    let resolved = layered(&[("script", json!({"iterations": 100, "vus": 4})), ("flags", json!({"duration": "5s"}))]);
    assert_eq!(*only_model(&resolved.options), constant(4, 5));

    let resolved = layered(&[("script", json!({"duration": "5s"})), ("flags", json!({"iterations": 10}))]);
    assert_eq!(*only_model(&resolved.options), shared(1, 10, 600));
}

#[test]
fn replacing_scenarios_is_warned_of() {
    for above in [json!({"iterations": 10}), json!({"duration": "9s"}), json!({"scenarios": {}})] {
        let resolved = layered(&[("script", json!({"scenarios": scenarios()})), ("flags", above)]);
        let warning = "the scenarios from script are replaced by those from flags";
        assert_eq!(resolved.warnings[0], warning);
    }
}

#[test]
fn scenarios_above_clear_short_forms_below() {
    let resolved = layered(&[
        ("-c FILE", json!({"iterations": 10, "duration": "5s"})),
        ("script", json!({"scenarios": scenarios()})),
    ]);
    assert_eq!(resolved.options.scenarios[0].model, constant(7, 7));
    assert_eq!(resolved.warnings, [""; 0]);
}

#[test]
fn vus_alone_override_scenarios_with_a_warning() {
    let resolved = layered(&[("script", json!({"scenarios": scenarios()})), ("flags", json!({"vus": 3}))]);
    assert_eq!(*only_model(&resolved.options), shared(3, 3, 600));
    assert!(resolved.warnings[0].contains("`vus` from flags replaces the scenarios"));
}

#[test]
fn vus_do_not_clear_a_duration_below() {
    let resolved = layered(&[("script", json!({"vus": 1, "duration": "5s"})), ("flags", json!({"vus": 3}))]);
    assert_eq!(*only_model(&resolved.options), constant(3, 5));
}

#[test]
fn empty_scenarios_run_one_iteration_with_a_warning() {
    let resolved = resolved(json!({"scenarios": {}}));
    assert_eq!(
        *only_model(&resolved.options),
        LoadModel::PerVuIterations { vus: 1, iterations: 1, max_duration: Duration::from_secs(600) }
    );
    assert_eq!(resolved.warnings.len(), 1);
}
