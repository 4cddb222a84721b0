//! Reading `thresholds`.

use std::time::Duration;

use serde_json::{Map, Value, json};
use throng_stats::{Selector, Threshold, Thresholds};

use super::fields;
use super::reader::{Place, Reader, member};
use crate::duration;
use crate::system_tags::{SystemTag, SystemTags};

/// The shortest while that a threshold may look at: samples come once a second.
const SPAN_MIN: Duration = Duration::from_secs(1);
/// The longest; a run that is longer has thresholds over all of it.
const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);

/// Reads all thresholds, and leaves out those at fault. Whether their metrics exist is not known here.
pub(super) fn read(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Thresholds> {
    let mut thresholds = Thresholds::new();
    for (key, value) in reader.object(place)? {
        let path = member(place.path(), key);
        let selector = Selector::parse(key);
        let mut list = Vec::new();
        reader.list(Place::new(value, &path), |reader, place| {
            list.push(read_threshold(reader, place)?);
            Some(())
        });
        match selector {
            Ok(selector) => thresholds.add(selector, list),
            Err(error) => reader.fault(&path, error.to_string()),
        }
    }
    Some(thresholds)
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
    let flag = |reader: &mut Reader<'_>, key| match given(key) {
        Some(value) => reader.bool(Place::new(value, &path(key))),
        None => Some(false),
    };
    let (abort, require_samples) = (flag(reader, "abortOnFail"), flag(reader, "requireSamples"));
    let delay = given("delayAbortEval")
        .and_then(|value| reader.duration(Place::new(value, &path("delayAbortEval")), Duration::ZERO));
    let span = given("window").and_then(|value| read_span(reader, Place::new(value, &path("window"))));
    let mut threshold = threshold.filter(|_| reader.errors.len() == faults)?;
    if abort? {
        threshold = threshold.abort_on_fail(delay);
    }
    if require_samples? {
        threshold = threshold.require_samples();
    }
    Some(match span {
        Some(span) => threshold.over_last(span),
        None => threshold,
    })
}

fn read_span(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Duration> {
    let span = reader.duration(Place::new(place.value, place.path()), SPAN_MIN)?;
    if span > SPAN_MAX || span.subsec_nanos() > 0 {
        reader.fault(place.path(), "must be whole seconds, and at most 24h");
        return None;
    }
    Some(span)
}

/// A threshold as it is written, in an object only if it has to be.
pub(super) fn write(threshold: &Threshold) -> Value {
    let mut object = Map::new();
    object.insert("threshold".to_owned(), json!(threshold.expression().source()));
    if let Some(delay) = threshold.abort() {
        object.insert("abortOnFail".to_owned(), json!(true));
        object.insert("delayAbortEval".to_owned(), json!(delay.map(duration::format)));
    }
    if let Some(span) = threshold.span() {
        object.insert("window".to_owned(), json!(duration::format(span)));
    }
    if threshold.requires_samples() {
        object.insert("requireSamples".to_owned(), json!(true));
    }
    if object.len() == 1 { json!(threshold.expression().source()) } else { Value::Object(object) }
}

fn read_expression(reader: &mut Reader<'_>, expression: &str, path: &str) -> Option<Threshold> {
    let threshold = Threshold::parse(expression);
    threshold.map_err(|error| reader.fault(path, error.to_string())).ok()
}

/// A threshold on a tag that no sample has never sees one: `vu` and `iter` are never tags (k6's rule), and system tags
/// that are off aren't set.
pub(super) fn warn_of_tags(thresholds: &Thresholds, enabled: SystemTags, warnings: &mut Vec<String>) {
    for (selector, _) in thresholds.iter() {
        for (key, _) in selector.tags() {
            let reason = match SystemTag::parse(key) {
                Some(SystemTag::Vu | SystemTag::Iter) => format!("`{key}` isn't a tag"),
                Some(tag) if !enabled.contains(tag) => format!("`{key}` is off, `systemTags` doesn't have it"),
                _ => continue,
            };
            warnings.push(format!("the threshold on `{selector}` never sees a sample: {reason}"));
        }
    }
}
