//! Redirects.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{Reply, Request};
use crate::refusal::Refusal;
use crate::task::number;

/// Most hops of a chain.
const HOPS_MAX: u64 = 10_000;
/// What may not stand in a URL as it is.
const NO_URL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

pub(crate) fn relative(request: &Request) -> Result<Reply, Refusal> {
    hop(request, "/redirect/").map(|location| Reply::redirect(302, &location))
}

/// With scheme and host as the client called them; relative for a client of HTTP/1.0 that names none.
pub(crate) fn absolute(request: &Request) -> Result<Reply, Refusal> {
    let location = hop(request, "/absolute-redirect/")?;
    Ok(Reply::redirect(302, &format!("{}{location}", request.base().unwrap_or_default())))
}

fn hop(request: &Request, to: &str) -> Result<String, Refusal> {
    match number(request.parameter()) {
        Some(1) => Ok("/".to_owned()),
        Some(hops @ 2..=HOPS_MAX) => Ok(format!("{to}{}", hops - 1)),
        _ => Err(Refusal::BadParameter("the number of redirects is from 1 to 10000")),
    }
}

pub(crate) fn to(request: &Request) -> Result<Reply, Refusal> {
    let url = request.argument("url").ok_or(Refusal::BadParameter("say where to: ?url="))?;
    let status = request.argument("status_code").map_or(Some(302), |code| number(&code));
    match status {
        Some(status @ 300..=399) => {
            // A location is ASCII, and what is no URL can't end the line.
            Ok(Reply::redirect(status as u16, &utf8_percent_encode(&url, NO_URL).to_string()))
        }
        _ => Err(Refusal::BadParameter("a redirect's status is from 300 to 399")),
    }
}

pub(crate) fn endless() -> Reply {
    Reply::redirect(302, "/redirect-loop")
}
