//! Layers laid over each other as they were typed, for an archive to hold.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::origins::members;
use super::{Layer, dns, fields};

/// Options whose members are laid over each other one by one.
const BY_MEMBER: [&str; 2] = [fields::OWN, "dns"];

/// Lays options over each other, the lowest layer first, into a layer that means the same as
/// all of them: [`resolve`](super::resolve) of it alone, or between the same other layers, gives the same options. What
/// isn't given stays so, and what is typed in a short form too, so that a layer above or below is laid over it as over
/// the layers; [`Options::to_json`](super::Options::to_json) has neither. Nothing is read or checked.
pub fn merge(layers: &[Layer]) -> Map<String, Value> {
    let mut merged = Map::new();
    for layer in layers {
        let given = members(&layer.value);
        if given.iter().any(|(key, _)| fields::REPLACE_LOAD.contains(key)) {
            fields::REPLACE_LOAD.into_iter().for_each(|key| drop(merged.remove(key)));
        }
        for (key, value) in given {
            let value = in_one_form(key, value);
            match merged.get_mut(key) {
                Some(Value::Object(lower)) if BY_MEMBER.contains(&key) && value.is_object() => {
                    lower.extend(members(&value).into_iter().map(|(key, value)| (key.to_owned(), value.clone())));
                }
                _ => drop(merged.insert(key.to_owned(), value.into_owned())),
            }
        }
    }
    merged
}

/// `dns` as an object, whose members can be laid over another's; anything else as it is.
fn in_one_form<'a>(key: &str, value: &'a Value) -> Cow<'a, Value> {
    let members = value.as_str().filter(|_| key == "dns").and_then(|text| dns::pairs(text).ok());
    members.map_or(Cow::Borrowed(value), |members| Cow::Owned(Value::Object(members)))
}
