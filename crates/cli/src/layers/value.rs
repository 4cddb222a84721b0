//! From the text of a flag or variable to a value in k6's shape. A text that isn't what it should be becomes a string,
//! or a fault; which values are right is `plan`'s to say.

use std::fs;

use serde_json::{Map, Value, json};

use crate::args::Form;

/// What is wrong with a text.
pub(super) type Fault = String;

/// The value of the texts of a flag, each of which is one typing of it.
pub(super) fn of_flag(form: Form, texts: &[String]) -> Result<Option<Value>, Fault> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    value(form, &texts)
}

/// The value of a variable's text; an empty one is none (k6's rule).
pub(super) fn of_variable(form: Form, text: &str) -> Result<Option<Value>, Fault> {
    let pieces: Vec<_> = parts(text).collect();
    match form {
        _ if text.trim().is_empty() => Ok(None),
        Form::Repeated | Form::Pairs | Form::PemFiles => value(form, &pieces),
        Form::PairsOrJson if !is_json(text) => value(form, &pieces),
        _ => value(form, &[text]),
    }
}

fn value(form: Form, texts: &[&str]) -> Result<Option<Value>, Fault> {
    let last = texts.last().copied().unwrap_or_default();
    Ok(Some(match form {
        Form::Number => number(last),
        Form::Switch => switch(last),
        Form::Text => json!(last),
        Form::List => texts.iter().flat_map(|text| parts(text)).collect(),
        Form::Repeated => json!(texts),
        Form::Pairs => pairs(texts)?,
        Form::Stages => texts.iter().flat_map(|text| parts(text)).map(stage).collect(),
        Form::Json => from_json(last)?,
        Form::PairsOrJson if is_json(last) => from_json(last)?,
        Form::PairsOrJson => pairs(texts)?,
        Form::TextOrJson if is_json(last) => from_json(last)?,
        Form::TextOrJson => json!(last),
        Form::PemFiles => texts.iter().map(|path| pem(path)).collect::<Result<_, _>>()?,
        Form::Disables => match switch(last) {
            Value::Bool(true) => json!("disabled"),
            Value::Bool(false) => return Ok(None),
            other => return Err(format!("its switch must be true or false, not {other}")),
        },
    }))
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn number(text: &str) -> Value {
    let text = text.trim();
    let whole = text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from));
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    whole.unwrap_or_else(|_| match text.parse::<f64>() {
        Ok(number) if is_plain => json!(number),
        _ => json!(text),
    })
}

/// The words that Go takes, and so k6.
pub(super) fn switch(text: &str) -> Value {
    match text.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Value::Bool(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Value::Bool(false),
        other => json!(other),
    }
}

/// `NAME=VALUE`s, or `NAME:VALUE`s, as k6's variables have them.
fn pairs(texts: &[&str]) -> Result<Value, Fault> {
    let mut object = Map::new();
    for text in texts {
        let at = text.find('=').or_else(|| text.find(':'));
        let Some(at) = at else {
            return Err(format!("`{text}` isn't NAME=VALUE; write it like `name=value`"));
        };
        object.insert(text[..at].trim().to_owned(), json!(text[at + 1..].trim()));
    }
    Ok(Value::Object(object))
}

/// `TIME:TARGET`; a target that is no number stays a text.
fn stage(text: &str) -> Value {
    let (time, target) = match text.rsplit_once(':') {
        Some((time, target)) => (time.trim(), number(target)),
        None => (text, Value::Null),
    };
    json!({ "duration": time, "target": target })
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn from_json(text: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|error| format!("isn't valid JSON: {error}; write it as in a script's options"))
}

fn pem(path: &str) -> Result<Value, Fault> {
    let text = fs::read_to_string(path);
    text.map(Value::from).map_err(|error| format!("the file {path} can't be read: {error}; name a file in PEM form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(form: Form, texts: &[&str]) -> Value {
        value(form, texts).unwrap().unwrap()
    }

    fn variable(form: Form, text: &str) -> Value {
        of_variable(form, text).unwrap().unwrap()
    }

    #[test]
    fn texts_become_what_a_script_would_write() {
        for (form, text, expected) in [
            (Form::Number, "5", json!(5)),
            (Form::Number, "-5", json!(-5)),
            (Form::Number, "1.5", json!(1.5)),
            (Form::Number, "inf", json!("inf")),
            (Form::Number, "18446744073709551615", json!(u64::MAX)),
            (Form::Switch, "T", json!(true)),
            (Form::Switch, "0", json!(false)),
            (Form::Switch, "yes", json!("yes")),
            (Form::Text, "10s", json!("10s")),
            (Form::List, "a, b,,c", json!(["a", "b", "c"])),
            (Form::Repeated, "a=1,b", json!(["a=1", "b"])),
            (Form::Pairs, "a=1,b:2,c=x:y", json!({"a": "1", "b": "2", "c": "x:y"})),
            (Form::Stages, "10s:5,0:7", json!([{"duration": "10s", "target": 5}, {"duration": "0", "target": 7}])),
            (Form::Stages, "10s", json!([{"duration": "10s", "target": null}])),
            (Form::Json, "{\"a\": [1]}", json!({"a": [1]})),
            (Form::PairsOrJson, "a=192.0.2.1", json!({"a": "192.0.2.1"})),
            (Form::PairsOrJson, "{\"a\": \"::1\"}", json!({"a": "::1"})),
            (Form::TextOrJson, "ttl=0", json!("ttl=0")),
            (Form::TextOrJson, " {\"ttl\": 0}", json!({"ttl": 0})),
            (Form::Disables, "true", json!("disabled")),
        ] {
            assert_eq!(variable(form, text), expected, "{form:?} {text}");
        }
    }

    #[test]
    fn a_flag_for_each_holds_commas() {
        assert_eq!(flag(Form::Pairs, &["a=1,2", "b=3"]), json!({"a": "1,2", "b": "3"}));
        assert_eq!(flag(Form::Repeated, &["csv=a,b"]), json!(["csv=a,b"]));
        assert_eq!(flag(Form::List, &["a,b", "c"]), json!(["a", "b", "c"]));
        assert_eq!(flag(Form::List, &[""]), json!([]));
    }

    #[test]
    fn an_empty_variable_is_none() {
        assert_eq!(of_variable(Form::Text, " "), Ok(None));
        assert_eq!(of_variable(Form::Disables, "false"), Ok(None));
    }
}
