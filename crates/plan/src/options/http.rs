//! Options of requests and connections.

use std::num::NonZeroU32;

use super::members::Members;
use super::reader::{Place, Reader};

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Header `user-agent` of requests that don't set it; throng's own without.
    pub user_agent: Option<String>,
    /// How many redirections a request follows; 0 follows none, and that is no error. By default 10.
    pub max_redirects: u32,
    /// Requests of one batch under way at once, of a VU; any number without. By default 20.
    pub batch: Option<NonZeroU32>,
    /// The same for one host; any number without. By default 6.
    pub batch_per_host: Option<NonZeroU32>,
    /// The most requests a second of the whole run (`rps`); any number without, which is the default.
    pub requests_per_second: Option<NonZeroU32>,
    /// How much of requests and responses is logged.
    pub debug: Option<HttpDebug>,
    /// Whether a request that fails ends its iteration, instead of being an outcome that the script looks at.
    pub throw: bool,
    /// Whether bodies of responses are counted and dropped.
    pub discard_response_bodies: bool,
    /// Whether every request has a connection of its own.
    pub no_connection_reuse: bool,
    /// Whether connections are closed after each iteration.
    pub no_vu_connection_reuse: bool,
    /// Whether a VU keeps its cookies from one iteration to the next.
    pub no_cookies_reset: bool,
}

/// What `httpDebug` logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpDebug {
    /// First lines and headers.
    Headers,
    /// Bodies too.
    Full,
}

impl HttpDebug {
    /// As it is written in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Full => "full",
        }
    }
}

/// k6's defaults.
impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            user_agent: None,
            max_redirects: 10,
            batch: NonZeroU32::new(20),
            batch_per_host: NonZeroU32::new(6),
            requests_per_second: None,
            debug: None,
            throw: false,
            discard_response_bodies: false,
            no_connection_reuse: false,
            no_vu_connection_reuse: false,
            no_cookies_reset: false,
        }
    }
}

/// What layers give of it.
#[derive(Debug, Default)]
pub(super) struct PartialHttp {
    user_agent: Option<String>,
    max_redirects: Option<u32>,
    batch: Option<Option<NonZeroU32>>,
    batch_per_host: Option<Option<NonZeroU32>>,
    requests_per_second: Option<Option<NonZeroU32>>,
    debug: Option<Option<HttpDebug>>,
    throw: Option<bool>,
    discard_response_bodies: Option<bool>,
    no_connection_reuse: Option<bool>,
    no_vu_connection_reuse: Option<bool>,
    no_cookies_reset: Option<bool>,
}

impl PartialHttp {
    pub(super) fn read(members: &Members<'_>, reader: &mut Reader<'_>) -> Self {
        Self {
            user_agent: members.read(reader, "userAgent", user_agent),
            max_redirects: members.read(reader, "maxRedirects", number),
            batch: members.read(reader, "batch", limit),
            batch_per_host: members.read(reader, "batchPerHost", limit),
            requests_per_second: members.read(reader, "rps", limit),
            debug: members.read(reader, "httpDebug", debug),
            throw: members.bool(reader, "throw"),
            discard_response_bodies: members.bool(reader, "discardResponseBodies"),
            no_connection_reuse: members.bool(reader, "noConnectionReuse"),
            no_vu_connection_reuse: members.bool(reader, "noVUConnectionReuse"),
            no_cookies_reset: members.bool(reader, "noCookiesReset"),
        }
    }

    pub(super) fn overlaid(self, upper: Self) -> Self {
        Self {
            user_agent: upper.user_agent.or(self.user_agent),
            max_redirects: upper.max_redirects.or(self.max_redirects),
            batch: upper.batch.or(self.batch),
            batch_per_host: upper.batch_per_host.or(self.batch_per_host),
            requests_per_second: upper.requests_per_second.or(self.requests_per_second),
            debug: upper.debug.or(self.debug),
            throw: upper.throw.or(self.throw),
            discard_response_bodies: upper.discard_response_bodies.or(self.discard_response_bodies),
            no_connection_reuse: upper.no_connection_reuse.or(self.no_connection_reuse),
            no_vu_connection_reuse: upper.no_vu_connection_reuse.or(self.no_vu_connection_reuse),
            no_cookies_reset: upper.no_cookies_reset.or(self.no_cookies_reset),
        }
    }

    pub(super) fn into_options(self) -> HttpOptions {
        let usual = HttpOptions::default();
        HttpOptions {
            user_agent: self.user_agent,
            max_redirects: self.max_redirects.unwrap_or(usual.max_redirects),
            batch: self.batch.unwrap_or(usual.batch),
            batch_per_host: self.batch_per_host.unwrap_or(usual.batch_per_host),
            requests_per_second: self.requests_per_second.flatten(),
            debug: self.debug.flatten(),
            throw: self.throw.unwrap_or(usual.throw),
            discard_response_bodies: self.discard_response_bodies.unwrap_or(usual.discard_response_bodies),
            no_connection_reuse: self.no_connection_reuse.unwrap_or(usual.no_connection_reuse),
            no_vu_connection_reuse: self.no_vu_connection_reuse.unwrap_or(usual.no_vu_connection_reuse),
            no_cookies_reset: self.no_cookies_reset.unwrap_or(usual.no_cookies_reset),
        }
    }
}

/// A header's value can't hold control characters.
fn user_agent(reader: &mut Reader<'_>, place: Place<'_>) -> Option<String> {
    let text = reader.string(place)?;
    if text.chars().any(|c| c.is_control() && c != '\t') {
        reader.fault(place.path(), "may not contain control characters");
        return None;
    }
    Some(text)
}

fn number(reader: &mut Reader<'_>, place: Place<'_>) -> Option<u32> {
    reader.whole(place, 0, u64::from(u32::MAX)).map(|value| value as u32)
}

/// 0 is no limit (k6's rule).
fn limit(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Option<NonZeroU32>> {
    number(reader, place).map(NonZeroU32::new)
}

/// An empty string is none (k6's rule).
fn debug(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Option<HttpDebug>> {
    let words = [("", None), ("headers", Some(HttpDebug::Headers)), ("full", Some(HttpDebug::Full))];
    reader.word(place, &words)
}
