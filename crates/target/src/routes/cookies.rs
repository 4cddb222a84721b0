//! `/cookies`: what was sent, and setting and deleting.

use serde_json::{Map, json};

use super::{Reply, Request};
use crate::refusal::Refusal;

/// Names in the query that are attributes and no cookies.
const ATTRIBUTES: [&str; 5] = ["path", "domain", "max-age", "secure", "httponly"];

pub(crate) fn list(request: &Request) -> Reply {
    let cookies: Map<_, _> = request.cookies().into_iter().map(|(name, value)| (name, value.into())).collect();
    Reply::json(200, &json!({ "cookies": cookies }))
}

pub(crate) fn set(request: &Request) -> Result<Reply, Refusal> {
    let attributes = attributes(request, &ATTRIBUTES)?;
    answer(request, |value| format!("{value}{attributes}"))
}

pub(crate) fn delete(request: &Request) -> Result<Reply, Refusal> {
    let attributes = attributes(request, &["path", "domain"])?;
    answer(request, |_| format!("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0{attributes}"))
}

/// One Set-Cookie for each cookie in the query.
fn answer(request: &Request, of: impl Fn(&str) -> String) -> Result<Reply, Refusal> {
    let mut reply = Reply::redirect(302, "/cookies");
    let mut named = false;
    for (name, value) in request.arguments().filter(|(name, _)| !ATTRIBUTES.contains(&name.as_ref())) {
        let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Refusal::BadParameter("a cookie's name is of letters, digits and !#$%&'*+-.^_`|~"));
        }
        named = true;
        reply = reply.with("Set-Cookie", &format!("{name}={}", of(checked(&value)?)));
    }
    if named { Ok(reply) } else { Err(Refusal::BadParameter("name the cookies in the query: ?name=value")) }
}

/// The attributes that the query asks for. Without a path the cookie is for the whole server: its own default would be
/// only what lies beside `/cookies/set`.
fn attributes(request: &Request, allowed: &[&str]) -> Result<String, Refusal> {
    let mut text = String::new();
    for name in allowed {
        let given = request.argument(name);
        match (*name, given.as_deref()) {
            ("path", None) => text += "; Path=/",
            (_, None) | ("secure" | "httponly", Some("false" | "0")) => {}
            ("secure", Some(_)) => text += "; Secure",
            ("httponly", Some(_)) => text += "; HttpOnly",
            ("max-age", Some(value)) => {
                value.parse::<i64>().map_err(|_| Refusal::BadParameter("max-age is a number of seconds"))?;
                text += &format!("; Max-Age={value}");
            }
            ("path", Some(value)) => text += &format!("; Path={}", checked(value)?),
            (_, Some(value)) => text += &format!("; Domain={}", checked(value)?),
        }
    }
    Ok(text)
}

fn checked(value: &str) -> Result<&str, Refusal> {
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';') {
        return Ok(value);
    }
    Err(Refusal::BadParameter("a cookie's value, path and domain are printable ASCII without a semicolon"))
}
