//! `/echo`: a body goes back as it came, and a request without one is described.

use httparse::Header;
use serde_json::{Map, Value};

use crate::request::Head;
use crate::task::Task;

/// POST, PUT and PATCH send their body back; every other method gets a description in JSON.
pub(crate) fn task(head: &Head<'_>, fields: &[Header<'_>]) -> Task {
    if matches!(head.method, "POST" | "PUT" | "PATCH") {
        let value = |name: &str| {
            let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            field.map(|field| field.value.into())
        };
        return Task::Return { content_type: value("content-type"), content_encoding: value("content-encoding") };
    }
    let mut headers = Map::new();
    for field in fields {
        let value = String::from_utf8_lossy(field.value);
        // RFC 9110 section 5.2: fields of one name are a list.
        match headers.entry(field.name.to_ascii_lowercase()) {
            serde_json::map::Entry::Vacant(place) => {
                place.insert(Value::String(value.into_owned()));
            }
            serde_json::map::Entry::Occupied(mut place) => {
                if let Value::String(before) = place.get_mut() {
                    before.push_str(", ");
                    before.push_str(&value);
                }
            }
        }
    }
    let mut description = Map::new();
    description.insert("method".into(), head.method.into());
    description.insert("path".into(), head.path.into());
    description.insert("query".into(), head.query.into());
    description.insert("headers".into(), headers.into());
    Task::Describe(Box::new(description))
}

/// The description as JSON, completed with the body; bytes that aren't UTF-8 are replaced.
pub(crate) fn describe(mut description: Map<String, Value>, body: &[u8]) -> Vec<u8> {
    description.insert("body".into(), String::from_utf8_lossy(body).into());
    let mut text = Value::Object(description).to_string().into_bytes();
    text.push(b'\n');
    text
}
