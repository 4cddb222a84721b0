//! Which layer an option comes from.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Layer, fields};

/// The highest layer that gives each key, by k6's rules for load.
pub(super) fn of(layers: &[Layer]) -> BTreeMap<String, String> {
    let mut origins = BTreeMap::new();
    for layer in layers {
        let given = members(&layer.value);
        if given.iter().any(|(key, _)| fields::REPLACE_LOAD.contains(key)) {
            fields::REPLACE_LOAD.into_iter().for_each(|key| drop(origins.remove(key)));
        }
        for (key, value) in given {
            if key == fields::OWN {
                let own = members(value).into_iter().map(|(key, _)| format!("{}.{key}", fields::OWN));
                origins.extend(own.map(|key| (key.clone(), layer.origin_of(&key).to_owned())));
            } else {
                origins.insert(key.to_owned(), layer.origin_of(key).to_owned());
            }
        }
    }
    // `vus` alone goes before scenarios, whatever their layer.
    let others = ["iterations", "duration", "stages"];
    if origins.contains_key("vus") && !others.iter().any(|key| origins.contains_key(*key)) {
        origins.remove("scenarios");
    }
    origins
}

/// The keys of an object that are given, and what they are.
pub(super) fn members(value: &Value) -> Vec<(&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(key, value)| (key.as_str(), value)).filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_option_has_the_highest_layer_that_gives_it() {
        let layers = [
            Layer::new("file", json!({"userAgent": "a", "iterations": 5, "rps": 1, "throng": {"seed": 1}})),
            Layer::new("script", json!({"userAgent": "b", "vus": 3, "duration": "5s", "rps": null})),
            Layer::new("flags", json!({"vus": 4, "throng": {"memoryLimit": "1GiB"}})),
            Layer::new("nothing", json!(null)),
        ];
        let origins = of(&layers);
        let found: Vec<_> = origins.iter().map(|(key, origin)| (key.as_str(), origin.as_str())).collect();
        let expected = [
            ("duration", "script"),
            ("rps", "file"),
            ("throng.memoryLimit", "flags"),
            ("throng.seed", "file"),
            ("userAgent", "script"),
            ("vus", "flags"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn scenarios_that_vus_replace_come_from_nowhere() {
        let layers = [Layer::new("script", json!({"scenarios": {}})), Layer::new("flags", json!({"vus": 4}))];
        assert_eq!(of(&layers).into_keys().collect::<Vec<_>>(), ["vus"]);
        assert_eq!(of(&layers[..1]).into_keys().collect::<Vec<_>>(), ["scenarios"]);
    }
}
