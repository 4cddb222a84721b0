//! What the server sees of a request, in httpbin's shape.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::map::Entry;
use serde_json::{Map, Value, json};

use super::{Reply, Request};
use crate::request::{Multipart, PartEvent};

pub(crate) fn headers(request: &Request) -> Reply {
    Reply::json(200, &json!({ "headers": header_map(request) }))
}

pub(crate) fn ip(request: &Request) -> Reply {
    Reply::json(200, &json!({ "origin": request.origin() }))
}

pub(crate) fn json() -> Reply {
    let lines = [("bolt", 12, true), ("nut", 0, false), ("washer", 400, true)];
    let items: Value =
        lines.map(|(name, stock, sold)| json!({ "name": name, "stock": stock, "sold": sold })).into_iter().collect();
    Reply::json(200, &json!({ "shop": { "title": "Nuts & Bolts", "opened": 1994, "rating": 4.5, "items": items } }))
}

pub(crate) fn anything(request: &Request, body: &[u8]) -> Reply {
    let content_type = request.field("content-type").unwrap_or_default();
    let (mut form, mut files) = (Map::new(), Map::new());
    let mut data = as_text(body);
    if is_form(&content_type) {
        form = arguments(form_urlencoded::parse(body));
        data = String::new();
    } else if let Some(Ok(multipart)) = Multipart::of(&content_type) {
        (form, files) = parts(multipart, body);
        data = String::new();
    }
    let value = json!({
        "args": arguments(request.arguments()),
        "data": data,
        "files": files,
        "form": form,
        "headers": header_map(request),
        "json": serde_json::from_slice::<Value>(body).unwrap_or(Value::Null),
        "method": request.method,
        "origin": request.origin(),
        "url": url(request),
    });
    Reply::json(200, &value)
}

pub(super) fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

pub(super) fn url(request: &Request) -> String {
    format!("{}{}", request.base().unwrap_or_default(), request.target())
}

/// The fields, with their names in the customary capitals; those of one name are a list (RFC 9110 section 5.2).
pub(super) fn header_map(request: &Request) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, value) in &request.fields {
        let value = String::from_utf8_lossy(value);
        match headers.entry(in_capitals(name)) {
            Entry::Vacant(place) => {
                place.insert(value.into());
            }
            Entry::Occupied(mut place) => {
                if let Value::String(before) = place.get_mut() {
                    before.push_str(", ");
                    before.push_str(&value);
                }
            }
        }
    }
    headers
}

fn in_capitals(name: &str) -> String {
    let mut begins = true;
    let capital = |character: char| {
        let is_first = std::mem::replace(&mut begins, character == '-');
        if is_first { character.to_ascii_uppercase() } else { character.to_ascii_lowercase() }
    };
    name.chars().map(capital).collect()
}

/// Names with their values; those that come several times have a list.
pub(super) fn arguments<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in pairs {
        add(&mut map, name.into_owned(), value.into_owned());
    }
    map
}

fn add(map: &mut Map<String, Value>, name: String, value: String) {
    match map.entry(name) {
        Entry::Vacant(place) => {
            place.insert(value.into());
        }
        Entry::Occupied(mut place) => match place.get_mut() {
            Value::Array(values) => values.push(value.into()),
            first => *first = json!([first.take(), value]),
        },
    }
}

/// The fields and the files of multipart/form-data; of a malformed body what comes before the fault.
fn parts(mut multipart: Multipart, body: &[u8]) -> (Map<String, Value>, Map<String, Value>) {
    let mut found: Vec<(String, bool, Vec<u8>)> = Vec::new();
    let _ = multipart.feed(body, |event| match event {
        PartEvent::Begin(head) => found.push((head.name, head.filename.is_some(), Vec::new())),
        PartEvent::Data(data) => {
            if let Some((.., content)) = found.last_mut() {
                content.extend_from_slice(data);
            }
        }
    });
    let (mut form, mut files) = (Map::new(), Map::new());
    for (name, is_file, content) in found {
        add(if is_file { &mut files } else { &mut form }, name, as_text(&content));
    }
    (form, files)
}

/// Bytes as text, or else as a data URL.
fn as_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("data:application/octet-stream;base64,{}", STANDARD.encode(bytes)),
    }
}
