//! Reading `thresholds`.

use std::time::Duration;

use serde_json::Value;
use throng_stats::{Selector, Threshold, Thresholds};

use super::fields;
use super::reader::{Place, Reader, member};

/// Reads all thresholds; none if any was at fault. Whether their metrics exist is
/// not known here.
pub(super) fn read(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Thresholds> {
    let faults = reader.errors.len();
    let mut thresholds = Thresholds::new();
    for (key, value) in reader.object(place)? {
        let path = member(place.path(), key);
        let selector = Selector::parse(key);
        let list = reader.list(Place::new(value, &path), read_threshold);
        match (selector, list) {
            (Ok(selector), Some(list)) => thresholds.add(selector, list),
            (Err(error), _) => reader.fault(&path, error.to_string()),
            _ => {}
        }
    }
    (reader.errors.len() == faults).then_some(thresholds)
}

/// An expression, or an object with one.
fn read_threshold(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Threshold> {
    let object = match place.value {
        Value::String(expression) => return read_expression(reader, expression, place.path()),
        Value::Object(object) => object,
        _ => return reader.wrong_type(place, "an expression such as \"p(95)<200\", or an object"),
    };
    let faults = reader.errors.len();
    reader.check_keys((place.path(), "a threshold"), object, &fields::THRESHOLD, &[]);
    let path = |key| member(place.path(), key);
    let given = |key| object.get(key).filter(|value| !value.is_null());

    let threshold = match given("threshold") {
        Some(value) => {
            let path = path("threshold");
            let expression = reader.string(Place::new(value, &path));
            expression.and_then(|text| read_expression(reader, &text, &path))
        }
        None => {
            let message = "is required, for example \"p(95)<200\"";
            reader.fault(&path("threshold"), message);
            None
        }
    };
    let abort =
        given("abortOnFail").map(|value| reader.bool(Place::new(value, &path("abortOnFail")))).unwrap_or(Some(false));
    let delay = given("delayAbortEval")
        .and_then(|value| reader.duration(Place::new(value, &path("delayAbortEval")), Duration::ZERO));
    let threshold = threshold.filter(|_| reader.errors.len() == faults)?;
    Some(if abort? { threshold.abort_on_fail(delay) } else { threshold })
}

fn read_expression(reader: &mut Reader<'_>, expression: &str, path: &str) -> Option<Threshold> {
    let threshold = Threshold::parse(expression);
    threshold.map_err(|error| reader.fault(path, error.to_string())).ok()
}

/// `vu` and `iter` are never tags of a sample, so a threshold on them never sees one.
pub(super) fn warn_of_metadata(thresholds: &Thresholds, warnings: &mut Vec<String>) {
    for (selector, _) in thresholds.iter() {
        for (key, _) in selector.tags() {
            if key == "vu" || key == "iter" {
                warnings.push(format!("the threshold on `{selector}` never sees a sample: `{key}` isn't a tag"));
            }
        }
    }
}
