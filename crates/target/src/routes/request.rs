//! A request's head, kept until its body is there.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use httparse::Header;

use super::flow;
use crate::request::Head;
use crate::route::Route;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) address: Option<IpAddr>,
    /// The connection is encrypted.
    pub(crate) is_secure: bool,
}

/// The head of a request, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) is_http_1_1: bool,
    pub(crate) peer: Peer,
    /// Time to let pass before the answer.
    pub(crate) delay: Option<Duration>,
}

impl Request {
    pub(crate) fn new(route: Route, head: &Head<'_>, fields: &[Header<'_>], peer: Peer) -> Self {
        Self {
            method: head.method.into(),
            path: head.path.into(),
            query: head.query.into(),
            fields: fields.iter().map(|field| (field.name.into(), field.value.into())).collect(),
            is_http_1_1: head.is_http_1_1,
            peer,
            delay: if route == Route::Drip { flow::delay(head.query) } else { None },
        }
    }

    /// What follows the route's name in the path.
    pub(crate) fn parameter(&self) -> &str {
        Route::of(&self.path).1
    }

    /// The parameters, at the slashes, decoded.
    pub(crate) fn parameters(&self) -> Vec<Cow<'_, str>> {
        self.parameter().split('/').map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy()).collect()
    }

    /// Names and values of the query.
    pub(crate) fn arguments(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.query.as_bytes())
    }

    /// The query's first value of that name.
    pub(crate) fn argument(&self, name: &str) -> Option<Cow<'_, str>> {
        self.arguments().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The first field of that name, as text.
    pub(crate) fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.fields_of(name).next()
    }

    /// All fields of that name.
    pub(crate) fn fields_of(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let fields = self.fields.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// The path with its query.
    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Scheme and host, as the client called them; none from a client that doesn't say.
    pub(crate) fn base(&self) -> Option<String> {
        let scheme = if self.peer.is_secure { "https" } else { "http" };
        self.field("host").map(|host| format!("{scheme}://{host}"))
    }

    /// The client's address; empty if it isn't known.
    pub(crate) fn origin(&self) -> String {
        self.peer.address.map_or_else(String::new, |address| address.to_canonical().to_string())
    }

    /// The cookies that were sent; of one name the first, whose path is the longest.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let mut cookies: Vec<(String, String)> = Vec::new();
        for field in self.fields_of("cookie") {
            for pair in field.split(';') {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let (name, value) = (name.trim(), value.trim());
                if !name.is_empty() && !cookies.iter().any(|(known, _)| known == name) {
                    cookies.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        cookies
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}
