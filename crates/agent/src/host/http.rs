//! Requests of a script: prepared once, sent, recorded.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use throng_stats::TagSet;
use throng_transport::http1::{
    Exchange, ExchangeOptions, Exchanged, Limits, Origin, Request, RequestHead, ResponseBuffer, exchange,
};
use throng_vu::{Failure, Reply, RequestSpec, Timings};
use url::Url;

use super::VuHost;
use crate::series::HttpSeries;
use crate::shard::ShardContext;

/// k6's time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(60);
/// k6's error codes: invalid URL, and what has no code of its own.
const CODE_URL: u16 = 1020;
const CODE_OTHER: u16 = 1000;

/// A request that was checked and encoded.
pub(crate) struct Prepared {
    encoded: Result<Rc<Request>, (u16, String)>,
    timeout: Duration,
    keep_body: bool,
    /// method, url, name and the request's own tags.
    tags: TagSet,
    /// The series of the last outcome: the next one is mostly the same.
    last: Cell<Option<(Outcome, HttpSeries)>>,
}

/// What tells the samples of one request apart, its own tags aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    place: u32,
    status: u16,
    code: u16,
}

/// A response that the script may still look at.
pub(crate) struct Received {
    pub(super) buffer: Box<ResponseBuffer>,
    pub(super) timings: Timings,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut found = None;
        self.buffer.fields(|field, value| {
            let is_it = field.eq_ignore_ascii_case(name);
            if is_it {
                found = Some(String::from_utf8_lossy(value).into_owned());
            }
            !is_it
        });
        found
    }

    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        self.buffer.fields(|field, value| {
            headers.push((field.to_owned(), String::from_utf8_lossy(value).into_owned()));
            true
        });
        headers
    }
}

impl Prepared {
    pub(super) fn new(shard: &ShardContext, spec: RequestSpec, tags: Result<TagSet, String>) -> Self {
        let own = tags.clone().unwrap_or_default();
        let name = own.get("name").unwrap_or(&spec.url).to_owned();
        // A given name stands for the URL too, so that URLs with numbers in them can be one series.
        let system = [("method", spec.method.as_str()), ("url", &name), ("name", &name), ("proto", "HTTP/1.1")];
        let tags_of_samples = TagSet::from_pairs(system).merged(&own);
        let encoded = match tags {
            Ok(_) => encode(shard, &spec).map(Rc::new),
            Err(message) => Err((CODE_OTHER, message)),
        };
        let timeout = spec.timeout_ms.map_or(TIMEOUT, |ms| Duration::from_millis(ms.into()));
        let keep_body = !spec.discard_body.unwrap_or(shard.settings.discard_bodies);
        Self { encoded, timeout, keep_body, tags: tags_of_samples, last: Cell::new(None) }
    }
}

/// Requests that VUs of a shard have in common: they are mostly the same, and what all VUs use stays warm.
#[derive(Default)]
pub(crate) struct PreparedRequests(RefCell<HashMap<Key, Rc<Prepared>>>);

/// All that a request without a body is made of.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    timeout_ms: Option<u32>,
    discard_body: Option<bool>,
    tags: TagSet,
}

impl PreparedRequests {
    /// Requests that are remembered; a script with ever new URLs doesn't fill the memory.
    const MAX: usize = 4096;

    pub(super) fn prepare(
        &self,
        shard: &ShardContext,
        spec: RequestSpec,
        tags: Result<TagSet, String>,
    ) -> Rc<Prepared> {
        let (None, Ok(own)) = (&spec.body, &tags) else { return Rc::new(Prepared::new(shard, spec, tags)) };
        let key = Key {
            method: spec.method.clone(),
            url: spec.url.clone(),
            headers: spec.headers.clone(),
            timeout_ms: spec.timeout_ms,
            discard_body: spec.discard_body,
            tags: own.clone(),
        };
        let mut known = self.0.borrow_mut();
        if let Some(prepared) = known.get(&key) {
            return Rc::clone(prepared);
        }
        let prepared = Rc::new(Prepared::new(shard, spec, tags));
        if known.len() < Self::MAX {
            known.insert(key, Rc::clone(&prepared));
        }
        prepared
    }
}

fn encode(shard: &ShardContext, spec: &RequestSpec) -> Result<Request, (u16, String)> {
    let invalid = |message: String| (CODE_URL, format!("invalid URL {:?}: {message}", spec.url));
    let url = Url::parse(&spec.url).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => invalid("it has no scheme; write http://host/path".into()),
        error => invalid(error.to_string()),
    })?;
    if url.scheme() != "http" {
        return Err(invalid(format!("the scheme {:?} isn't supported; use http", url.scheme())));
    }
    let host = url.host_str().ok_or_else(|| invalid("it has no host".into()))?;
    let port = url.port().unwrap_or(80);
    let host_header = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let head = RequestHead {
        method: &spec.method,
        target,
        host: &host_header,
        user_agent: &shard.settings.user_agent,
        headers: &spec.headers,
        close: shard.settings.close_connections,
    };
    let origin = shard.origin(host, port);
    Request::encode(origin, &head, spec.body.as_deref()).map_err(|error| (CODE_OTHER, error.to_string()))
}

impl ShardContext {
    /// The shard's one value for this host and port: pools compare it by address, and it remembers the name's addresses.
    fn origin(&self, host: &str, port: u16) -> Rc<Origin> {
        let mut origins = self.origins.borrow_mut();
        Rc::clone(origins.entry((host.to_owned(), port)).or_insert_with(|| Rc::new(Origin::new(host, port))))
    }
}

impl VuHost {
    pub(super) async fn exchange(
        &mut self,
        request: &Prepared,
        body: Option<Vec<u8>>,
    ) -> Result<Reply<Received>, Failure> {
        let encoded = match &request.encoded {
            Ok(encoded) => encoded,
            Err((code, message)) => {
                return Err(Failure { code: *code, message: message.clone(), duration_ns: 0 });
            }
        };
        let options =
            ExchangeOptions { timeout: request.timeout, keep_body: request.keep_body, limits: Limits::default() };
        let (shard, pool) = (self.shard.shard.clone(), std::mem::take(&mut self.pool));
        let exchanged = self.errand.run(exchange(shard, pool, Rc::clone(encoded), body, options)).await;
        let Exchanged { result, numbers, pool } = exchanged;
        self.pool = pool;
        self.sent_bytes += numbers.bytes_sent;
        self.received_bytes += numbers.bytes_received;
        match result {
            Ok(buffer) => {
                let status = buffer.status();
                let code = if status >= 400 { 1000 + status } else { 0 };
                self.record_http(request, status, code, "", &numbers);
                let (body_size, timings) = (buffer.body_bytes(), timings_of(&numbers));
                let duration_ns = numbers.timings.duration_ns();
                Ok(Reply { status, body_size, duration_ns, response: Received { buffer, timings } })
            }
            Err(error) => {
                let (code, message) = (error.code(), error.to_string());
                self.record_http(request, 0, code, &message, &numbers);
                Err(Failure { code, message, duration_ns: numbers.elapsed_ns })
            }
        }
    }

    fn record_http(&self, request: &Prepared, status: u16, code: u16, error: &str, numbers: &Exchange) {
        let expected = (200..400).contains(&status);
        let outcome = Outcome { place: self.place.number, status, code };
        let series = match request.last.get() {
            Some((last, series)) if last == outcome => series,
            _ => {
                let series = self.shard.series.http(&self.tags_of(request, outcome, error, expected));
                request.last.set(Some((outcome, series)));
                series
            }
        };
        let mut recorder = self.shard.series.recorder.borrow_mut();
        let timings = &numbers.timings;
        recorder.increment(series.requests, 1);
        recorder.rate(series.failed, !expected);
        recorder.record_ns(series.duration, timings.duration_ns());
        recorder.record_ns(series.blocked, timings.blocked_ns);
        recorder.record_ns(series.looking_up, timings.looking_up_ns);
        recorder.record_ns(series.connecting, timings.connecting_ns);
        recorder.record_ns(series.tls_handshaking, timings.tls_handshaking_ns);
        recorder.record_ns(series.sending, timings.sending_ns);
        recorder.record_ns(series.waiting, timings.waiting_ns);
        recorder.record_ns(series.receiving, timings.receiving_ns);
    }

    fn tags_of(&self, request: &Prepared, outcome: Outcome, error: &str, expected: bool) -> TagSet {
        let expected = if expected { "true" } else { "false" };
        let mut system = vec![("expected_response", expected.to_owned()), ("status", outcome.status.to_string())];
        if outcome.code != 0 {
            system.push(("error_code", outcome.code.to_string()));
        }
        if !error.is_empty() {
            system.push(("error", error.to_owned()));
        }
        self.place.tags.merged(&request.tags).merged(&TagSet::from_pairs(system))
    }
}

fn timings_of(numbers: &Exchange) -> Timings {
    let timings = &numbers.timings;
    Timings {
        blocked_ns: timings.blocked_ns,
        looking_up_ns: timings.looking_up_ns,
        connecting_ns: timings.connecting_ns,
        tls_handshaking_ns: timings.tls_handshaking_ns,
        sending_ns: timings.sending_ns,
        waiting_ns: timings.waiting_ns,
        receiving_ns: timings.receiving_ns,
    }
}
