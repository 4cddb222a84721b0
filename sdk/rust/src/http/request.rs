//! Requests with everything that can be said about them.

use super::body::Content;
use super::exchange::Download;
use super::expected::{Statuses, expected_statuses};
use super::{Body, Exchange, Jar, Method, Prepared, Response, cache};
use crate::Tags;
use crate::bindings::throng::script::http as host;
use crate::tags::OwnTags;
use crate::time::milliseconds;
use std::time::Duration;

/// A request under construction.
///
/// Mistakes (an invalid URL or header) are no panic: sending gives a response with an error.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Content<'static>>,
    timeout: Option<Duration>,
    tags: OwnTags,
    response_body: Option<host::ResponseBody>,
    rest: Rest,
}

/// What few requests have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rest {
    query: Vec<(String, String)>,
    redirects_max: Option<u32>,
    compression: Vec<Coding>,
    digest: Option<(String, String)>,
    expected: Vec<(u16, u16)>,
    jar: u32,
    cookies: Vec<(String, String)>,
}

/// How a request's body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
    /// `br`, Brotli.
    Br,
    /// `zstd`, Zstandard.
    Zstd,
}

impl Request {
    /// A request of any method.
    pub fn new(method: impl Into<Method>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout: None,
            tags: OwnTags::default(),
            response_body: None,
            rest: Rest::default(),
        }
    }

    /// `GET url`
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// `HEAD url`
    pub fn head(url: impl Into<String>) -> Self {
        Self::new(Method::Head, url)
    }

    /// `POST url`
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// `PUT url`
    pub fn put(url: impl Into<String>) -> Self {
        Self::new(Method::Put, url)
    }

    /// `PATCH url`
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new(Method::Patch, url)
    }

    /// `DELETE url`
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new(Method::Delete, url)
    }

    /// Adds a header. `host`, `content-length`, `user-agent` and `connection` are added where they are missing.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body, and its content type where it brings one and no header said it.
    pub fn body<'a>(mut self, body: impl Into<Body<'a>>) -> Self {
        let body = body.into();
        if let Some(content_type) = body.content_type
            && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            self.headers.push(("content-type".to_owned(), content_type.into_owned()));
        }
        self.body = Some(body.content.into_owned());
        self
    }

    /// Sets a value as the body, in JSON.
    ///
    /// # Panics
    ///
    /// When the value has no JSON form.
    #[track_caller]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.body(super::json(value))
    }

    /// Limits the whole exchange; 60 s otherwise.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Adds a tag to this request's samples. Each different set of tags is kept, so values are few.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.add(key, value);
        self
    }

    /// Tags this request's samples with an interned set, which costs less than pair by pair.
    pub fn tags(mut self, set: Tags) -> Self {
        self.tags.set(set);
        self
    }

    /// Sets the tag `name`, under which many URLs count as one.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.tag("name", name)
    }

    /// Counts and drops the response's body, whatever the option `discardResponseBodies` says.
    pub fn discard_body(mut self) -> Self {
        self.response_body = Some(host::ResponseBody::Discard);
        self
    }

    /// Keeps the response's body, whatever the option `discardResponseBodies` says.
    pub fn keep_body(mut self) -> Self {
        self.response_body = Some(host::ResponseBody::Keep);
        self
    }

    /// Adds a name and value to the URL's query; both are encoded.
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.rest.query.push((name.into(), value.to_string()));
        self
    }

    /// Follows at most this many redirects, 0 for none; the option `maxRedirects` otherwise. Where there are more, the
    /// last redirect is the response.
    pub fn redirects(mut self, most: u32) -> Self {
        self.rest.redirects_max = Some(most);
        self
    }

    /// Compresses the body. More than one is applied in the order of the calls.
    pub fn compress(mut self, coding: Coding) -> Self {
        self.rest.compression.push(coding);
        self
    }

    /// Sends name and password (RFC 7617).
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        let credentials = super::base64::encode(format!("{user}:{password}").as_bytes());
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Sends a token (RFC 6750).
    pub fn bearer_auth(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Answers the server's challenge (RFC 7616): the request is sent without, and again with the answer.
    pub fn digest_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.rest.digest = Some((user.into(), password.into()));
        self
    }

    /// Counts these statuses as successes, in place of 200 to 399: one or a range, and more by more calls.
    pub fn expect(mut self, statuses: impl Into<Statuses>) -> Self {
        let Statuses(first, last) = statuses.into();
        self.rest.expected.push((first, last));
        self
    }

    /// Takes cookies from this jar and puts them there, in place of the VU's own.
    pub fn jar(mut self, jar: &Jar) -> Self {
        self.rest.jar = jar.number();
        self
    }

    /// Sends a cookie with this request alone, in place of one of that name in the jar.
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.rest.cookies.push((name.into(), value.into()));
        self
    }

    /// Begins the exchange and returns at once.
    ///
    /// # Panics
    ///
    /// As [`Request::send`].
    #[track_caller]
    pub fn start(self) -> Exchange {
        self.prepare().into_exchange()
    }

    /// Begins the exchange; the response's body is taken while it arrives.
    ///
    /// # Panics
    ///
    /// As [`Request::send`].
    #[track_caller]
    pub fn download(mut self) -> Download {
        self.response_body = Some(host::ResponseBody::Stream);
        Download::of(self.start())
    }

    /// Sends it and waits for the whole response.
    ///
    /// # Panics
    ///
    /// When tags are given both as a set and by pairs, a tag has no key, or this VU has made 65,536 different sets.
    #[track_caller]
    pub fn send(self) -> Response {
        if self.is_plain() {
            return cache::send(&self.method, &self.url, None);
        }
        self.prepare().send()
    }

    /// Has the host check and encode it, for sending it many times.
    ///
    /// # Panics
    ///
    /// As [`Request::send`].
    #[track_caller]
    pub fn prepare(self) -> Prepared {
        let tags = self.tags.number();
        let (body, parts) = match self.body {
            None => (None, Vec::new()),
            Some(Content::Bytes(bytes)) => (Some(bytes.into_owned()), Vec::new()),
            Some(Content::Parts(parts)) => (None, parts),
        };
        let options = host::RequestOptions {
            method: self.method.as_str().to_owned(),
            url: with_query(self.url, &self.rest.query),
            headers: self.headers,
            body,
            timeout_ms: self.timeout.map(milliseconds),
            tags,
            response_body: self.response_body,
            redirects_max: self.rest.redirects_max,
            compression: self.rest.compression.into_iter().map(coding).collect(),
            digest: self.rest.digest.map(|(user, password)| host::Credentials { user, password }),
            expected: if self.rest.expected.is_empty() { expected_statuses() } else { self.rest.expected },
            jar: self.rest.jar,
            cookies: self.rest.cookies,
        };
        Prepared::new(&options, parts)
    }

    fn is_plain(&self) -> bool {
        self.headers.is_empty()
            && self.body.is_none()
            && self.timeout.is_none()
            && self.tags == OwnTags::default()
            && self.response_body.is_none()
            && self.rest == Rest::default()
    }
}

fn coding(coding: Coding) -> host::Coding {
    match coding {
        Coding::Gzip => host::Coding::Gzip,
        Coding::Deflate => host::Coding::Deflate,
        Coding::Br => host::Coding::Br,
        Coding::Zstd => host::Coding::Zstd,
    }
}

/// The URL with more in its query, before the fragment.
fn with_query(url: String, pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return url;
    }
    let (before, fragment) = url.split_once('#').map_or((url.as_str(), None), |(before, of)| (before, Some(of)));
    let mut joined = before.to_owned();
    joined.push(if before.contains('?') { '&' } else { '?' });
    joined.push_str(&super::body::encode_pairs(pairs.iter().map(|(name, value)| (name, value))));
    if let Some(fragment) = fragment {
        joined.push('#');
        joined.push_str(fragment);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_rounded_to_none() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_micros(1_001)), 2);
        assert_eq!(milliseconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn a_header_of_the_scripts_wins_over_the_bodys_content_type() {
        let types = |request: Request| {
            request
                .headers
                .into_iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
                .collect::<Vec<_>>()
        };
        let own = types(Request::post("http://a/").header("Content-Type", "text/x").json(&1));
        assert_eq!(own, [("Content-Type".to_owned(), "text/x".to_owned())]);
        assert_eq!(types(Request::post("http://a/").json(&1))[0].1, "application/json");
    }

    #[test]
    fn a_query_is_added_to_what_the_url_has() {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>();
        let url = |url: &str, of: &[(&str, &str)]| with_query(url.to_owned(), &pairs(of));
        assert_eq!(url("http://a/b", &[]), "http://a/b");
        assert_eq!(url("http://a/b", &[("q", "x y"), ("n", "1&2")]), "http://a/b?q=x+y&n=1%262");
        assert_eq!(url("http://a/b?c=d#e?f", &[("q", "z")]), "http://a/b?c=d&q=z#e?f");
    }

    #[test]
    fn only_a_request_of_method_and_url_is_kept_prepared() {
        assert!(Request::get("http://a/").is_plain());
        assert!(!Request::get("http://a/").body("").is_plain());
        assert!(!Request::get("http://a/").name("a").is_plain());
        assert!(!Request::get("http://a/").discard_body().is_plain());
        assert!(!Request::get("http://a/").redirects(0).is_plain());
        assert!(!Request::get("http://a/").query("a", 1).is_plain());
        assert!(!Request::get("http://a/").expect(404).is_plain());
        assert!(!Request::get("http://a/").timeout(Duration::from_secs(1)).is_plain());
    }
}
