//! Basic and bearer authentication: RFC 7617 and RFC 6750.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Reply, Request};
use crate::refusal::Refusal;

pub(crate) fn basic(request: &Request) -> Result<Reply, Refusal> {
    let parameters = request.parameters();
    let [user, password] = parameters.as_slice() else {
        return Err(Refusal::BadParameter("the path is /basic-auth/{user}/{password}"));
    };
    let expected = format!("{user}:{password}");
    let given = credentials(request, "basic").and_then(|given| STANDARD.decode(given).ok());
    if given.is_some_and(|given| given == expected.as_bytes()) {
        return Ok(Reply::json(200, &json!({ "authenticated": true, "user": user })));
    }
    Ok(denied("Basic realm=\"throng\", charset=\"UTF-8\"", "no user and password, or not these"))
}

pub(crate) fn bearer(request: &Request) -> Reply {
    match credentials(request, "bearer").filter(|token| !token.is_empty()) {
        Some(token) => Reply::json(200, &json!({ "authenticated": true, "token": token })),
        None => denied("Bearer", "no bearer token"),
    }
}

/// What the Authorization field says after the scheme, if it is that one.
pub(crate) fn credentials(request: &Request, scheme: &str) -> Option<String> {
    let field = request.field("authorization")?;
    let (found, rest) = field.trim().split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim().to_owned())
}

/// 401 with a challenge and a reason.
pub(crate) fn denied(challenge: &str, reason: &str) -> Reply {
    Reply::json(401, &json!({ "authenticated": false, "reason": reason })).with("WWW-Authenticate", challenge)
}
