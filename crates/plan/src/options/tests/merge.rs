//! Layers that became one.

use proptest::prelude::*;

use super::*;

fn load() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let scenarios = json!({"load": {"executor": "constant-vus", "vus": 7, "duration": "7s"}});
    prop::sample::subsequence(
        vec![
            ("vus", json!(2)),
            ("iterations", json!(20)),
            ("duration", json!("9s")),
            ("scenarios", scenarios),
            ("scenarios", Value::Null),
        ],
        0..3,
    )
}

fn rest() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::sample::subsequence(
        vec![
            ("tags", json!({"a": "1"})),
            ("thresholds", json!({"http_reqs": ["count>1"]})),
            ("userAgent", json!("me")),
            ("noSetup", json!(true)),
            ("throng", json!({"seed": 3})),
            ("dns", json!({"ttl": "3s"})),
        ],
        0..4,
    )
}

/// A layer in which values that may differ depend on the layer.
fn layer() -> impl Strategy<Value = Value> {
    (load(), rest(), 1..9u64).prop_map(|(load, rest, number)| {
        let mut object: serde_json::Map<_, _> =
            load.into_iter().chain(rest).map(|(key, value)| (key.to_owned(), value)).collect();
        if object.contains_key("tags") {
            object.insert("tags".into(), json!({ "layer": number.to_string() }));
        }
        if number % 2 == 0 && object.contains_key("throng") {
            object.insert("throng".into(), json!({ "guestTimeLimit": number, "seed": null }));
            let select = if number % 4 == 0 { json!("select=first") } else { json!({ "select": "roundRobin" }) };
            object.insert("dns".into(), select);
        }
        Value::Object(object)
    })
}

proptest! {
    #[test]
    fn a_merged_layer_means_the_same_as_the_layers_between_others_too(
        values in prop::collection::vec(layer(), 0..4),
        (below, above) in (layer(), layer()),
    ) {
        let between = |layers: Vec<Value>| -> Vec<_> {
            let all = [vec![below.clone()], layers, vec![above.clone()]].concat();
            all.into_iter().map(|value| Layer::new("some", value)).collect()
        };
        let layers: Vec<_> = values.iter().map(|value| Layer::new("some", value.clone())).collect();
        let merged = Value::Object(merge(&layers));
        let (alone, layers_between) = ([Layer::new("some", merged.clone())], between(values));
        let same_origin = |mut options: Options| {
            options.scenarios_origin.clear();
            options.thresholds_origin.clear();
            options
        };
        for (layers, merged) in [(&layers[..], &alone[..]), (&layers_between, &between(vec![merged]))] {
            match (resolve(layers), resolve(merged)) {
                (Ok(of_layers), Ok(of_merged)) => {
                    prop_assert_eq!(same_origin(of_layers.options), same_origin(of_merged.options));
                }
                (of_layers, of_merged) => prop_assert_eq!(of_layers.is_ok(), of_merged.is_ok()),
            }
        }
    }
}
