//! Layers laid over each other as they were typed, for an archive to hold.

use serde_json::{Map, Value};

use super::{Layer, fields};

/// What to run, of which a layer drops what lower layers say (k6's rule).
const LOAD: [&str; 4] = ["duration", "iterations", "stages", "scenarios"];
/// Options whose members are laid over each other one by one.
const BY_MEMBER: [&str; 2] = [fields::OWN, "dns"];

/// Lays options over each other, the lowest layer first, into a layer that means the same as
/// all of them: [`resolve`](super::resolve) of it alone gives the same options. Nothing is read or checked.
pub fn merge(layers: &[Layer]) -> Map<String, Value> {
    let mut merged = Map::new();
    for layer in layers {
        let Some(upper) = layer.value.as_object() else { continue };
        let given = |key: &str| upper.get(key).is_some_and(|value| !value.is_null());
        if LOAD.iter().any(|key| given(key)) {
            merged.retain(|key, _| !LOAD.contains(&key.as_str()));
        }
        for (key, value) in upper.iter().filter(|(_, value)| !value.is_null()) {
            match (merged.get_mut(key), value) {
                (Some(Value::Object(lower)), Value::Object(members)) if BY_MEMBER.contains(&key.as_str()) => {
                    lower.extend(
                        members.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())),
                    );
                }
                _ => {
                    merged.insert(key.clone(), value.clone());
                }
            }
        }
    }
    merged
}
