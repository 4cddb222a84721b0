//! Requests that were checked and encoded.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use throng_stats::TagSet;
use throng_transport::http1::{Origin, Request, RequestHead};
use throng_vu::{Credentials, RequestSpec, ResponseBody};
use throng_web::url::HttpUrl;
use throng_web::{auth, coding, redirect};

use super::samples::{LastSeries, LastTags};
use super::{CODE_OTHER, CODE_URL};
use crate::shard::ShardContext;

/// k6's time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A request that was checked and encoded, or why it can't be.
pub(crate) struct Prepared {
    pub(super) encoded: Result<Encoded, (u16, String)>,
    pub(crate) manner: Rc<Manner>,
    /// The URL as reports show it.
    pub(super) shown_url: String,
    /// method, url, name and the request's own tags.
    pub(super) tags: TagSet,
    pub(super) last: Cell<LastSeries>,
    /// For outputs.
    pub(super) last_tags: RefCell<LastTags>,
}

/// What goes on the wire, and what of it another request may need.
pub(super) struct Encoded {
    pub(super) request: Request,
    pub(super) origin: Rc<Origin>,
    pub(super) url: HttpUrl,
    pub(super) method: String,
    /// As the script gave them, without `cookie`.
    pub(super) headers: Vec<(String, String)>,
    /// The cookies that the script gave as a header.
    pub(super) cookie_header: Option<String>,
}

/// How a request is carried out: the same for all its redirects.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(super) timeout: Duration,
    pub(crate) response_body: ResponseBody,
    pub(super) redirects_max: u32,
    /// Whether the script set that limit, and so knows of it.
    pub(super) redirects_given: bool,
    pub(super) compression: Vec<coding::Coding>,
    pub(super) digest: Option<Credentials>,
    expected: Vec<(u16, u16)>,
    pub(super) jar: u32,
    pub(super) cookies: Vec<(String, String)>,
    own_tags: TagSet,
}

impl Manner {
    /// Whether this status is no failure: from 200 to 399 unless the script says otherwise.
    pub(super) fn expects(&self, status: u16) -> bool {
        if self.expected.is_empty() {
            return (200..400).contains(&status);
        }
        self.expected.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Prepared {
    fn new(shard: &ShardContext, spec: RequestSpec, tags: Result<TagSet, String>) -> Self {
        let http = &shard.settings.http;
        let manner = Manner {
            timeout: spec.timeout_ms.map_or(TIMEOUT, |ms| Duration::from_millis(ms.into())),
            response_body: spec.response_body.unwrap_or(if http.discard_response_bodies {
                ResponseBody::Discard
            } else {
                ResponseBody::Keep
            }),
            redirects_max: spec.redirects_max.unwrap_or(http.max_redirects),
            redirects_given: spec.redirects_max.is_some(),
            compression: spec.compression.iter().map(|coding| coding_of(*coding)).collect(),
            digest: spec.digest.clone(),
            expected: spec.expected.clone(),
            jar: spec.jar,
            cookies: spec.cookies.clone(),
            own_tags: tags.clone().unwrap_or_default(),
        };
        let url = HttpUrl::parse(&spec.url);
        let shown_url = url.as_ref().map_or_else(|_| spec.url.clone(), HttpUrl::shown);
        let encoded = match (tags, url) {
            (Err(message), _) => Err((CODE_OTHER, message)),
            (_, Err(error)) => Err((CODE_URL, format!("invalid URL {:?}: {error}", spec.url))),
            (Ok(_), Ok(url)) => encode_spec(shard, &spec, &manner, url),
        };
        Self::of(encoded, Rc::new(manner), &spec.method, shown_url)
    }

    fn of(encoded: Result<Encoded, (u16, String)>, manner: Rc<Manner>, method: &str, shown_url: String) -> Self {
        let name = manner.own_tags.get("name").unwrap_or(&shown_url).to_owned();
        // A given name stands for the URL too, so that URLs with numbers in them can be one series.
        let system = [("method", method), ("url", &name), ("name", &name), ("proto", "HTTP/1.1")];
        let tags = TagSet::from_pairs(system).merged(&manner.own_tags);
        Self { encoded, manner, shown_url, tags, last: Cell::default(), last_tags: RefCell::default() }
    }

    /// The request that a redirect leads to.
    pub(super) fn redirected(
        &self,
        shard: &ShardContext,
        from: &Encoded,
        next: redirect::Next,
        initial: &::url::Url,
        body: Option<&[u8]>,
    ) -> Self {
        let mut headers: Vec<_> = from.headers.clone();
        headers.retain(|(name, _)| next.keeps_header(name, initial));
        let cookie_header = from.cookie_header.clone().filter(|_| next.keeps_header("cookie", initial));
        if let Some(referer) = &next.referer
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("referer"))
        {
            headers.push(("Referer".to_owned(), referer.clone()));
        }
        let body = body.filter(|_| next.keep_body);
        let location = next.url.to_string();
        let url = HttpUrl::try_from(next.url).map_err(|error| (CODE_URL, format!("redirected to {location}: {error}")));
        let shown_url = url.as_ref().map_or(location, HttpUrl::shown);
        let encoded = url.and_then(|url| encode(shard, &next.method, url, headers, cookie_header, body));
        Self::of(encoded, Rc::clone(&self.manner), &next.method, shown_url)
    }

    /// The URL that it asks for.
    pub(crate) fn url(&self) -> &str {
        &self.shown_url
    }
}

fn coding_of(coding: throng_vu::Coding) -> coding::Coding {
    match coding {
        throng_vu::Coding::Gzip => coding::Coding::Gzip,
        throng_vu::Coding::Deflate => coding::Coding::Deflate,
        throng_vu::Coding::Br => coding::Coding::Brotli,
        throng_vu::Coding::Zstd => coding::Coding::Zstd,
    }
}

/// A body after all compressions that a script asked for.
pub(super) fn compressed(compression: &[coding::Coding], body: Vec<u8>) -> Vec<u8> {
    compression.iter().fold(body, |body, coding| coding::encode(*coding, &body))
}

fn encode_spec(
    shard: &ShardContext,
    spec: &RequestSpec,
    manner: &Manner,
    url: HttpUrl,
) -> Result<Encoded, (u16, String)> {
    let (cookies, mut headers): (Vec<_>, Vec<_>) =
        spec.headers.iter().cloned().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let given =
        |headers: &[(String, String)], name: &str| headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    if !manner.compression.is_empty() && !given(&headers, "content-encoding") {
        let names: Vec<_> = manner.compression.iter().map(|coding| coding.name()).collect();
        headers.push(("Content-Encoding".to_owned(), names.join(", ")));
    }
    if let Some(credentials) = url.credentials()
        && manner.digest.is_none()
        && !given(&headers, "authorization")
    {
        headers.push(("Authorization".to_owned(), auth::basic(credentials)));
    }
    let cookies: Vec<_> = cookies.into_iter().map(|(_, value)| value).collect();
    let cookie_header = (!cookies.is_empty()).then(|| cookies.join("; "));
    let body = spec.body.clone().map(|body| compressed(&manner.compression, body));
    encode(shard, &spec.method, url, headers, cookie_header, body.as_deref())
}

fn encode(
    shard: &ShardContext,
    method: &str,
    url: HttpUrl,
    headers: Vec<(String, String)>,
    cookie_header: Option<String>,
    body: Option<&[u8]>,
) -> Result<Encoded, (u16, String)> {
    // It goes out with the jar's cookies, unchecked by the encoder.
    if cookie_header.as_ref().is_some_and(|value| value.chars().any(char::is_control)) {
        return Err((CODE_OTHER, "invalid value of header \"cookie\": it contains a control character".to_owned()));
    }
    let head = RequestHead {
        method,
        target: url.request_target(),
        host: url.host_header(),
        user_agent: &shard.settings.user_agent,
        headers: &headers,
        close: shard.settings.http.no_connection_reuse,
    };
    let origin = shard.origins.of(&url, shard.settings.tls.as_ref());
    let origin = origin.map_err(|error| (error.code(), error.to_string()))?;
    let request = Request::encode(Rc::clone(&origin), &head, body).map_err(|error| (CODE_OTHER, error.to_string()))?;
    Ok(Encoded { request, origin, url, method: method.to_owned(), headers, cookie_header })
}

/// Requests that VUs of a shard have in common: they are mostly the same, and what all VUs use stays warm.
#[derive(Default)]
pub(crate) struct PreparedRequests(RefCell<HashMap<(RequestSpec, TagSet), Rc<Prepared>>>);

impl PreparedRequests {
    /// Requests that are remembered; a script with ever new URLs doesn't fill the memory.
    const MAX: usize = 4096;

    pub(crate) fn prepare(
        &self,
        shard: &ShardContext,
        mut spec: RequestSpec,
        tags: Result<TagSet, String>,
    ) -> Rc<Prepared> {
        let (None, Ok(own)) = (&spec.body, &tags) else { return Rc::new(Prepared::new(shard, spec, tags)) };
        // The number of a VU; what it stands for is beside it.
        spec.tags = 0;
        let key = (spec, own.clone());
        let mut known = self.0.borrow_mut();
        if let Some(prepared) = known.get(&key) {
            return Rc::clone(prepared);
        }
        let prepared = Rc::new(Prepared::new(shard, key.0.clone(), tags));
        if known.len() < Self::MAX {
            known.insert(key, Rc::clone(&prepared));
        }
        prepared
    }
}
