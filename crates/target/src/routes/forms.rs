//! A small site with a login: everything is in signed cookies, so that no shard keeps any of it.

use super::{Reply, Request, inspect};
use crate::refusal::Refusal;
use crate::session::Desk;

/// The cookie that ties the form's token to its visitor.
const VISIT: &str = "visit";
/// The cookie of who has logged in.
const SESSION: &str = "session";
/// Longest user name.
const USER_BYTES_MAX: usize = 256;

/// The login form. A visitor who comes back keeps the visit, and with it the token.
pub(crate) fn page(request: &Request, desk: &Desk) -> Reply {
    let known = request.cookie(VISIT).filter(|visit| desk.secret.open(VISIT, visit).is_some());
    let visit = known.clone().unwrap_or_else(|| desk.secret.seal(VISIT, &desk.fresh()));
    let token = desk.secret.mark("csrf", &visit);
    let reply = Reply::html(format!(
        "<!DOCTYPE html>\n<html>\n<head><title>Login</title></head>\n<body>\n<h1>Login</h1>\n\
         <form id=\"login\" action=\"/login\" method=\"post\">\n\
         <input type=\"hidden\" name=\"csrf\" value=\"{token}\">\n\
         <input type=\"text\" name=\"username\" value=\"\">\n\
         <input type=\"password\" name=\"password\">\n\
         <input type=\"checkbox\" name=\"remember\" value=\"yes\" checked>\n\
         <select name=\"language\"><option value=\"en\" selected>English</option>\
         <option value=\"de\">Deutsch</option></select>\n\
         <button type=\"submit\" name=\"action\" value=\"login\">Log in</button>\n</form>\n\
         <p><a href=\"/account\">Account</a> <a href=\"/page\">A page</a> <a href=\"/links/10\">Links</a></p>\n\
         </body>\n</html>\n"
    ));
    if known.is_some() { reply } else { reply.with("Set-Cookie", &format!("{VISIT}={visit}; Path=/; HttpOnly")) }
}

/// Any user with any password may log in who sends the token that belongs to the visit.
pub(crate) fn login(request: &Request, body: &[u8], desk: &Desk) -> Result<Reply, Refusal> {
    if !inspect::is_form(&request.field("content-type").unwrap_or_default()) {
        return Err(Refusal::BadParameter("the form is sent as application/x-www-form-urlencoded"));
    }
    let of = |name: &str| form_urlencoded::parse(body).find(|(found, _)| found == name).map(|(_, value)| value);
    let visit = request.cookie(VISIT).filter(|visit| desk.secret.open(VISIT, visit).is_some());
    let visit = visit.ok_or(Refusal::Forbidden("the cookie `visit` of /forms is missing"))?;
    if of("csrf").is_none_or(|token| token != desk.secret.mark("csrf", &visit)) {
        return Err(Refusal::Forbidden("the field `csrf` isn't the token of the form"));
    }
    let user = of("username").filter(|user| !user.is_empty() && user.len() <= USER_BYTES_MAX);
    let user = user.ok_or(Refusal::Forbidden("the field `username` is empty, or longer than 256 bytes"))?;
    if of("password").is_none_or(|password| password.is_empty()) {
        return Err(Refusal::Forbidden("the field `password` is empty"));
    }
    // Cookies don't hold every character, what is encoded for a URL does.
    let name: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
    let session = desk.secret.seal(SESSION, &name);
    Ok(Reply::redirect(302, "/account").with("Set-Cookie", &format!("{SESSION}={session}; Path=/; HttpOnly")))
}

pub(crate) fn account(request: &Request, desk: &Desk) -> Reply {
    let cookie = request.cookie(SESSION);
    let Some(name) = cookie.as_deref().and_then(|session| desk.secret.open(SESSION, session)) else {
        let is_browser = request.fields_of("accept").any(|accepted| accepted.contains("text/html"));
        return if is_browser { Reply::redirect(302, "/forms") } else { Reply::status(401) };
    };
    let user = form_urlencoded::parse(name.as_bytes()).next().map(|(user, _)| escape(&user)).unwrap_or_default();
    Reply::html(format!(
        "<!DOCTYPE html>\n<html>\n<head><title>Account</title></head>\n<body>\n\
         <h1>Hello, <span id=\"user\">{user}</span></h1>\n<p><a href=\"/logout\">Log out</a></p>\n</body>\n</html>\n"
    ))
}

/// The client forgets its session. The server has none to end.
pub(crate) fn logout() -> Reply {
    Reply::redirect(302, "/forms").with("Set-Cookie", &format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly"))
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
