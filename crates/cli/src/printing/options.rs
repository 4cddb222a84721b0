//! Options with their values and where they come from.

use std::collections::BTreeMap;

use serde_json::Value;
use throng_agent::Inspection;

/// What an option that nobody gives comes from.
const DEFAULT: &str = "default";
/// The most characters of a value that a line shows.
const SHOWN_CHARS_MAX: usize = 60;
/// Options that have a part of the page to themselves, or that are secret.
const NOT_SHOWN: [&str; 4] = ["scenarios", "thresholds", "tlsAuth", "throng.tlsCaCertificates"];

/// The place that each option comes from, by its key.
pub(crate) fn origins(inspection: &Inspection) -> BTreeMap<String, String> {
    let origin = |key: String| {
        let origin = inspection.origins.get(&key).map_or(DEFAULT, String::as_str).to_owned();
        (key, origin)
    };
    values(inspection).into_iter().map(|(key, _)| origin(key)).collect()
}

/// Keys, values and places in three columns: first what is given, then what isn't.
pub(super) fn listed(inspection: &Inspection) -> Vec<String> {
    let origins = origins(inspection);
    let rows = values(inspection).into_iter().map(|(key, value)| {
        let origin = origins.get(&key).map_or(DEFAULT, String::as_str);
        (shown(&key, &value), key, origin)
    });
    let (given, usual): (Vec<_>, Vec<_>) = rows.partition(|(_, _, origin)| *origin != DEFAULT);
    let rows = [given, usual].concat();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let keys = width(&mut rows.iter().map(|(_, key, _)| key.len()));
    let places = width(&mut rows.iter().map(|(_, _, origin)| origin.chars().count()));
    rows.iter()
        .map(|(value, key, origin)| format!("  {key:<keys$}  {origin:<places$}  {value}").trim_end().to_owned())
        .collect()
}

/// Each option's value: as the run has it, or as it was typed where it has become something else.
fn values(inspection: &Inspection) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    let typed = |key: &str| inspection.options.get(key).cloned().unwrap_or_default();
    if let Value::Object(options) = inspection.plan.options().to_json() {
        for (key, value) in options {
            match value {
                Value::Null => values.push((key.clone(), typed(&key))),
                Value::Object(own) if key == "throng" => {
                    values.extend(own.into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value)));
                }
                value => values.push((key, value)),
            }
        }
    }
    values
}

fn shown(key: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::Object(members) if NOT_SHOWN.contains(&key) => format!("({} of them)", members.len()),
        Value::Array(items) if NOT_SHOWN.contains(&key) => format!("({} of them)", items.len()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
